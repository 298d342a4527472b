/** A web site behind a TLS proxy: who has the password or a client certificate gets in. */
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import * as lib from "cybexp-pulumi";

const config = new pulumi.Config();
const serverName = "localhost";
const deployment: lib.Deployment = {
  prefix: pulumi.getProject(),
  stack: pulumi.getStack(),
  id: new random.RandomId("deployment", { byteLength: 8 }).hex,
  throwaway: true,
  dockerHost: new pulumi.Config("docker").get("host"),
};

const site = new lib.HttpService("site", {
  deployment,
  role: "site",
  image: lib.imageId("site-image", config.require("image")),
  command: ["python3", "-m", "http.server", "8000", "--directory", "/srv"],
  port: 8000,
  user: "65532:65532",
  files: { "/srv/index.html": "Hello\n" },
  healthCheck: ["python3", "-c", "from urllib.request import *; urlopen('http://127.0.0.1:8000')"],
  memory: 128,
  cpus: 1,
});

const days = { validityDays: 90, renewBeforeDays: 30 };
const authority = (name: string) =>
  new lib.RotatedAuthority(name, {
    commonName: `${pulumi.getProject()} ${name}`,
    validityDays: 3650,
    generation: 1,
    overlap: false,
  });
const serverAuthority = authority("server-ca");
const users = new lib.UserList("user", { users: [{ name: "ann", generation: 1, retired: 0 }] });
const clients = new lib.ClientList("client", {
  authority: authority("client-ca"),
  clients: [{ name: "bob", generation: 1, retired: 0, revoked: false, keyType: "ecdsa" }],
  ...days,
});

new lib.TlsProxy("proxy", {
  deployment,
  settings: {
    image: config.require("proxyImage"),
    serverName,
    address: "127.0.0.1",
    readTimeout: 60,
    shutdownTimeout: 60,
  },
  certificate: new lib.ServerCertificate("certificate", {
    authority: serverAuthority,
    serverName,
    generation: 1,
    ...days,
  }),
  users,
  clients,
  doors: [
    {
      name: "site",
      listen: config.requireNumber("port"),
      service: site,
      access: "either",
      maxBody: "1m",
    },
  ],
});

export const url = `https://${serverName}:${config.requireNumber("port")}/`;
export const serverCa = serverAuthority.bundle;
export const userCredentials = users.credentials;
export const clientCredentials = clients.credentials;
