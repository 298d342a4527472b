import assert from "node:assert/strict";
import { Agent } from "node:https";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { call } from "./client.ts";
import { COLLECTOR, Proxy } from "./proxy.ts";

const PARALLEL = 50;

describe("a reload of the proxy", () => {
  let proxy: Proxy;
  before(async () => (proxy = await Proxy.start()));
  after(() => proxy.stop());

  it("lets requests on 50 kept connections end well", async () => {
    const agents = Array.from(
      { length: PARALLEL },
      () => new Agent({ keepAlive: true, maxSockets: 1 }),
    );
    const request = (agent: Agent, path: string) =>
      call(proxy.kms, { path, agent, auth: COLLECTOR });
    await Promise.all(agents.map((agent) => request(agent, "/")));

    const answers = agents.map((agent) => request(agent, "/slow?ms=1200"));
    while (proxy.upstream.received.filter(({ url }) => url.startsWith("/slow")).length < PARALLEL) {
      await sleep(10);
    }
    proxy.writeRelease("two");
    await proxy.reload("two");
    const finished = await Promise.all(answers);
    agents.forEach((agent) => agent.destroy());

    assert.deepEqual(
      finished.map(({ status, body }) => [status, body]),
      Array.from({ length: PARALLEL }, () => [200, "up\n"]),
    );
  });

  it("fails no request of 50 clients that connect anew each time", async () => {
    let done = false;
    let answered = 0;
    const failures: string[] = [];
    const clients = Array.from({ length: PARALLEL }, async () => {
      while (!done) {
        try {
          const { status } = await call(proxy.kms, { auth: COLLECTOR });
          if (status === 200) {
            answered++;
          } else {
            failures.push(String(status));
          }
        } catch (error) {
          failures.push(String(error));
        }
      }
    });
    for (const release of ["three", "four", "five"]) {
      proxy.writeRelease(release);
      await proxy.reload(release);
      await sleep(300);
    }
    done = true;
    await Promise.all(clients);
    assert.deepEqual(failures, []);
    assert.ok(answered > 100, `only ${answered} requests`);
  });

  it("takes up a new read time-out", async () => {
    proxy.writeRelease("six", { readTimeout: 1 });
    await proxy.reload("six");
    assert.equal((await call(proxy.kms, { path: "/slow?ms=1500", auth: COLLECTOR })).status, 504);
  });
});
