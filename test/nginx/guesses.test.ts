/** Wrong passwords, slowed down, in a real Nginx; right ones beside them, from the same address. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { connect as connectHttp2, type ClientHttp2Session } from "node:http2";
import { Agent } from "node:https";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { renderCrls } from "../../render/crl.ts";
import type { Guesses } from "../../settings/guesses.ts";
import { type Answer, call, type Call, type Door } from "./client.ts";
import { makeAuthority, makeClient } from "./clientPki.ts";
import { docker } from "./docker.ts";
import { Elsewhere } from "./elsewhere.ts";
import { ANALYST, COLLECTOR, Proxy, SERVER_NAME } from "./proxy.ts";

const guesses: Guesses = { perMinute: 30, burst: 2 };

/** Seconds that each waits for the one before it. */
const STEP = 2;

/** Seconds: too few for a turn, and enough for an answer on a busy machine. */
const AT_ONCE = 0.9 * STEP;

/** The last one is answered: after this, the next is the first again. */
const FORGOTTEN_MS = 1250 * STEP;

const WRONG = "collector:wrong";
const CAUSE =
  "Too many wrong passwords came from this address. Try again in 2 seconds; the right password is let in at once.";

const authority = await makeAuthority("client CA 1");
const ann = await makeClient(authority, "ann");
const clientFiles = {
  "client-ca.crt": authority.certificate,
  "client-ca.crl": await renderCrls({
    authorities: [authority],
    revoked: [],
    previous: "",
    now: new Date(),
  }),
};

interface Timed {
  readonly answer: Answer;
  readonly seconds: number;
}

async function timed(door: Door, request: Call): Promise<Timed> {
  const begin = performance.now();
  const answer = await call(door, { ...request, agent: request.agent ?? new Agent() });
  return { answer, seconds: (performance.now() - begin) / 1000 };
}

const many = <T>(count: number, one: (index: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, index) => one(index)));

/** Each waits a step longer than the one before it; the first not at all. */
function assertSlowed(seconds: readonly number[]): void {
  assert.equal(seconds.length, guesses.burst + 1);
  for (const [index, waited] of seconds.toSorted((a, b) => a - b).entries()) {
    assert.ok(
      waited > index * STEP - 0.1 && waited < index * STEP + AT_ONCE,
      `number ${index} waited ${waited.toFixed(2)} s`,
    );
  }
}

for (const access of [
  { kms: "password", backend: "either" },
  { kms: "both", backend: "certificate" },
] as const) {
  describe(`guesses at doors of ${access.kms} and ${access.backend}`, () => {
    let proxy: Proxy;
    before(async () => {
      proxy = await Proxy.start({ access, guesses, clients: [ann.listed], clientFiles });
    });
    after(() => proxy.stop());

    const askingForPassword = (["kms", "backend"] as const).filter(
      (name) => access[name] !== "certificate",
    );
    for (const name of askingForPassword) {
      const caller = access[name] === "both" ? { client: ann } : {};

      it(`${access[name]}: wait, and are refused beyond the burst, while right ones pass`, async () => {
        const guessing = many(guesses.burst + 5, () =>
          timed(proxy[name], { ...caller, auth: WRONG, method: "POST", body: randomBytes(20_000) }),
        );
        // The current password, which is known in memory, and one that only the file knows.
        const right = [];
        for (const end = Date.now() + 1000 * STEP; Date.now() < end;) {
          for (const auth of [COLLECTOR, ANALYST]) {
            const { answer, seconds } = await timed(proxy[name], { ...caller, auth });
            right.push([answer.status, seconds < AT_ONCE]);
          }
        }
        assert.ok(right.length >= 4, `${right.length} calls`);
        assert.deepEqual([...new Set(right.map(String))], ["200,true"]);

        const answers = await guessing;
        const refused = answers.filter(({ answer }) => answer.status !== 401);
        assertSlowed(
          answers.filter(({ answer }) => answer.status === 401).map(({ seconds }) => seconds),
        );
        assert.deepEqual(
          refused.map(({ answer, seconds }) => [answer.status, seconds < AT_ONCE]),
          Array.from({ length: 4 }, () => [429, true]),
        );
        for (const { answer } of answers) {
          const { headers } = answer;
          assert.equal(headers["content-type"], "application/json");
          assert.equal(headers["strict-transport-security"], "max-age=63072000");
          // RFC 9110, 11.6.1: it says that other credentials may change this answer.
          assert.equal(headers["www-authenticate"], 'Basic realm="CYBEX-P", charset="UTF-8"');
          const { error, ...body } = JSON.parse(answer.body) as Record<string, unknown>;
          assert.deepEqual(body, {
            status: answer.status,
            door: name,
            request: headers["x-request-id"],
          });
          const tooMany = answer.status === 429;
          assert.equal(headers["retry-after"], tooMany ? "2" : undefined);
          assert.equal(error === CAUSE, tooMany, String(error));
          const line = await proxy.logged(headers["x-request-id"]);
          assert.deepEqual(
            [line.status, line["refused"], line.user, line.door, line["upstream_status"]],
            [String(answer.status), tooMany ? "guesses" : "", "collector", name, ""],
          );
        }
        await sleep(FORGOTTEN_MS);
      });

      it(`${access[name]}: don't include calls without a password`, async () => {
        const answers = await many(20, () => timed(proxy[name], caller));
        assert.deepEqual(
          [
            ...new Set(
              answers.map(({ answer, seconds }) => `${answer.status} ${seconds < AT_ONCE}`),
            ),
          ],
          ["401 true"],
        );
        const { answer, seconds } = await timed(proxy[name], { ...caller, auth: WRONG });
        assert.deepEqual([answer.status, seconds < AT_ONCE], [401, true]);
        await sleep(FORGOTTEN_MS);
      });
    }

    if (access.backend === "certificate") {
      it("are nothing to a door that asks for no password", async () => {
        const answers = await many(10, () =>
          timed(proxy.backend, { client: ann, auth: WRONG, method: "POST", body: "x" }),
        );
        assert.deepEqual([...new Set(answers.map(({ answer }) => answer.status))], [200]);
      });
    } else {
      it("are none where a certificate is good enough", async () => {
        const answers = await many(10, () => timed(proxy.backend, { client: ann, auth: WRONG }));
        assert.deepEqual([...new Set(answers.map(({ answer }) => answer.status))], [200]);
      });

      it("count at both doors together, and with an expired certificate", async () => {
        const expired = await makeClient(authority, "ann", { keyPair: ann.keyPair, begins: -5 });
        const answers = await many(guesses.burst + 5, (index) =>
          timed(index % 2 === 0 ? proxy.kms : proxy.backend, {
            auth: WRONG,
            ...(index % 2 === 0 ? {} : { client: expired }),
          }),
        );
        assertSlowed(
          answers.filter(({ answer }) => answer.status === 401).map(({ seconds }) => seconds),
        );
        assert.equal(answers.filter(({ answer }) => answer.status === 429).length, 4);
        await sleep(FORGOTTEN_MS);
      });
    }
  });
}

