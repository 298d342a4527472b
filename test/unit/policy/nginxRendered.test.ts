/** The rule of the doors against whatever this project's own rendering writes. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { COMMAND } from "../../../names/types.ts";
import { nginxDoor } from "../../../policy/rules/nginxDoor.ts";
import { tlsFloor } from "../../../policy/rules/tlsFloor.ts";
import { type NginxOptions, renderNginx } from "../../../render/nginx.ts";
import type { NginxAccess } from "../../../render/nginxClients.ts";
import { judge, resource } from "./judge.ts";

const DIGEST = "0123456789abcdef0123456789abcdef";
const ACCESS: readonly NginxAccess[] = ["password", "certificate", "either", "both"];

const render = (
  access: readonly NginxAccess[],
  clients = 2,
  serverNames: readonly string[] = ["cybexp.example.org"],
) => {
  const options: NginxOptions = {
    serverNames,
    doors: access.map((one, index) => ({
      name: `door${index}`,
      port: 8441 + index,
      upstream: `service${index}:5000`,
      standIn: `service${index}-handover:5000`,
      maxBody: "64k",
      access: one,
    })),
    clients: Array.from({ length: clients }, (_, index) => ({
      name: `client${index}`,
      subject: `serialNumber=${index + 1}-${DIGEST},CN=client${index},O=CYBEX-P`,
      revoked: index === 0,
    })),
    readTimeout: 60,
    shutdownTimeout: 90,
    statusPort: 8081,
    releaseDir: `/release/releases/${DIGEST}`,
    passwords: { salt: "0123456789abcdefABCDEF", digests: { ann: "AAAAAAAAAAAAAAAAAAAAAA" } },
    resolver: "127.0.0.11",
    release: DIGEST,
  };
  return renderNginx(options);
};

const told = (conf: string) => {
  const files = { "nginx.conf": { content: conf } };
  const delivery = resource(COMMAND, "delivery", { stdin: JSON.stringify({ files }) });
  return [...judge(nginxDoor, [delivery]), ...judge(tlsFloor, [delivery])];
};

describe("the rule of the doors", () => {
  for (const first of ACCESS) {
    it(`takes a ${first} door beside any other`, () => {
      for (const second of ACCESS) {
        assert.deepEqual(told(render([first, second])), [], second);
      }
    });
  }

  it("accepts doors with many names, and callers that send none", () => {
    const names = ["cybexp.example.org", "*.apps.example.org", "192.0.2.7", "2001:db8::7"];
    assert.deepEqual(told(render(ACCESS, 2, names)), []);
    const open = render(["password"], 2, names).replace(/auth_basic \$\w+;/, "auth_basic off;");
    assert.notDeepEqual(told(open), []);
  });

  it("reports a password door that no longer asks for the password", () => {
    const open = render(["password"]).replace(/auth_basic \$\w+;/, "auth_basic off;");
    assert.notDeepEqual(told(open), []);
  });

  it("reads the lists of 300 clients within a second", () => {
    const conf = render(ACCESS, 300);
    const start = performance.now();
    assert.deepEqual(told(conf), []);
    assert.ok(performance.now() - start < 1000, `${performance.now() - start} ms`);
  });
});
