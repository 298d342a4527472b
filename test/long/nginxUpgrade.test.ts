/**
 * The proxy goes from one release of Nginx to another and back, under load. Its container is replaced, so for some
 * seconds nobody is let in; but what it has taken is answered, and what it has answered is stored.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { request } from "node:https";
import { after, before, describe, it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { countRecords, Load, type LoadOptions, type Tally } from "./load.ts";
import { call, callHttp2 } from "../integration/client.ts";
import { Deployed, run } from "../integration/deployed/deployed.ts";
import { docker, Project } from "../integration/project.ts";

/** The demo's images, and ours, under names that no `npm run up` takes for images to build. */
const image = (name: string) => `cybexp-test/${the.project.stack}-nginx:${name}`;
const RELEASES = ["1.22", "1.26", "1.30"];

/** What the configuration says where builds differ: see render/nginxDialect.ts. */
const WRITTEN: Readonly<Record<string, object>> = {
  "1.22": { http2: "listen", mlkem: false, keepalive: false },
  "1.26": { http2: "directive", mlkem: true, keepalive: false },
  "1.30": { http2: "directive", mlkem: true, keepalive: true },
};

/** Seconds that a new container may take, on a machine with other work. */
const PATIENCE = 30;

let the: Deployed;
let target: LoadOptions;

const proxy = () => `cybexp-${the.project.stack}-proxy`;
const setImage = (name: string) =>
  the.project.configure((config) =>
    Object.assign(config["cybexp:proxy"] as object, { image: name }),
  );

/** What the proxy runs with. */
function written(): object {
  const text = docker("exec", proxy(), "cat", "/release/current/nginx.conf");
  assert.match(text, /ssl_ecdh_curve/);
  return {
    http2: /\bhttp2 on;/.test(text) ? "directive" : /ssl http2;/.test(text) ? "listen" : "none",
    mlkem: text.includes("X25519MLKEM768"),
    keepalive: text.includes("keepalive_min_timeout"),
  };
}

/** Both doors, with a password, by HTTP/2, and with nothing but a client's certificate. */
async function assertServes(): Promise<void> {
  await the.kmsKey();
  assert.equal(await callHttp2(the.url("backend"), target.ca, the.user("collector")), 200);
  const answer = await the.call("kms", "/", { credential: undefined, client: the.client("shop") });
  assert.equal(answer.status, 200);
  assert.equal((await the.call("kms", "/", { credential: undefined })).status, 401);
}

/** A record that comes byte by byte, until it is told to end. */
function slowPost(): { readonly finish: () => Promise<number> } {
  const outgoing = request({
    ...{ host: "127.0.0.1", servername: "localhost", port: target.backend, agent: false },
    ...{ path: "/add/enc-data", method: "POST", ca: target.ca },
    headers: { Host: "localhost", "Content-Length": 2000 },
    auth: `${target.user}:${target.password}`,
  });
  // The proxy waits 30 s for the next byte.
  let sent = 0;
  const timer = setInterval(() => {
    outgoing.write("a");
    sent++;
  }, 1000);
  const status = new Promise<number>((resolve) => {
    outgoing.on("response", (response) => resolve(response.resume().statusCode ?? 0));
    outgoing.on("error", () => resolve(0));
  });
  return {
    finish: () => {
      clearInterval(timer);
      outgoing.end("b".repeat(2000 - sent));
      return status;
    },
  };
}

/** The moment when the old proxy lets nobody in any more, or when it is too late for that. */
async function untilNobodyAnswers(end: AbortSignal): Promise<void> {
  while (!end.aborted) {
    try {
      await the.call("backend", "/");
      await sleep(50);
    } catch {
      return;
    }
  }
}

/** Callers with a client's certificate alone, one after another; gives what was no answer of the KMS. */
function certificateCallers(): { readonly end: () => Promise<string[]> } {
  const troubles: string[] = [];
  let busy = true;
  const work = (async () => {
    while (busy) {
      const { ca, kms } = target;
      const outcome = await call(`https://localhost:${kms}/`, {
        ca,
        client: the.client("shop"),
      }).then(
        ({ status }) => String(status),
        (error: NodeJS.ErrnoException) => error.code ?? error.message,
      );
      if (outcome !== "200") {
        troubles.push(outcome);
      }
      await sleep(100);
    }
  })();
  return {
    end: async () => {
      busy = false;
      await work;
      return troubles;
    },
  };
}

/** What a caller sees where nobody listens, or where what listened has just gone: no byte of an answer. */
const UNANSWERED = /: (reset|ECONNREFUSED|ECONNRESET|EPIPE|socket hang up)$/;

function assertOnlyUnanswered(t: TestContext, tally: Tally, others: readonly string[]): void {
  const times = tally.failures.map((text) => Number(/ at (\d+) ms /.exec(text)?.[1]));
  const gap = times.length === 0 ? 0 : Math.max(...times) - Math.min(...times);
  const { requests, failures, resets, acknowledged } = tally;
  t.diagnostic(
    JSON.stringify({
      ...{ requests, acknowledged, gap, resets: resets.length, failures: failures.length },
      ...{ certificate: others.length },
    }),
  );
  assert.deepEqual(
    failures.filter((text) => !UNANSWERED.test(text)),
    [],
  );
  assert.deepEqual(
    others.filter((outcome) => !UNANSWERED.test(`: ${outcome}`)),
    [],
  );
  assert.ok(gap < PATIENCE * 1000, `nobody was let in for ${gap} ms`);
}