describe("guesses", () => {
  let proxy: Proxy;
  before(async () => (proxy = await Proxy.start({ guesses })));
  after(() => proxy.stop());

  const basic = (credential: string) => `Basic ${Buffer.from(credential).toString("base64")}`;

  it("hold up nobody else on the same HTTP/2 connection", async () => {
    const session = connectHttp2(`https://${SERVER_NAME}:${proxy.kms.port}`, {
      ca: proxy.ca,
      lookup: (_name, _options, found) => found(null, [{ address: "127.0.0.1", family: 4 }]),
    });
    try {
      const answers = await Promise.all([
        ...Array.from({ length: guesses.burst + 3 }, () => stream(session, basic(WRONG))),
        ...Array.from({ length: 20 }, () => stream(session, basic(COLLECTOR))),
      ]);
      assertSlowed(answers.filter(({ status }) => status === 401).map(({ seconds }) => seconds));
      const others = answers.filter(({ status }) => status !== 401);
      assert.deepEqual(
        others.map(({ status, seconds }) => [status, seconds < AT_ONCE]).toSorted(),
        [
          ...Array.from({ length: 20 }, () => [200, true]),
          ...Array.from({ length: 2 }, () => [429, true]),
        ],
      );
    } finally {
      session.destroy();
    }
    await sleep(FORGOTTEN_MS);
  });

  it("leave the connection as it was", async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const sockets = new Set<number | undefined>();
    agent.on("free", (socket: { localPort?: number }) => sockets.add(socket.localPort));
    try {
      for (const [auth, status] of [
        [WRONG, 401],
        [WRONG, 401],
        [COLLECTOR, 200],
      ] as const) {
        const answer = await call(proxy.kms, {
          auth,
          agent,
          method: "POST",
          body: "x".repeat(30_000),
        });
        assert.equal(answer.status, status);
      }
      assert.equal(sockets.size, 1);
    } finally {
      agent.destroy();
    }
    await sleep(FORGOTTEN_MS);
  });

  it("from one address don't count against another", async () => {
    const elsewhere = new Elsewhere(proxy);
    try {
      const guessing = many(guesses.burst + 3, () => timed(proxy.kms, { auth: WRONG }));
      await sleep(200);
      const [first, second] = await elsewhere.call(WRONG, 2);
      assert.deepEqual([first?.status, (first?.seconds ?? 9) < AT_ONCE], ["401", true]);
      assert.deepEqual([second?.status, (second?.seconds ?? 0) > STEP / 4], ["401", true]);
      await guessing;
    } finally {
      elsewhere.stop();
    }
    await sleep(FORGOTTEN_MS);
  });
});

