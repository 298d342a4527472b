/** A service with a secret file, and a user whose password is in the config: guarded before, checked after. */
import { readFileSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import * as cybexp from "cybexp-pulumi";

const config = new pulumi.Config();
const passwords = config.requireSecretObject<Record<string, string>>("passwords");
const users = ["ann"].map((name) => ({
  name, // Plain, because it names resources.
  generation: config.getNumber("generation") ?? 1,
  password: passwords.apply((all) => all[name] ?? ""),
}));
const guard = new cybexp.RotationGuard("guard", { users });
const id = guard.after(new random.RandomId("id", { byteLength: 8 }).hex);
const deployment = new cybexp.Deployment("secret-from-config", { id, throwaway: true });
const instance = new random.RandomPet("instance").id;
const site = new cybexp.HttpService("site", {
  ...{ deployment, role: "site", port: 8000, user: "65532:65532", memory: 128, cpus: 1 },
  image: cybexp.imageId("site-image", config.require("image")),
  command: ["python3", "/app.py"],
  files: { "/app.py": readFileSync("app.py", "utf8"), "/token": config.requireSecret("token") },
  environment: { INSTANCE: instance, TOKEN_FILE: "/token" }, // Never the token itself.
  healthCheck: cybexp.httpHealthCheck(8000),
  stopSignal: "SIGINT", // Python as process 1 ignores SIGTERM.
});
const [serverName, listen] = ["localhost", config.requireNumber("port")];
const authority = new cybexp.RotatedAuthority("server-ca", { commonName: "example server CA" });
const clientCa = new cybexp.RotatedAuthority("client-ca", { commonName: "example client CA" });
const proxy = new cybexp.TlsProxy("proxy", {
  ...{ deployment, users: new cybexp.UserList("user", { users }) },
  settings: { image: config.require("proxyImage"), serverName, address: "127.0.0.1" },
  certificate: new cybexp.ServerCertificate("certificate", { authority, serverName }),
  clients: new cybexp.ClientList("client", { authority: clientCa, clients: [] }),
  doors: [{ name: "site", listen, service: site, access: "password", maxBody: "1m" }],
});
const body = pulumi.interpolate`ann at ${instance}, which has a token of 20 characters`;
export const ca = authority.bundle;
new cybexp.SmokeCheck("smoke", { deployment, proxy, serverCa: ca, expect: { site: { body } } });
export const url = `https://${serverName}:${listen}/`;
