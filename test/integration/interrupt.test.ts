/**
 * Runs that die: `npm run up` and `down` killed at moments spread over their work, by what an operator
 * or a machine does (Ctrl-C, a closed terminal, the out-of-memory killer), and run again.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { ask } from "../../programs/smoke/probe.ts";
import { parts } from "../../names/docker.ts";
import type { ProgramName } from "../../names/programs.ts";
import { isProgram, processesIn } from "./processes.ts";
import { docker, Project, type Result } from "./project.ts";
import { snapshot } from "./snapshot.ts";

/** Whom the signal is sent to: npm, its process group (npm and Node), or all down to the plugins. */
type Target = "npm" | "group" | "tree";

/** When it is sent. */
type Moment = (project: Project) => boolean;

const containers = (): string[] =>
  docker("ps", "--all", "--format", "{{.Names}}").split("\n").filter(Boolean);

/** A container of that role has been made. */
const madeContainer =
  (role: string): Moment =>
  (project) =>
    containers().includes(`cybexp-${project.stack}-${role}`);

/** Another container has taken the place of the one that was there at the first look. */
const replacedContainer = (role: string): Moment => {
  let first: string | undefined;
  return (project) => {
    const id = docker("ps", "--all", "--quiet", `--filter=name=^cybexp-${project.stack}-${role}$`);
    first ??= id;
    return id !== "" && id !== first;
  };
};

/** It is gone. */
const lostContainer =
  (role: string): Moment =>
  (project) =>
    !madeContainer(role)(project);

const madeNetwork: Moment = (project) =>
  docker("network", "ls", "--format", "{{.Name}}").includes(`cybexp-${project.stack}-`);

/** One of our programs runs. */
const runs =
  (program: ProgramName): Moment =>
  (project) =>
    processesIn(project.dir).some(({ command }) => isProgram(command, program));

const runsPulumi: Moment = (project) =>
  processesIn(project.dir).some(({ command }) => /pulumi (up|destroy) /.test(command));

/** How long a run may take to come to the moment, or to end. */
const PATIENCE_SECONDS = 120;

/** Starts a run, sends the signal at the moment, and waits for npm's end. */
async function interrupt(
  project: Project,
  command: "up" | "down",
  signal: "SIGINT" | "SIGKILL",
  target: Target,
  moment: Moment,
): Promise<Result> {
  const child = project.start(command);
  const result = project.end(child);
  const npm = child.pid ?? assert.fail("npm did not start");
  const deadline = Date.now() + PATIENCE_SECONDS * 1000;
  while (!moment(project)) {
    if (child.exitCode !== null || Date.now() > deadline) {
      assert.fail(`the moment did not come: ${(await result).output}`);
    }
    // Looking at Docker takes a processor from what is looked at.
    await sleep(150);
  }
  const pids =
    target === "tree"
      ? processesIn(project.dir).map(({ pid }) => pid)
      : [target === "npm" ? npm : -npm];
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // It ended by itself meanwhile.
    }
  }
  if (signal === "SIGKILL") {
    // Its pipes may live on in what survives: only npm's own end counts.
    await new Promise((resolve) => (child.signalCode ? resolve(0) : child.once("exit", resolve)));
    child.stdout?.destroy();
    child.stderr?.destroy();
  }
  return result;
}

function locks(project: Project): string[] {
  const folder = join(
    project.dir,
    ".cybexp/state/.pulumi/locks/organization/cybexp",
    project.stack,
  );
  return [
    ...(existsSync(folder) ? readdirSync(folder) : []),
    ...readdirSync(join(project.dir, ".cybexp/runs")),
  ];
}

/** After Ctrl-C: said so, and nothing is left that runs or is locked. */
function assertStopped(project: Project, result: Result): void {
  assert.notEqual(result.code, 0, result.output);
  assert.match(result.output, /^interrupted: `STACK=\S+ npm run (up|down)` continues from here$/m);
  assertNoTrace(result);
  assert.deepEqual(processesIn(project.dir), []);
  assert.deepEqual(locks(project), []);
}

function assertNoTrace(result: Result): void {
  assert.doesNotMatch(result.output, /^\s+at .*:\d+|internal error|goroutine \d+|panic:/m);
}

/** What a dead run left is told by what only looks, and left as it is. */
/** What is there once the engine has done what it was asked for, and a database has written its first files. */
async function settled(project: Project): Promise<ReturnType<typeof snapshot>> {
  let last = snapshot(project);
  for (let looks = 0; looks < 10; looks++) {
    await sleep(3000);
    const now = snapshot(project);
    if (isDeepStrictEqual(now, last)) {
      return now;
    }
    last = now;
  }
  throw new Error("something still changes half a minute after the kill");
}

async function assertLookingChangesNothing(project: Project): Promise<void> {
  const there = await settled(project);
  for (const [command, code] of [
    ["preview", 0],
    ["doctor", 1],
    ["drift", 2],
  ] as const) {
    const result = await project.npm(command);
    assert.equal(result.code, code, result.output);
    assert.match(
      result.output,
      /(died and|A run that died) left .*`STACK=\S+ npm run up` cleans up/,
    );
    assert.deepEqual(snapshot(project), there, command);
  }
}