function stream(session: ClientHttp2Session, authorization: string) {
  const begin = performance.now();
  return new Promise<{ status: number; seconds: number }>((resolve, reject) => {
    const request = session.request({ ":authority": SERVER_NAME, authorization });
    request.on("error", reject);
    request.on("response", (headers) => {
      resolve({
        status: Number(headers[":status"]),
        seconds: (performance.now() - begin) / 1000,
      });
    });
    request.resume().end();
  });
}

describe("many guesses", () => {
  let proxy: Proxy;
  before(async () => (proxy = await Proxy.start({ guesses: { perMinute: 30, burst: 5 } })));
  after(() => proxy.stop());

  it("cost a busy collector next to nothing, and none of its requests", async (t) => {
    const PER_SECOND = 50;
    const ROUND_SECONDS = 2;
    const agent = new Agent({ keepAlive: true, maxSockets: 8 });
    const body = randomBytes(15_000);
    const collector = {
      statuses: new Set<number>(),
      alone: [] as number[],
      beside: [] as number[],
    };
    const guessed: Promise<Answer>[] = [];
    // Of the proxy: on this machine the callers' own work counts as well, and is more.
    const cpu = { alone: 0, beside: 0 };

    const collect = async (seconds: number[]) => {
      const request = { method: "POST", auth: COLLECTOR, body, agent };
      const { answer, seconds: taken } = await timed(proxy.backend, request);
      collector.statuses.add(answer.status);
      seconds.push(taken);
    };
    for (let round = 0; round < 10; round++) {
      const kind = round % 2 === 0 ? "alone" : "beside";
      const begin = cpuSeconds(proxy.container);
      const records: Promise<void>[] = [];
      for (let turn = 0; turn < ROUND_SECONDS * PER_SECOND; turn++) {
        const next = sleep(1000 / PER_SECOND);
        records.push(collect(collector[kind]), collect(collector[kind]));
        if (kind === "beside") {
          guessed.push(call(proxy.backend, { auth: WRONG }));
        }
        await next;
      }
      await Promise.all(records);
      cpu[kind] += cpuSeconds(proxy.container) - begin;
    }
    agent.destroy();
    const answers = await Promise.all(guessed);

    assert.deepEqual([...collector.statuses], [200]);
    assert.deepEqual(
      [...new Set(answers.map(({ status }) => status))].toSorted((a, b) => a - b),
      [401, 429],
    );
    const cost = (cpu.beside - cpu.alone) / answers.length;
    const share = cost * PER_SECOND;
    const medians = [collector.alone, collector.beside].map((all) => 1000 * median(all));
    t.diagnostic(
      `${PER_SECOND} guesses a second take ${(100 * share).toFixed(1)} % of a processor, ` +
        `${(1000 * cost).toFixed(2)} ms each; a record took ${medians.map((ms) => ms.toFixed(1)).join(" ms alone, ")} ms beside them`,
    );
    assert.ok(share < 0.15, `${(100 * share).toFixed(1)} % of a processor`);
  });
});

const median = (all: readonly number[]) =>
  all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)] ?? NaN;

/** What all of Nginx's processes have used so far. */
function cpuSeconds(container: string): number {
  const ticks = docker(["exec", container, "sh", "-c", "cat /proc/[0-9]*/stat 2>/dev/null || true"])
    .split("\n")
    .map((line) => /\(nginx\) (.*)/.exec(line)?.[1]?.split(" ") ?? [])
    .flatMap((fields) => fields.slice(11, 13).map(Number));
  return ticks.reduce((sum, some) => sum + some, 0) / 100;
}

describe("known and unknown names", () => {
  let proxy: Proxy;
  before(async () => (proxy = await Proxy.start()));
  after(() => proxy.stop());

  it("are refused in the same time", async (t) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    // Known in memory and by the file, by the file alone, and not at all.
    const names = ["collector", "analyst", "nobody"];
    const times = new Map<string, number[]>(names.map((name) => [name, []]));
    for (let round = 0; round < 60; round++) {
      for (const name of names) {
        const { answer, seconds } = await timed(proxy.kms, { auth: `${name}:wrong`, agent });
        assert.equal(answer.status, 401);
        times.get(name)?.push(1000 * seconds);
      }
    }
    agent.destroy();
    // The fastest tenth: what else this machine does only ever slows an answer down.
    const fastest = names.map((name) => {
      const sorted = times.get(name)?.toSorted((a, b) => a - b) ?? [];
      return sorted[Math.floor(sorted.length / 10)] ?? NaN;
    });
    t.diagnostic(names.map((name, i) => `${name}: ${fastest[i]?.toFixed(2)} ms`).join(", "));
    assert.ok(Math.min(...fastest) >= 20, `${fastest.join(", ")}: none comes before its time`);
    assert.ok(Math.max(...fastest) - Math.min(...fastest) < 3, fastest.join(", "));
  });
});
