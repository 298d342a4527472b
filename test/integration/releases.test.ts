/**
 * Deliveries that come to something and deliveries that don't, in any order, by the real program into real
 * volumes: whatever happened, every container that ran can be started again.
 */
import assert from "node:assert/strict";
import { createHash, randomInt } from "node:crypto";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import fc from "fast-check";
import { PROGRAMS } from "../../names/programs.ts";
import { KEPT_RELEASES } from "../../render/releasePruning.ts";
import { projectRoot } from "../../machine/paths.ts";
import { docker } from "./project.ts";

const IMAGE = "cybexp-demo/nginx:1";
const DEPLOYMENT = `test-releases-${process.pid}`;
const OWNER = "101:101";
const STATUS_PORT = 8081;

/** One that mounts its files one by one, and one that reads what `current` names. */
type Part = "kms" | "proxy";
const PARTS: readonly Part[] = ["kms", "proxy"];

/** What becomes of one delivery to each part. */
type Fate =
  /** Its container is replaced by one that mounts it; the proxy serves it. */
  | "good"
  /** The new container does not start, so that the old one stays; Nginx refuses it. */
  | "failing"
  /** It is delivered while the container is stopped, which then goes on with what it had. */
  | "while stopped";
type Round = Readonly<Record<Part, Fate>>;

const nameOf = (part: Part) => `cybexp-${DEPLOYMENT}-${part}`;

/** Runs `docker`, while other things go on. */
const run = async (...args: string[]) => (await execa("docker", args)).stdout.trim();

function nginxConf(digest: string, good: boolean): string {
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  return [
    ...["daemon off;", "pid /tmp/nginx.pid;", "error_log stderr;", "events {}", "http {"],
    ...paths.map((path) => `${path}_temp_path /tmp/${path};`),
    good ? "" : "no_such_directive on;",
    `server { listen 127.0.0.1:${STATUS_PORT};`,
    `location = /release { return 200 "${digest}"; }`,
    'location = /linger { return 200 "0"; } } }',
  ].join("\n");
}

/** Delivers, and gives whether the program ended well. */
async function deliver(part: Part, digest: string, good: boolean): Promise<boolean> {
  const content = part === "proxy" ? nginxConf(digest, good) : `release: ${digest}\n`;
  const file = part === "proxy" ? "nginx.conf" : "config.yaml";
  const input = {
    ...{ volume: nameOf(part), deployment: DEPLOYMENT, image: IMAGE, owner: OWNER, digest },
    files: { [file]: { content, mode: 0o400 } },
    ...(part === "proxy" && { reload: { container: nameOf(part), statusPort: STATUS_PORT } }),
  };
  const program = join(projectRoot, "programs", `${PROGRAMS.deliver}.ts`);
  const { exitCode, stderr } = await execa(process.execPath, [program], {
    input: JSON.stringify(input),
    reject: false,
  });
  assert.ok(exitCode === 0 || /Nginx refuses/.test(stderr), stderr);
  return exitCode === 0;
}

/** Makes the container that mounts the release, in place of the one before. */
async function replace(part: Part, digest: string): Promise<void> {
  const name = nameOf(part);
  await run("rm", "--force", name);
  const folder = await run("volume", "inspect", "--format={{.Mountpoint}}", name);
  const common = ["--detach", `--name=${name}`, `--label=cybexp.deployment=${DEPLOYMENT}`];
  const locked = ["--read-only", "--tmpfs=/tmp", `--user=${OWNER}`, "--network=none"];
  await run(
    ...["run", ...common, ...locked],
    ...(part === "proxy"
      ? [`--volume=${name}:/release:ro`, "--entrypoint=nginx", IMAGE]
      : [`--volume=${folder}/releases/${digest}/config.yaml:/config.yaml:ro`]),
    ...(part === "proxy"
      ? ["-e", "stderr", "-c", "/release/current/nginx.conf"]
      : ["--entrypoint=sh", IMAGE, "-c", "cat /config.yaml && exec sleep 600"]),
  );
}

/** What the container serves, or reads. */
async function served(part: Part): Promise<string> {
  const url = `http://127.0.0.1:${STATUS_PORT}/release`;
  const ask =
    part === "proxy" ? `curl -sf ${url} || wget -qO- ${url}` : "sed 's/release: //' /config.yaml";
  for (let tries = 0; ; tries += 1) {
    try {
      return await run("exec", nameOf(part), "sh", "-c", ask);
    } catch (error) {
      if (tries === 20) {
        throw error;
      }
      // Nginx has just been started.
      await sleep(100);
    }
  }
}

/** One delivery to a part, and what comes of it; gives the release that it serves from then on. */
async function round(part: Part, fate: Fate, serving: string, next: string): Promise<string> {
  if (fate === "while stopped") {
    await run("stop", "--time=0", nameOf(part));
  }
  const delivered = await deliver(part, next, fate !== "failing");
  if (fate === "good" && part !== "proxy") {
    await replace(part, next);
  }
  // The proxy goes by `current`, whenever it is started.
  return delivered && (part === "proxy" || fate === "good") ? next : serving;
}

describe("releases in their volumes", () => {
  before(() => {
    for (const part of PARTS) {
      docker("volume", "create", `--label=cybexp.deployment=${DEPLOYMENT}`, nameOf(part));
    }
  });
  after(() => {
    docker("rm", "--force", ...PARTS.map(nameOf));
    docker("volume", "rm", "--force", ...PARTS.map(nameOf));
  });

  it("are there for every restarted container, whatever failed before", async () => {
    const seed = randomInt(2 ** 31);
    const fate = fc.constantFrom<Fate>("good", "failing", "while stopped");
    const any = fc.record({ kms: fate, proxy: fate });
    const [random = []] = fc.sample(fc.array(any, { minLength: 4, maxLength: 4 }), {
      seed,
      numRuns: 1,
    });
    const all = (one: Fate): Round => ({ kms: one, proxy: one });
    const rounds = [
      all("good"),
      // More in a row than are kept for their age.
      ...Array.from({ length: KEPT_RELEASES + 1 }, () => all("failing")),
      ...random,
    ];
    const serving: Record<Part, string> = { kms: "", proxy: "" };
    for (const [index, fates] of rounds.entries()) {
      const told = `after round ${index} of ${JSON.stringify(rounds)} (seed ${seed})`;
      await Promise.all(
        PARTS.map(async (part) => {
          const text = `${seed} ${index} ${part}`;
          const next = createHash("sha256").update(text).digest("hex").slice(0, 32);
          serving[part] = await round(part, fates[part], serving[part], next);
          if (index === 0) {
            await replace(part, next);
          }
          await run("restart", "--time=0", nameOf(part));
          assert.equal(await served(part), serving[part], `${part} ${told}`);
        }),
      );
    }
    // And they do go.
    for (const part of PARTS) {
      const list = ["--entrypoint=ls", `--volume=${nameOf(part)}:/v:ro`, IMAGE, "/v/releases"];
      const left = docker("run", "--rm", "--user=0:0", ...list).split("\n");
      assert.ok(left.length <= KEPT_RELEASES + 2, left.join(" "));
    }
  });
});
