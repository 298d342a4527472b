/** A web application behind a TLS proxy that asks for a password: pages, a WebSocket and server-sent events. */
import { readdirSync, readFileSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import * as cybexp from "cybexp-pulumi";

const config = new pulumi.Config();
const serverName = "localhost";
const listen = config.requireNumber("port");
const deployment = new cybexp.Deployment("web-application", { throwaway: true });

const app = new cybexp.HttpService("app", {
  deployment,
  role: "app",
  image: cybexp.imageId("app-image", config.require("image")),
  command: ["python3", "/app/server.py"],
  files: Object.fromEntries(
    readdirSync("app").map((name) => [`/app/${name}`, readFileSync(`app/${name}`, "utf8")]),
  ),
  port: 8000,
  user: "65532:65532",
  healthCheck: cybexp.httpHealthCheck(8000),
  stopSignal: "SIGINT", // Python as process 1 ignores SIGTERM.
  memory: 128,
  cpus: 1,
});

const authority = new cybexp.RotatedAuthority("ca", { commonName: "example CA" });
const users = new cybexp.UserList("user", { users: [{ name: "ann" }] });

new cybexp.TlsProxy("proxy", {
  deployment,
  settings: { image: config.require("proxyImage"), serverName, address: "127.0.0.1" },
  certificate: new cybexp.ServerCertificate("certificate", { authority, serverName }),
  users,
  clients: new cybexp.ClientList("client", { authority, clients: [] }),
  doors: [{ name: "app", listen, service: app, access: "password", maxBody: "1m", profile: "web" }],
});

export const url = `https://${serverName}:${listen}/`;
export const ca = authority.bundle;
export const passwords = users.credentials;