async function assertConverges(project: Project, stackFile: string): Promise<void> {
  const result = await project.npm("up");
  assert.equal(result.code, 0, result.output);
  assertNoTrace(result);

  const { kmsUrl, backendUrl, serverCa, users } = (await project.outputs()) as {
    kmsUrl: string;
    backendUrl: string;
    serverCa: string;
    users: Record<string, { user: string; password: string }>;
  };
  for (const url of [kmsUrl, backendUrl]) {
    const target = { url: `${url}/`, ca: serverCa };
    const { analyst } = users;
    assert.ok(analyst);
    const { status, body } = await ask({ ...target, credential: analyst });
    assert.deepEqual([status, body.trim()], [200, "up"]);
    assert.equal((await ask(target)).status, 401);
  }
  const preview = await project.npm("preview", "--expect-no-changes");
  assert.equal(preview.code, 0, preview.output);
  assert.deepEqual(project.leftovers().sort(), expectedThings(project));
  assert.deepEqual(tasks(project), []);
  assert.deepEqual(processesIn(project.dir), []);
  assert.deepEqual(locks(project), []);
  assert.equal(readFileSync(project.configFile, "utf8"), stackFile);
}

function expectedThings(project: Project): string[] {
  return Object.entries(parts)
    .flatMap(([kind, names]) => names.map((name) => `${kind} cybexp-${project.stack}-${name}`))
    .sort();
}

/** Throw-away containers that mount a volume of the stack. */
function tasks(project: Project): string[] {
  const all = docker(
    "ps",
    "--all",
    "--no-trunc",
    "--filter=label=cybexp.role=task",
    "--format={{.Mounts}}",
  );
  return all.split("\n").filter((mounts) => mounts.includes(`cybexp-${project.stack}-`));
}

describe("an interrupted `npm run up`", () => {
  let project: Project;
  let stackFile: string;
  before(async () => {
    project = await Project.create();
    stackFile = readFileSync(project.configFile, "utf8");
  });
  after(() => project.remove());

  const up = (signal: "SIGINT" | "SIGKILL", target: Target, moment: Moment) =>
    interrupt(project, "up", signal, target, moment);

  async function assertDownLeavesNothing(): Promise<void> {
    const result = await project.npm("down");
    assert.equal(result.code, 0, result.output);
    assertNoTrace(result);
    assert.deepEqual(project.leftovers(), []);
    assert.deepEqual(processesIn(project.dir), []);
    assert.equal(readFileSync(project.configFile, "utf8"), stackFile);
  }

  describe("of a first deployment, of which `npm run down` then leaves nothing", () => {
    it("SIGINT to npm when the first network is there", async () => {
      assertStopped(project, await up("SIGINT", "npm", madeNetwork));
      await assertDownLeavesNothing();
    });
    it("SIGKILL to the whole tree when a database's container is there", async () => {
      await up("SIGKILL", "tree", madeContainer("kms-db"));
      await assertLookingChangesNothing(project);
      await assertDownLeavesNothing();
    });
    it("SIGKILL to npm and Node while files are delivered: Pulumi continues alone", async () => {
      await up("SIGKILL", "group", runs("deliver"));
      await assertDownLeavesNothing();
    });
  });

  describe("of a first deployment, again and again", () => {
    it("SIGKILL to npm and Node when a database's container is there", async () => {
      await up("SIGKILL", "group", madeContainer("kms-db"));
    });
    it("Ctrl-C (SIGINT to the process group) when a service's container is there", async () => {
      assertStopped(project, await up("SIGINT", "group", madeContainer("kms")));
    });
    it("SIGKILL to npm alone when the proxy's container is there", async () => {
      await up("SIGKILL", "npm", madeContainer("proxy"));
    });
    it("SIGKILL to the whole tree during the smoke check", async () => {
      await up("SIGKILL", "tree", runs("smoke"));
    });
    it("converges when nothing interrupts it", async () => {
      await assertConverges(project, stackFile);
    });
  });

  describe("of a change", () => {
    before(() => {
      project.configure((config) => (config["cybexp:rotation"] = { kmsJwtKey: 2 }));
      stackFile = readFileSync(project.configFile, "utf8");
    });
    it("Ctrl-C while it looks at what is there", async () => {
      assertStopped(project, await up("SIGINT", "group", runsPulumi));
    });
    it("SIGINT to npm while the new files are delivered", async () => {
      assertStopped(project, await up("SIGINT", "npm", runs("deliver")));
    });
    it("SIGKILL to the whole tree when a container has been replaced and starts", async () => {
      await up("SIGKILL", "tree", replacedContainer("kms"));
    });
    it("Ctrl-C during the smoke check", async () => {
      assertStopped(project, await up("SIGINT", "group", runs("smoke")));
    });
    it("converges when nothing interrupts it", async () => {
      await assertConverges(project, stackFile);
    });
  });

  describe("`npm run down`", () => {
    it("Ctrl-C, then SIGKILL to the whole tree, then to the end: nothing is left", async () => {
      assertStopped(
        project,
        await interrupt(project, "down", "SIGINT", "group", lostContainer("proxy")),
      );
      await interrupt(project, "down", "SIGKILL", "tree", lostContainer("kms-db"));
      await assertDownLeavesNothing();
    });
  });
});
