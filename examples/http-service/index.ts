/** A web site behind a TLS proxy: whoever has the password, or the client certificate, gets in. */
import * as pulumi from "@pulumi/pulumi";
import * as cybexp from "cybexp-pulumi";

const config = new pulumi.Config();
const serverName = "localhost";
const port = config.requireNumber("port");
const deployment = new cybexp.Deployment("http-service", { throwaway: true });

const site = new cybexp.HttpService("site", {
  deployment,
  role: "site",
  image: cybexp.imageId("site-image", config.require("image")),
  command: ["python3", "-m", "http.server", "8000", "--directory", "/srv"],
  files: { "/srv/index.html": "Hello\n" },
  port: 8000,
  user: "65532:65532",
  healthCheck: cybexp.httpHealthCheck(8000),
  stopSignal: "SIGINT", // Python as process 1 ignores SIGTERM.
  memory: 128,
  cpus: 1,
});

const serverCa = new cybexp.RotatedAuthority("server-ca", { commonName: "example server CA" });
const clientCa = new cybexp.RotatedAuthority("client-ca", { commonName: "example client CA" });
const users = new cybexp.UserList("user", { users: [{ name: "ann" }] });
const clients = new cybexp.ClientList("client", {
  authority: clientCa,
  clients: [{ name: "bob" }],
});

new cybexp.TlsProxy("proxy", {
  deployment,
  settings: { image: config.require("proxyImage"), serverName, address: "127.0.0.1" },
  certificate: new cybexp.ServerCertificate("certificate", { authority: serverCa, serverName }),
  users,
  clients,
  doors: [{ name: "site", listen: port, service: site, access: "either", maxBody: "1m" }],
});

export const url = `https://${serverName}:${port}/`;
export const ca = serverCa.bundle;
export const passwords = users.credentials;
export const certificates = clients.credentials;
