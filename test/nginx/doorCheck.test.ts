/** What an `up` ends with: each door is called as a stranger and as a friend. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { renderCrls } from "../../render/crl.ts";
import type { NginxAccess } from "../../render/nginxClients.ts";
import { type CheckedDoor, checkDoor } from "../../programs/smoke/doorCheck.ts";
import { makeAuthority, makeClient } from "./clientPki.ts";
import { COLLECTOR, Proxy } from "./proxy.ts";

const [user = "", password = ""] = COLLECTOR.split(":");
const authority = await makeAuthority("client CA 1");
const ann = await makeClient(authority, "ann");
const removed = await makeClient(authority, "removed");

for (const access of [
  { kms: "password", backend: "certificate" },
  { kms: "either", backend: "both" },
] as const) {
  describe(`the check of doors of ${access.kms} and ${access.backend}`, () => {
    let proxy: Proxy;
    before(async () => {
      const revocations = await renderCrls({
        authorities: [authority],
        revoked: [],
        previous: "",
        now: new Date(),
      });
      proxy = await Proxy.start({
        serverNames: ["localhost"],
        access,
        clients: [ann.listed],
        clientFiles: { "client-ca.crt": authority.certificate, "client-ca.crl": revocations },
      });
    });
    after(() => proxy.stop());

    const check = (
      name: "kms" | "backend",
      changes: Partial<Parameters<typeof checkDoor>[0]> = {},
      as: NginxAccess = access[name],
      address?: string,
    ) => {
      const door: CheckedDoor = { name, port: proxy[name].port, access: as, address };
      const callers = {
        serverName: "localhost",
        serverCa: proxy.ca,
        credential: { user, password },
        client: ann,
      };
      return checkDoor({ ...callers, ...changes }, door);
    };

    for (const name of ["kms", "backend"] as const) {
      it(`passes for ${access[name]}, and without any client`, async () => {
        await check(name);
        await check(name, { client: undefined });
      });

      it(`passes for ${access[name]} at the proxy's own address if the name leads nowhere`, async (t) => {
        const { port } = proxy[name];
        // As behind a NAT that has no way back in.
        process.env["CYBEXP_REHEARSAL_HOSTS"] = '{"localhost":"127.9.9.9"}';
        t.after(() => delete process.env["CYBEXP_REHEARSAL_HOSTS"]);
        await assert.rejects(check(name), { message: /^connection: nothing listens at localhost/ });
        assert.equal(
          await check(name, {}, access[name], "127.0.0.1"),
          `localhost:${port} can't be reached by its name from this machine, so the proxy was called at 127.0.0.1, where it works: ` +
            "make sure that clients can reach it by its name",
        );
        await assert.rejects(check(name, {}, access[name], "127.8.8.8"), {
          message: /^connection: nothing listens at localhost/,
        });
      });

      it(`reports ${access[name]} if another door is expected`, async () => {
        const wrong = access[name] === "certificate" || access[name] === "both" ? "either" : "both";
        await assert.rejects(check(name, {}, wrong), {
          name: "UserError",
          message:
            /^https:\/\/localhost:\d+\/ answers 40[13] to a caller without a \w+ instead of 40[13]: the door is open$/,
        });
      });

      it(`says whose password or certificate ${access[name]} refuses`, async () => {
        const strangers = { credential: { user, password: "wrong" }, client: removed };
        await assert.rejects(check(name, strangers), {
          name: "UserError",
          message:
            access[name] === "certificate" || access[name] === "both"
              ? /refuses a certificate of this stack \(403\): \{.*"certificate":"unlisted"/
              : /refuses the password of collector \(401\)/,
        });
      });
    }
  });
}
