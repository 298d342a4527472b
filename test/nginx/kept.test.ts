/** Connections to a service that are kept, where Nginx can. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { nginxRoom } from "../../render/nginxRoom.ts";
import { call } from "./client.ts";
import { docker } from "./docker.ts";
import { ANALYST, COLLECTOR, Proxy } from "./proxy.ts";
import { WebSocketClient } from "./webSocket.ts";
import { WebUpstream } from "./webUpstream.ts";

describe("a door with kept connections", () => {
  let proxy: Proxy;
  let web: WebUpstream;
  before(async () => {
    proxy = await Proxy.start({
      behind: async (host) => (web = await WebUpstream.start(host)),
      doorChanges: {
        kms: { keepAlive: 8 },
        backend: { keepAlive: 8, profile: "web", maxBody: "1m" },
      },
      // So that a second request meets the connection of the first.
      room: { ...nginxRoom, workers: 1 },
    });
  });
  after(() => proxy.stop());
  beforeEach(async () => {
    // Longer than an idle connection is kept.
    await sleep(1300);
    web.connections = 0;
    web.requests.splice(0);
  });

  const post = (path: string) =>
    call(proxy.kms, { method: "POST", path, body: "record", auth: COLLECTOR });

  it("opens one for many requests, of any caller, and tells each caller's name", async () => {
    for (let round = 0; round < 10; round++) {
      for (const auth of [COLLECTOR, ANALYST]) {
        const { body } = await call(proxy.kms, { path: "/x", auth });
        const { headers } = JSON.parse(body) as { headers: Record<string, string> };
        assert.equal(headers["x-cybexp-user"], auth.split(":")[0]);
      }
    }
    assert.equal(web.requests.length, 20);
    assert.equal(web.connections, proxy.dialect.resolvingUpstreams ? 1 : 20);
  });

  it("keeps none longer than a second", async () => {
    await call(proxy.kms, { path: "/x", auth: COLLECTOR });
    await sleep(1500);
    await call(proxy.kms, { path: "/x", auth: COLLECTOR });
    assert.equal(web.connections, 2);
  });

  it("repeats what may be repeated if the service closes it, and nothing else", async () => {
    const kept = proxy.dialect.resolvingUpstreams;
    await call(proxy.kms, { path: "/x", auth: COLLECTOR });
    assert.equal((await call(proxy.kms, { path: "/used", auth: COLLECTOR })).status, 200);
    assert.equal(web.requests.length, kept ? 3 : 2);

    web.requests.splice(0);
    assert.equal((await post("/x")).status, 200);
    assert.equal((await post("/used")).status, kept ? 502 : 200);
    assert.deepEqual(
      web.requests.map(({ url }) => url),
      ["/x", "/used"],
    );
  });

  it("has WebSockets beside them", async () => {
    const socket = await WebSocketClient.open(proxy.backend, { auth: COLLECTOR });
    const [{ headers }, answer] = await Promise.all([
      socket.say("x"),
      call(proxy.backend, { path: "/x", auth: COLLECTOR }),
    ]);
    assert.deepEqual([headers["connection"], answer.status], ["upgrade", 200]);
    socket.close();
  });

  it("fails no request of a reload", async () => {
    const statuses = new Set<number>();
    let done = false;
    const asking = Array.from({ length: 4 }, async () => {
      while (!done) {
        // A connection of its own: before 1.27.4 a reload closes idle ones.
        statuses.add((await call(proxy.kms, { path: "/x", auth: COLLECTOR })).status);
      }
    });
    for (const release of ["two", "three"]) {
      proxy.writeRelease(release);
      await proxy.reload(release);
      await sleep(500);
    }
    done = true;
    await Promise.all(asking);
    assert.deepEqual([...statuses], [200]);
  });

  it("goes to a stand-in without them, and back", async () => {
    docker(["exec", proxy.container, "touch", "/tmp/handover-kms"]);
    assert.equal((await call(proxy.kms, { auth: COLLECTOR })).body, "up\n");
    docker(["exec", proxy.container, "rm", "/tmp/handover-kms"]);
    assert.equal((await call(proxy.kms, { path: "/x", auth: COLLECTOR })).status, 200);
    assert.deepEqual([proxy.standIn.take().length, web.requests.length], [1, 1]);
  });
});
