import assert from "node:assert/strict";
import { Agent, request } from "node:https";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { handoverFile } from "../../render/proxySignals.ts";
import { call } from "./client.ts";
import { docker } from "./docker.ts";
import { COLLECTOR, Proxy } from "./proxy.ts";

describe("a handover of a door", () => {
  let proxy: Proxy;
  let own: string;
  let standIn: string;
  before(async () => {
    // However busy the machine is: the commands in between take their time.
    proxy = await Proxy.start({ readTimeout: 60, shutdownTimeout: 60 });
    own = proxy.at(proxy.upstream);
    standIn = proxy.at(proxy.standIn);
  });
  after(() => proxy.stop());

  const hand = (to: "own" | "stand-in", door = "kms") =>
    docker([
      ...["exec", proxy.container],
      ...(to === "own" ? ["rm"] : ["touch"]),
      handoverFile(door),
    ]);
  /** 204 when no request is under way there, 409 when one is. */
  const idle = (upstream: string) =>
    docker([
      ...["exec", proxy.container, "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}"],
      `http://127.0.0.1:8081/idle?upstream=${upstream}`,
    ]);
  const reached = () => [proxy.upstream.take().length, proxy.standIn.take().length];

  it("needs no reload: the next request on the same connection follows it, there and back", async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    let connections = 0;
    const ask = async () => {
      const { status } = await call(proxy.kms, { auth: COLLECTOR, agent });
      assert.equal(status, 200);
    };
    agent.on("free", () => (connections = Object.values(agent.freeSockets).length));
    await ask();
    assert.deepEqual(reached(), [1, 0]);
    hand("stand-in");
    await ask();
    assert.deepEqual(reached(), [0, 1]);
    hand("own");
    await ask();
    assert.deepEqual(reached(), [1, 0]);
    assert.equal(connections, 1);
    agent.destroy();
  });

  it("affects only one door", async () => {
    hand("stand-in");
    await call(proxy.backend, { auth: COLLECTOR });
    hand("own");
    assert.deepEqual(reached(), [1, 0]);
  });

  it("counts the requests in progress on both sides, from a request's head to its answer", async () => {
    assert.deepEqual([idle(own), idle(standIn)], ["204", "204"]);
    const upload = request({
      host: "127.0.0.1",
      port: proxy.kms.port,
      servername: proxy.kms.serverName,
      ca: proxy.ca,
      method: "POST",
      path: "/slow?ms=1000",
      auth: COLLECTOR,
      agent: false,
      headers: { Host: proxy.kms.serverName, "Content-Length": 10 },
    });
    const answered = new Promise((resolve, reject) => {
      upload.on("response", (response) => resolve(response.resume().statusCode));
      upload.on("error", reject);
    });
    upload.write("12345");
    await sleep(300);
    assert.deepEqual([idle(own), idle(standIn)], ["409", "204"]);

    // It has chosen: what comes after goes elsewhere, and a reload changes nothing about it.
    hand("stand-in");
    assert.equal((await call(proxy.kms, { auth: COLLECTOR })).status, 200);
    assert.deepEqual(reached(), [0, 1]);
    proxy.writeRelease("two");
    // It is done only when the request is, or after its time.
    const reloaded = proxy.reload("two");
    while ((await proxy.status("release")) !== "two") {
      await sleep(50);
    }
    assert.deepEqual([idle(own), idle(standIn)], ["409", "204"]);

    upload.end("67890");
    await sleep(300);
    assert.deepEqual([idle(own), idle(standIn)], ["409", "204"]);
    assert.equal(await answered, 200);
    assert.deepEqual(reached(), [1, 0]);
    for (let tries = 0; idle(own) !== "204"; tries++) {
      assert.ok(tries < 50, "the request is never counted off");
      await sleep(100);
    }
    await reloaded;
    hand("own");
  });

  it("does not count what is refused for its password", async () => {
    assert.equal((await call(proxy.kms)).status, 401);
    assert.equal(idle(own), "204");
  });
});
