/** One web site behind two proxies: people come in with a password at one, machines with a certificate at the other. */
import * as pulumi from "@pulumi/pulumi";
import * as cybexp from "cybexp-pulumi";

const config = new pulumi.Config();
const serverName = "localhost";
const deployment = new cybexp.Deployment("two-proxies", { throwaway: true });

const site = new cybexp.HttpService("site", {
  deployment,
  role: "site",
  image: cybexp.imageId("site-image", config.require("image")),
  command: ["python3", "-m", "http.server", "8000", "--directory", "/srv"],
  files: { "/srv/index.html": "Hello\n" },
  port: 8000,
  user: "65532:65532",
  healthCheck: cybexp.httpHealthCheck(8000),
  ...{ stopSignal: "SIGINT", memory: 128, cpus: 1 },
});

const serverCa = new cybexp.RotatedAuthority("server-ca", { commonName: "example server CA" });
const clientCa = new cybexp.RotatedAuthority("client-ca", { commonName: "example client CA" });
const users = new cybexp.UserList("user", { users: [{ name: "ann" }] });
const clients = new cybexp.ClientList("client", {
  authority: clientCa,
  clients: [{ name: "bob" }],
});
const certificate = new cybexp.ServerCertificate("server", { authority: serverCa, serverName });

const proxy = (role: string, access: cybexp.Access) => {
  const listen = config.requireNumber(role);
  const settings = { image: config.require("proxyImage"), serverName, address: "127.0.0.1" };
  const doors = [{ name: "site", listen, service: site, access, maxBody: "1m" }];
  new cybexp.TlsProxy(role, { deployment, role, settings, certificate, users, clients, doors });
  return `https://${serverName}:${listen}/`;
};

export const urls = {
  people: proxy("people", "password"),
  machines: proxy("machines", "certificate"),
};
export const ca = serverCa.bundle;
export const passwords = users.credentials;
export const certificates = clients.credentials;