describe("another Nginx for the proxy", { timeout: 840_000 }, () => {
  before(async () => {
    the = new Deployed(await Project.create());
    for (const release of RELEASES) {
      docker("tag", `cybexp-demo/nginx-${release}:1`, image(release));
    }
    setImage(image("1.22"));
    the.project.configure((config) => {
      Object.assign(config["cybexp:kms"] as object, { access: "either" });
      config["cybexp:clients"] = [{ name: "shop" }];
    });
    await the.up();
    target = {
      ...{ kms: the.project.ports.kms, backend: the.project.ports.backend },
      ...{ ca: the.outputs.serverCa, rate: 60, ...the.user("collector") },
    };
  });
  after(async () => {
    await the.project.remove();
    docker("image", "rm", "--force", ...[...RELEASES, "lying", "broken"].map(image));
  });

  it("is there at first, in the oldest release", async () => {
    assert.deepEqual(written(), WRITTEN["1.22"]);
    await assertServes();
  });

  for (const release of ["1.26", "1.30", "1.26", "1.22"]) {
    it(`is ${release} by one \`up\`, which loses nothing that it had taken`, async (t) => {
      const was = run(the.containers().proxy);
      const others = ["kms", "backend", "kms-db", "backend-db"] as const;
      const stayed = others.map((role) => run(the.containers()[role]));
      setImage(image(release));
      const stored = await countRecords(target);
      const load = new Load(target);
      const callers = certificateCallers();
      await sleep(1000);
      const slow = slowPost();
      const closed = new AbortController();
      const up = the.npm("up").finally(() => closed.abort());
      await untilNobodyAnswers(closed.signal);
      const taken = await slow.finish();
      const { code, output } = await up;
      await sleep(1000);
      const tally = await load.end();
      const troubles = await callers.end();
      assert.equal(code, 0, output);
      assertOnlyUnanswered(t, tally, troubles);
      assert.equal(taken, 201);
      assert.equal((await countRecords(target)) - stored, tally.acknowledged + 1);
      assert.notEqual(run(the.containers().proxy), was);
      assert.deepEqual(
        others.map((role) => run(the.containers()[role])),
        stayed,
      );
      assert.deepEqual(written(), WRITTEN[release]);
      await assertServes();
    });
  }

  /** An image of the oldest release, with a program in place of Nginx's. */
  function build(name: string, script: string): string {
    const text = [
      `FROM ${image("1.22")}`,
      "USER 0:0",
      "RUN mv /usr/sbin/nginx /usr/sbin/nginx.real",
      `RUN printf '%s\\n' ${script
        .split("\n")
        .map((line) => `'${line}'`)
        .join(" ")} > /usr/sbin/nginx && chmod 0755 /usr/sbin/nginx`,
      `USER ${docker("image", "inspect", "--format={{.Config.User}}", image("1.22")) || "0"}`,
    ].join("\n");
    execFileSync("docker", ["build", "--quiet", `--tag=${image(name)}`, "-"], {
      input: text,
      stdio: ["pipe", "ignore", "pipe"],
      env: { ...process.env, DOCKER_BUILDKIT: "0" },
    });
    return image(name);
  }

  /** One sentence, no container touched, and the proxy serves as before. */
  async function assertRefused(name: string, sentence: RegExp): Promise<void> {
    const before = Object.values(the.containers()).map(run).sort();
    const was = docker("exec", proxy(), "readlink", "/release/current");
    setImage(name);
    const { code, output } = await the.npm("up");
    assert.notEqual(code, 0, output);
    assert.match(output, sentence);
    assert.doesNotMatch(output, /^\s+at .*:\d+/m);
    assert.deepEqual(Object.values(the.containers()).map(run).sort(), before);
    assert.equal(docker("exec", proxy(), "readlink", "/release/current"), was);
    await assertServes();
  }

  it("is refused, and nothing touched, where the image's Nginx is not the release that it says", async () => {
    const lying = build(
      "lying",
      [
        "#!/bin/sh",
        'if [ "$1" = -V ]; then /usr/sbin/nginx.real -V 2>&1 | sed s,nginx/1.22,nginx/1.30, >&2',
        'else exec /usr/sbin/nginx.real "$@"; fi',
      ].join("\n"),
    );
    await assertRefused(
      lying,
      /Nginx refuses the new configuration, so the old one keeps serving: .*unknown directive "(http2|keepalive_min_timeout)"/,
    );
  });

  it("is refused, and nothing touched, where it can't be run", async () => {
    await assertRefused(
      build("broken", "#!/no/such/shell"),
      /the proxy's image must hold Nginx 1\.22 or newer, but `nginx -V` there says ".*not found"/,
    );
  });

  it("is as it was, once the image is", async () => {
    const was = run(the.containers().proxy);
    setImage(image("1.22"));
    await the.up();
    assert.equal(run(the.containers().proxy), was);
    await assertServes();
    assert.match((await the.up()).output, /^Nothing changed: /m);
  });
});
