import assert from "node:assert/strict";
import { it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { docker } from "../project.ts";
import { type Container, type Deployed, run } from "./deployed.ts";
import { assertStored } from "./http.ts";

/** Answers every request with the headers that it came with. */
const MIRROR = `
import http.server, json
class Mirror(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({name.lower(): value for name, value in self.headers.items()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.HTTPServer(("0.0.0.0", 5000), Mirror).serve_forever()
`;

export function replacing(the: () => Deployed, stored: ReadonlyMap<string, Buffer>): void {
  it("keeps records and keys when containers are replaced, and finds a service at its new address", async () => {
    const before = the().containers();
    const key = await the().kmsKey();
    const network = the().network("kms");
    const address = (container: Container) =>
      container.NetworkSettings.Networks[network]?.IPAddress ?? "none";
    for (const role of ["backend", "backend-db", "kms"] as const) {
      docker("rm", "-f", before[role].Id);
    }
    assert.deepEqual(
      await faults(the()),
      ["backend", "backend-db", "kms"].map(
        (role) =>
          `container: ${the().network(role)} is gone: \`STACK=${the().project.stack} npm run up\` creates it again`,
      ),
    );
    // For as long as Nginx remembers the address (two seconds) it waits there in vain: a 504.
    await sleep(3000);
    const away = await the().call("backend", "/");
    assert.equal(away.status, 502);
    assert.match(away.text, /got no answer from the service/);

    // It takes the KMS's address, and for a while its name.
    const mirror = docker(
      ...["run", "-d", "--rm", "--network", network, "--network-alias", "kms"],
      ...["--entrypoint", "python3", before.kms.Image, "-c", MIRROR],
    );
    try {
      const inspect = () => (JSON.parse(docker("container", "inspect", mirror)) as [Container])[0];
      assert.equal(address(inspect()), address(before.kms));
      await assertHeaders(the());
      docker("network", "disconnect", network, mirror);
      docker("network", "connect", network, mirror);
      assert.equal(address(inspect()), address(before.kms));

      await the().up();
      const after = the().containers();
      assert.match(address(after.kms), /^\d/);
      assert.notEqual(address(after.kms), address(before.kms));
      assert.notEqual(after.backend.Id, before.backend.Id);
      assert.notEqual(after["backend-db"].Id, before["backend-db"].Id);
      assert.equal(run(after.proxy), run(before.proxy));
      assert.equal((await the().call("kms", "/")).text.trim(), "up");
      await assertAllStored(the(), stored);
      assert.equal(await the().kmsKey(), key);
    } finally {
      docker("rm", "-f", mirror);
    }
  });
}

/** What the doctor finds wrong, with the causes and without what follows from them. */
async function faults(the: Deployed): Promise<string[]> {
  const { code, stdout } = await the.npm("doctor");
  assert.equal(code, 1, stdout);
  const lines = [...stdout.matchAll(/^ {2}✖ (\S.*?) {2,}(.*)$/gm)];
  return lines.map(([, about, text]) => `${about}: ${text}`).sort();
}

async function assertAllStored(the: Deployed, stored: ReadonlyMap<string, Buffer>): Promise<void> {
  assert.equal(stored.size, 2, "the records were stored");
  for (const body of stored.values()) {
    await assertStored(the, body);
  }
}

/** What a service sees of a request. */
async function assertHeaders(the: Deployed): Promise<void> {
  const ask = () =>
    the.call("kms", "/", {
      headers: {
        "X-Authorization": "Bearer token",
        "X-Cybexp-User": "administrator",
        X_Cybexp_User: "administrator",
      },
    });
  // The program in the container takes a moment to listen.
  let answer = await ask();
  for (let tries = 0; answer.status === 502 && tries < 50; tries++) {
    await sleep(100);
    answer = await ask();
  }
  assert.equal(answer.status, 200, answer.text);
  const seen = JSON.parse(answer.text) as Record<string, string>;
  assert.equal(seen["authorization"], undefined);
  assert.equal(seen["x-authorization"], "Bearer token");
  assert.equal(seen["x-cybexp-user"], "collector");
  assert.equal(seen["x_cybexp_user"], undefined);
  assert.ok(!answer.text.includes(the.user("collector").password));
}
