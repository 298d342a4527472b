import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { type FSWatcher, watch } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { call, type Door } from "./client.ts";
import { COLLECTOR, Proxy } from "./proxy.ts";

const MiB = 2 ** 20;

describe("bodies through the proxy", () => {
  let proxy: Proxy;
  before(async () => (proxy = await Proxy.start()));
  after(() => proxy.stop());
  beforeEach(() => void proxy.upstream.take());

  const post = (
    door: Door,
    body: Uint8Array,
    headers: Record<string, string> = {},
    path = "/add/enc-data",
  ) => call(door, { method: "POST", path, body, auth: COLLECTOR, headers });
  const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
  const CHUNKED = { "Transfer-Encoding": "chunked" };

  describe("sizes", () => {
    const passing: [string, () => Door, number, Record<string, string>][] = [
      ["16 MiB to the Backend", () => proxy.backend, 16 * MiB, {}],
      ["17 MiB to the Backend", () => proxy.backend, 17 * MiB, {}],
      ["16 MiB in chunks to the Backend", () => proxy.backend, 16 * MiB, CHUNKED],
      ["64 KiB to the KMS", () => proxy.kms, 65_536, {}],
      ["nothing to the KMS", () => proxy.kms, 0, {}],
    ];
    for (const [what, door, size, headers] of passing) {
      it(`passes ${what}, whole and with its length`, async () => {
        const body = randomBytes(size);
        assert.equal((await post(door(), body, headers)).status, 200);
        const [received, ...more] = proxy.upstream.take();
        assert.ok(received);
        assert.deepEqual([received.bytes, received.sha256, more], [size, sha256(body), []]);
        const lengths = received.headers.filter(([name]) =>
          /^(content-length|transfer-encoding)$/i.test(name),
        );
        assert.deepEqual(lengths, [["Content-Length", String(size)]]);
      });
    }

    const refused: [string, "kms" | "backend", number, Record<string, string>][] = [
      ["a byte more to the Backend", "backend", 17 * MiB + 1, {}],
      ["a byte more to the KMS", "kms", 65_537, {}],
      ["a byte more in chunks to the KMS", "kms", 65_537, CHUNKED],
    ];
    for (const [what, name, size, headers] of refused) {
      it(`refuses ${what}`, async () => {
        const answer = await post(proxy[name], randomBytes(size), headers);
        assert.deepEqual(
          [answer.status, answer.headers["content-type"]],
          [413, "application/json"],
        );
        const { status, door, error } = JSON.parse(answer.body) as Record<string, unknown>;
        assert.deepEqual(
          [status, door, error],
          [413, name, "The body is larger than the proxy takes for this service."],
        );
        assert.deepEqual(proxy.upstream.take(), []);
      });
    }
  });

  describe("files", () => {
    let written: string[];
    let watcher: FSWatcher;
    beforeEach(() => {
      written = [];
      watcher = watch(join(proxy.tmp, "client_body"), (_event, name) => written.push(String(name)));
    });
    afterEach(() => watcher.close());

    it("hold no record of 15 kB, nor one of 64 KiB", async () => {
      for (const size of [15_000, 65_536]) {
        for (const [door, headers] of [
          [proxy.backend, {}],
          [proxy.backend, CHUNKED],
          [proxy.kms, {}],
        ] as const) {
          assert.equal((await post(door, randomBytes(size), headers)).status, 200);
        }
      }
      await sleep(100);
      assert.deepEqual(written, []);
    });

    it("hold a larger one while it is in transit", async () => {
      assert.equal((await post(proxy.backend, randomBytes(200_000))).status, 200);
      await sleep(100);
      assert.ok(written.length > 0, "the watcher sees a file that is written");
    });
  });

  describe("a service that fails", () => {
    it("gets a POST only once, although it dies with it", async () => {
      const answer = await post(proxy.backend, randomBytes(15_000), {}, "/die");
      assert.equal(answer.status, 502);
      const { door, error } = JSON.parse(answer.body) as Record<string, unknown>;
      assert.deepEqual(
        [door, error],
        ["backend", "The proxy got no answer from the service behind it."],
      );
      await sleep(300);
      assert.deepEqual(
        proxy.upstream.take().map(({ method, url, bytes }) => [method, url, bytes]),
        [["POST", "/die", 15_000]],
      );
    });

    it("is given up on after the read time-out, with 504", async () => {
      const start = performance.now();
      const answer = await call(proxy.kms, { path: "/never", auth: COLLECTOR });
      const seconds = (performance.now() - start) / 1000;
      assert.equal(answer.status, 504);
      assert.match(
        answer.body,
        /"door":"kms","error":"The service behind the proxy took too long to answer\."/,
      );
      assert.ok(seconds >= 2 && seconds < 4, `${seconds} s`);
      assert.equal(proxy.upstream.take().length, 1);
    });

    it("may take as long as that to answer", async () => {
      const answer = await call(proxy.kms, { path: "/slow?ms=1500", auth: COLLECTOR });
      assert.deepEqual([answer.status, answer.body], [200, "up\n"]);
    });
  });

  it("passes a large answer whole, without a file", async () => {
    const written: string[] = [];
    const watcher = watch(join(proxy.tmp, "proxy"), (_event, name) => written.push(String(name)));
    const answer = await call(proxy.backend, { path: `/large?bytes=${32 * MiB}`, auth: COLLECTOR });
    watcher.close();
    assert.deepEqual([answer.status, answer.bytes, written], [200, 32 * MiB, []]);
  });
});
