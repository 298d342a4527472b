import assert from "node:assert/strict";
import { chmodSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { Agent } from "node:https";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Docker } from "../../programs/docker/docker.ts";
import { reloadProxy } from "../../programs/release/reload.ts";
import { call } from "./client.ts";
import { COLLECTOR, Proxy, STATUS_PORT } from "./proxy.ts";

const PARALLEL = 50;

/** These tests are about reloads: however busy the machine is, an answer is worth the wait. */
const PATIENT = { readTimeout: 60 };

describe("a reload of the proxy", () => {
  let proxy: Proxy;
  before(async () => (proxy = await Proxy.start()));
  after(() => proxy.stop());

  it("lets requests on 50 kept connections succeed", async () => {
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
    proxy.writeRelease("two", PATIENT);
    await proxy.reload("two");
    const finished = await Promise.all(answers);
    agents.forEach((agent) => agent.destroy());

    assert.deepEqual(
      finished.map(({ status, body }) => [status, body]),
      Array.from({ length: PARALLEL }, () => [200, "up\n"]),
    );
  });

  /** What 50 clients that never pause get while there are three reloads. */
  const underReloads = async (releases: string[], agents: (Agent | undefined)[]) => {
    let done = false;
    let answered = 0;
    const failures: string[] = [];
    proxy.upstream.take();
    const clients = agents.map(async (agent) => {
      while (!done) {
        try {
          const { status } = await call(proxy.kms, { auth: COLLECTOR, ...(agent && { agent }) });
          if (status === 200) {
            answered++;
          } else {
            failures.push(String(status));
          }
        } catch (error) {
          failures.push((error as NodeJS.ErrnoException).code ?? String(error));
        }
      }
    });
    for (const release of releases) {
      proxy.writeRelease(release, PATIENT);
      await proxy.reload(release);
      await sleep(200);
    }
    done = true;
    await Promise.all(clients);
    assert.ok(answered > 100, `only ${answered} requests`);
    return { answered, failures };
  };

  it("closes no connection with a request in transit", async (t) => {
    let done = false;
    let last = 0;
    const answered = Array.from({ length: PARALLEL }, () => 0);
    const failures: string[] = [];
    const clients = answered.map(async (_, client) => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      while (!done) {
        try {
          const { status, headers } = await call(proxy.kms, {
            method: "POST",
            body: "record",
            auth: COLLECTOR,
            agent,
          });
          last += headers.connection === "close" ? 1 : 0;
          if (status === 200) {
            answered[client] = (answered[client] ?? 0) + 1;
          } else {
            failures.push(String(status));
          }
        } catch (error) {
          failures.push(String(error));
        }
        await sleep(50 + 50 * Math.random());
      }
      agent.destroy();
    });
    // However short a reload is: each client has a connection when it begins, and goes on after it.
    const allGoOn = async () => {
      const before = [...answered];
      while (failures.length === 0 && answered.some((count, client) => count === before[client])) {
        await sleep(10);
      }
    };
    for (const release of ["kept-1", "kept-2", "kept-3"]) {
      await allGoOn();
      proxy.writeRelease(release, PATIENT);
      await reloadProxy(
        new Docker(),
        { container: proxy.container, statusPort: STATUS_PORT },
        release,
      );
    }
    await allGoOn();
    done = true;
    await Promise.all(clients);
    const total = answered.reduce((sum, count) => sum + count, 0);
    t.diagnostic(`${total} requests, ${last} of them the last on their connection`);
    assert.deepEqual(failures, []);
    assert.deepEqual(
      readdirSync(proxy.tmp).filter((name) => name === "closing"),
      [],
    );
  });

  it("accepts and refuses as always while answers are the last on their connections", async () => {
    proxy.writeRelease("kept-4");
    await proxy.reload("kept-4");
    writeFileSync(join(proxy.tmp, "closing"), "");
    chmodSync(join(proxy.tmp, "closing"), 0o644);
    proxy.upstream.take();
    const answers = [
      await call(proxy.kms, { auth: COLLECTOR, method: "POST", body: "record", path: "/a?b=%2F" }),
      await call(proxy.kms, { auth: "collector:wrong" }),
      await call(proxy.kms, { auth: COLLECTOR, method: "POST", body: "x".repeat(65_537) }),
      await call(proxy.kms, { auth: COLLECTOR, path: "/never" }),
    ];
    rmSync(join(proxy.tmp, "closing"));
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 401, 413, 504],
    );
    for (const { body } of answers.slice(1)) {
      assert.match(body, /^\{"status":\d+,"door":"kms","error":/);
    }
    assert.deepEqual(
      proxy.upstream.take().map(({ method, url, bytes }) => [method, url, bytes]),
      [
        ["POST", "/a?b=%2F", 6],
        ["GET", "/never", 0],
      ],
    );
    const lines = await Promise.all(
      answers.map(({ headers }) => proxy.logged(headers["x-request-id"])),
    );
    assert.deepEqual(
      lines.map(({ status, path }) => [status, path]),
      [
        ["200", "/a"],
        ["401", "/"],
        ["413", "/"],
        ["504", "/never"],
      ],
    );
  });

  it("fails no request of 50 clients that connect anew each time", async () => {
    const anew = Array.from({ length: PARALLEL }, () => undefined);
    const { failures } = await underReloads(["three", "four", "five"], anew);
    assert.deepEqual(failures, []);
  });

  it("fails none of 50 that keep their connections, or before Nginx 1.27.4 only such as can be sent again", async () => {
    const kept = Array.from(
      { length: PARALLEL },
      () => new Agent({ keepAlive: true, maxSockets: 1 }),
    );
    const { answered, failures } = await underReloads(["six", "seven", "eight"], kept);
    kept.forEach((agent) => agent.destroy());
    // An idle connection that is closed as a request comes: what failed never reached the service.
    assert.equal(proxy.upstream.take().length, answered);
    const expected = proxy.dialect.keepaliveMinTimeout ? [] : ["ECONNRESET", "EPIPE"];
    assert.deepEqual(
      failures.filter((failure) => !expected.includes(failure)),
      [],
    );
  });

  it("applies a new read time-out", async () => {
    proxy.writeRelease("nine", { readTimeout: 1 });
    await proxy.reload("nine");
    assert.equal((await call(proxy.kms, { path: "/slow?ms=1500", auth: COLLECTOR })).status, 504);
  });
});
