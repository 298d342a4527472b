import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, beforeEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../toolchain/processes.ts";
import { LARGE_BODY, nginxRoom } from "../../render/nginxRoom.ts";
import { type Answer, call, handshake } from "./client.ts";
import { docker } from "./docker.ts";
import { ANALYST, COLLECTOR, Proxy } from "./proxy.ts";

const CHUNKED = { "Transfer-Encoding": "chunked" };
const NO_ROOM = "There are as many large bodies under way as there is room for.";
const BUSY = "The service has as many requests under way as it may have.";

describe("the room behind the proxy", () => {
  let proxy: Proxy;
  before(async () => {
    proxy = await Proxy.start({
      room: { ...nginxRoom, largeBodies: 12 },
      doorRoom: { requests: 20, largeBodies: 3 },
      readTimeout: 20,
    });
  });
  after(() => proxy.stop());
  beforeEach(() => {
    proxy.upstream.take();
    proxy.upstream.most = 0;
  });

  const post = (bytes: number, path: string, headers: Record<string, string> = {}) =>
    call(proxy.backend, {
      method: "POST",
      path,
      body: randomBytes(bytes),
      auth: COLLECTOR,
      headers,
    });
  const many = (count: number, one: () => Promise<Answer>) =>
    Promise.all(Array.from({ length: count }, one));
  const statuses = (answers: readonly Answer[]) => [...new Set(answers.map((a) => a.status))];

  for (const [what, headers] of [
    ["with a length", {}],
    ["in chunks", CHUNKED],
  ] as const) {
    it(`passes large bodies ${what} a few at a time, and each of them once`, async () => {
      const answers = await many(12, () => post(1_000_000, "/slow?ms=100", headers));
      assert.deepEqual(statuses(answers), [200]);
      assert.ok(proxy.upstream.most <= 3, `${proxy.upstream.most} at a time`);
      const received = proxy.upstream.take();
      assert.deepEqual(
        [received.length, new Set(received.map(({ sha256 }) => sha256)).size],
        [12, 12],
      );
    });
  }

  it("lets small ones pass those that wait", async () => {
    let answered = 0;
    const large = many(6, async () => {
      const answer = await post(LARGE_BODY, "/slow?ms=2000");
      answered++;
      return answer;
    });
    await eventually("a large one has its turn", () => proxy.upstream.most > 0);
    await sleep(300);
    // Which of the three turns a large one waits for is chance: all six may wait for the same.
    const held = proxy.upstream.most;
    const small = [
      ...(await many(6, () => post(LARGE_BODY - 1, "/"))),
      // Of one in chunks nobody knows that it is small before it is there: it takes room, and no turn.
      ...(await many(6, () => post(LARGE_BODY - 1, "/", CHUNKED))),
    ];
    assert.deepEqual(statuses(small), [200]);
    // Three have their turn, and the others wait for it still.
    assert.ok(answered <= 3, `${answered} large ones were answered before`);
    assert.deepEqual(statuses(await large), [200]);
    assert.ok(proxy.upstream.most > held, "a small one beside the large ones");
  });

  it("keeps no answer for anybody else", async () => {
    const body = randomBytes(LARGE_BODY);
    for (const path of ["/401", "/", "/http10", "/"]) {
      const { status } = await call(proxy.backend, { method: "POST", path, body, auth: COLLECTOR });
      assert.equal(status, path === "/401" ? 401 : 200);
    }
    assert.equal(proxy.upstream.take().length, 4);
  });

  it("frees a turn when the service dies with it", async () => {
    const died = await many(6, () => post(LARGE_BODY, "/die"));
    assert.deepEqual(statuses(died), [502]);
    const answers = await many(6, () => post(LARGE_BODY, "/"));
    assert.deepEqual(statuses(answers), [200]);
  });

  const refusal = (answer: Answer | undefined, cause: string) => {
    assert.equal(answer?.status, 503);
    assert.equal(answer.headers["retry-after"], "5");
    const { status, door, error } = JSON.parse(answer.body) as Record<string, unknown>;
    assert.deepEqual(
      [status, door, error],
      [503, "backend", `${cause} Send it again in a few seconds.`],
    );
  };

  it("refuses the large body that has no room any more, with its cause, here and in the log", async () => {
    const answers = await many(15, () => post(LARGE_BODY, "/slow?ms=300"));
    const refused = answers.filter(({ status }) => status === 503);
    assert.deepEqual([refused.length, statuses(answers).toSorted()], [3, [200, 503]]);
    refusal(refused[0], NO_ROOM);
    const line = await proxy.logged(refused[0]?.headers["x-request-id"]);
    assert.deepEqual(
      [line.status, line.upstream_status, line["refused"]],
      ["503", "", "large bodies"],
    );
  });

  it("refuses the request that the service has no room for, with its cause", async () => {
    const answers = await many(25, () => post(100, "/slow?ms=1000"));
    const refused = answers.filter(({ status }) => status === 503);
    assert.deepEqual([refused.length, statuses(answers).toSorted()], [5, [200, 503]]);
    refusal(refused[0], BUSY);
    const line = await proxy.logged(refused[0]?.headers["x-request-id"]);
    assert.equal(line["refused"], "requests");
    const served = answers.find(({ status }) => status === 200);
    assert.equal(served?.headers["retry-after"], undefined);
    assert.equal((await proxy.logged(served?.headers["x-request-id"]))["refused"], "");
  });

  it("doesn't count callers that were refused", async () => {
    // Each is refused at once, and goes on sending: Nginx reads it for a while before it closes.
    const strangers = await Promise.all(
      Array.from({ length: 40 }, async () => {
        const socket = await handshake(proxy.backend);
        socket.on("error", () => undefined);
        socket.write(
          `POST /add/enc-data HTTP/1.1\r\nHost: ${proxy.backend.serverName}\r\n` +
            `Authorization: Basic ${Buffer.from("collector:wrong").toString("base64")}\r\n` +
            `Content-Length: 1000000\r\n\r\n`,
        );
        return socket;
      }),
    );
    try {
      await sleep(300);
      const answers = await many(12, () => post(LARGE_BODY, "/"));
      assert.deepEqual(statuses(answers), [200]);
    } finally {
      for (const socket of strangers) {
        socket.destroy();
      }
    }
  });

  it("counts a caller with a previous password like any other", async () => {
    const answers = await many(15, () =>
      call(proxy.backend, {
        method: "POST",
        path: "/slow?ms=1000",
        body: randomBytes(LARGE_BODY),
        headers: { Authorization: `Basic ${Buffer.from(ANALYST).toString("base64")}` },
      }),
    );
    assert.equal(answers.filter(({ status }) => status === 503).length, 3);
  });

  it("continues with those that wait after a reload", async () => {
    const answers = many(9, () => post(LARGE_BODY, "/slow?ms=500"));
    await sleep(300);
    proxy.writeRelease("two");
    await proxy.reload("two");
    assert.deepEqual(statuses(await answers), [200]);
    assert.equal(proxy.upstream.take().length, 9);
    assert.ok(proxy.upstream.most <= 3, `${proxy.upstream.most} at a time`);
  });

  it("has as many workers as configured", async () => {
    // The workers of the release before may take a while to end.
    const workers = () =>
      docker(["top", proxy.container, "-eo", "pid,args"])
        .split("\n")
        .filter((line) => /nginx: worker process$/.test(line)).length;
    for (let tries = 0; tries < 120 && workers() !== nginxRoom.workers; tries++) {
      await sleep(100);
    }
    assert.equal(workers(), nginxRoom.workers);
  });
});
