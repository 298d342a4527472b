/**
 * What meets `npm run up` and `down` on a machine that is not theirs alone: other runs, other people's
 * things, hands in Docker, a full disk, an engine that does not answer.
 */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { hostname } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ask } from "../../programs/smoke/probe.ts";
import { docker, Project, type Result } from "./project.ts";

function assertNoTrace(result: Result): void {
  assert.doesNotMatch(result.output, /^\s+at .*:\d+|internal error|goroutine \d+|panic:/m);
}

/** It ended with these lines about what is wrong, after what it may have said of its steps. */
function assertRefused(result: Result, ...lines: (string | RegExp)[]): void {
  assert.equal(result.code, 1, result.output);
  assertNoTrace(result);
  const [, ...errors] = result.output.split(/^error: /m);
  assert.equal(errors.length, 1, result.output);
  const said = errors[0]?.trimEnd().split("\n\n")[0]?.split("\n       ") ?? [];
  assert.equal(said.length, lines.length, result.output);
  for (const [index, line] of lines.entries()) {
    if (typeof line === "string") {
      assert.equal(said[index], line);
    } else {
      assert.match(said[index] ?? "", line);
    }
  }
}

async function assertOk(result: Promise<Result>): Promise<Result> {
  const { code, output } = await result;
  assert.equal(code, 0, output);
  assertNoTrace(await result);
  return result;
}

/** Both services answer through the proxy. */
async function assertServed(project: Project): Promise<void> {
  const outputs = (await project.outputs()) as {
    kmsUrl: string;
    backendUrl: string;
    serverCa: string;
    users: Record<string, { user: string; password: string }>;
  };
  const credential = outputs.users["analyst"] ?? assert.fail("no user analyst");
  for (const url of [outputs.kmsUrl, outputs.backendUrl]) {
    const { status, body } = await ask({ url: `${url}/`, ca: outputs.serverCa, credential });
    assert.deepEqual([status, body.trim()], [200, "up"]);
  }
}

let project: Project;
const name = (part: string) => `cybexp-${project.stack}-${part}`;
const statedir = () => join(project.dir, ".cybexp");

before(async () => {
  project = await Project.create();
});
after(() => project.remove());

describe("before anything is deployed, `npm run up` refuses in one sentence", () => {
  const withEnv = async (env: Record<string, string>, command = "up") => {
    project.env = env;
    try {
      return await project.npm(command);
    } finally {
      project.env = {};
    }
  };

  it("an invalid stack name", async () => {
    assertRefused(
      await withEnv({ STACK: "../x" }),
      'STACK="../x" is not a valid stack name: use 1 to 100 letters, digits, ".", "_" and "-"',
    );
  });

  it("a stack without a file", async () => {
    assertRefused(
      await withEnv({ STACK: "nowhere" }),
      "there is no stack nowhere: Pulumi.nowhere.yaml is missing; `npm run env -- nowhere` creates it",
    );
  });

  it("to look for drift: there is nothing to compare with", async () => {
    assertRefused(
      await withEnv({}, "drift"),
      `${project.stack} is not deployed, according to its state: ` +
        `\`STACK=${project.stack} npm run up\` deploys it; if it is deployed, check that PULUMI_BACKEND_URL names its state`,
    );
  });

  it("an engine that does not answer, at once", async () => {
    const start = Date.now();
    const result = await withEnv({ DOCKER_HOST: "unix:///nowhere/docker.sock" });
    assertRefused(result, /unix:\/\/\/nowhere\/docker\.sock/);
    assert.ok(Date.now() - start < 15_000);
  });

  it("names that others have, all in one report, and `down` leaves them alone", async () => {
    const image = "cybexp-demo/nginx:1";
    docker("create", `--name=${name("kms")}`, image);
    docker("network", "create", name("kms-db"));
    docker("volume", "create", "--label=cybexp.deployment=feed", name("kms-db-data"));
    // Of a stack whose name begins like ours: no clash.
    docker("volume", "create", name("2-kms-db-data"));
    const foreign = project.leftovers();
    try {
      const advice = (kind: string, part: string, force = "") =>
        `remove it with \`docker ${kind} rm ${force}${name(part)}\` if nobody needs it, or choose another stack name with STACK=name`;
      assertRefused(
        await project.npm("up"),
        `the container ${name("kms")} exists but does not belong to this stack (it has no label cybexp.deployment): ${advice("container", "kms", "-f ")}`,
        `the network ${name("kms-db")} exists but does not belong to this stack (it has no label cybexp.deployment): ${advice("network", "kms-db")}`,
        `the volume ${name("kms-db-data")} exists but does not belong to this stack (it belongs to deployment feed): ${advice("volume", "kms-db-data")}`,
      );
      assert.deepEqual(project.leftovers(), foreign);
      await assertOk(project.npm("down"));
      assert.deepEqual(project.leftovers(), foreign);
    } finally {
      docker("rm", name("kms"));
      docker("network", "rm", name("kms-db"));
      docker("volume", "rm", name("kms-db-data"), name("2-kms-db-data"));
    }
  });

  it("ports that others have, and who needs them", async () => {
    const { kms, backendBind } = project.ports;
    const servers = [kms, backendBind].map((port) => createServer().listen(port, "127.0.0.1"));
    try {
      const taken = (port: number, role: string) =>
        `port ${port} at 127.0.0.1, which the stack's config gives to ${role}, is in use by another program: ` +
        `end that program (\`ss -ltnp\` or \`lsof -i :${port}\` shows it), or change the port`;
      assertRefused(await project.npm("up"), taken(backendBind, "backend"), taken(kms, "proxy"));
      assert.deepEqual(project.leftovers(), []);
    } finally {
      servers.forEach((server) => server.close());
    }
  });
});

describe("a disk that is full", () => {
  const mount = (...options: string[]) =>
    execFileSync("mount", ["-t", "tmpfs", ...options, "tmpfs", statedir()]);
  after(() => {
    // What was there comes with it: the tests that follow go on with the state.
    const kept = join(project.dir, "kept");
    execFileSync("cp", ["-a", statedir(), kept]);
    execFileSync("umount", [statedir()]);
    execFileSync("cp", ["-a", `${kept}/.`, statedir()]);
  });

  it("is reported in a sentence before anything is touched, and stops nothing once there is room again", async () => {
    mount("-o", "size=1m");
    const full = await project.npm("up");
    assertRefused(full, /^no space left on device: .*\.cybexp has [\d.]+ MiB free, and /);
    assert.deepEqual(project.leftovers(), []);

    mount("-o", "remount,size=200m");
    await assertOk(project.npm("up"));
    await assertServed(project);
  });

  it("that cut the state off costs one step: the backup is used, and the rest is found", async () => {
    const state = join(statedir(), "state/.pulumi/stacks/cybexp", `${project.stack}.json`);
    writeFileSync(state, readFileSync(state, "utf8").slice(0, 5000));
    const { output } = await assertOk(project.npm("up"));
    assert.match(
      output,
      /^- Restored the state's backup: the state was cut off, perhaps by a full disk$/m,
    );
    await assertOk(project.npm("preview", "--expect-no-changes"));
  });
});

describe("a stack that is deployed", () => {
  it("is found unchanged in a few lines", async () => {
    const { output } = await assertOk(project.npm("up"));
    const lines = output.split("\n").filter((line) => !line.startsWith("  still working"));
    assert.deepEqual(lines.slice(0, 3), [
      `- Comparing ${project.stack} with its config, and changing what differs ...`,
      "",
      `Nothing changed: ${project.stack} is what its config says.`,
    ]);
    assert.ok(lines.length <= 12, output);
  });

  it("is not touched with a wrong passphrase", async () => {
    const before = execFileSync("find", [statedir(), "-type", "f", "-name", "*.json"]).toString();
    project.env = { PULUMI_CONFIG_PASSPHRASE: "wrong" };
    const results = [await project.npm("up"), await project.npm("down")];
    project.env = {};
    for (const result of results) {
      assertRefused(
        result,
        "incorrect passphrase: this stack's secrets are encrypted with another one than PULUMI_CONFIG_PASSPHRASE",
      );
    }
    const now = execFileSync("find", [statedir(), "-type", "f", "-name", "*.json"]).toString();
    assert.equal(now, before);
  });

  it("is changed by one of two runs that start at once, and the other says so", async () => {
    const results = await Promise.all([project.npm("up"), project.npm("up")]);
    const [winner, loser] = results.sort((a, b) => a.code - b.code);
    assert.equal(winner?.code, 0, winner?.output);
    assert.ok(loser);
    assertRefused(
      loser,
      new RegExp(
        `^${project.stack} is being changed by another run \\(\`npm run up\`, process \\d+, since [-\\dT:.Z]+\\): wait for it to end$`,
      ),
    );
  });

  it("is changed by `npm run pulumi -- up` alone, and read meanwhile", async () => {
    const child = project.start(
      "pulumi",
      "up",
      "--yes",
      "--skip-preview",
      "--stack",
      project.stack,
    );
    const other = project.end(child);
    while (!existsSync(join(statedir(), "runs", `${project.stack}.json`))) {
      await sleep(20);
    }
    assertRefused(
      await project.npm("up"),
      /is being changed by another run \(`npm run pulumi -- up`/,
    );
    assertRefused(await project.npm("down"), /is being changed by another run/);
    await assertOk(project.npm("pulumi", "stack", "output", "kmsUrl"));
    await assertOk(other);
  });

  it("is not held by locks of dead processes, nor of strangers with their process ids", async () => {
    const folder = join(statedir(), "state/.pulumi/locks/organization/cybexp", project.stack);
    mkdirSync(folder, { recursive: true });
    const lock = (file: string, pid: number, timestamp: Date) =>
      writeFileSync(
        join(folder, `${file}.json`),
        JSON.stringify({ pid, username: "u", hostname: hostname(), timestamp }),
      );
    // A program called pulumi, which is what a lock's owner is known by.
    const pulumi = join(statedir(), "pulumi");
    copyFileSync("/bin/sleep", pulumi);
    const impostor = spawn(pulumi, ["600"], { stdio: "ignore" });
    try {
      const pid = impostor.pid ?? assert.fail("it did not start");
      const dead = Number(execFileSync("sh", ["-c", "echo $$"]).toString());
      lock("a", dead, new Date());
      lock("b", process.pid, new Date());
      lock("c", pid, new Date(Date.now() - 3_600_000));
      const { output } = await assertOk(project.npm("up"));
      assert.deepEqual(
        output.split("\n").filter((line) => line.includes("lock")),
        [dead, process.pid, pid].map(
          (owner) => `- Removed the lock of a run that died (process ${owner})`,
        ),
      );

      lock("d", pid, new Date());
      assertRefused(
        await project.npm("up"),
        new RegExp(`is being changed by another run \\(Pulumi, process ${pid}, since`),
      );
      impostor.kill();
      await new Promise((resolve) => impostor.on("exit", resolve));
      await assertOk(project.npm("preview", "--expect-no-changes"));
    } finally {
      impostor.kill();
    }
  });

  it("gets back what was stopped, paused, removed, emptied or cut off by hand", async () => {
    docker("stop", "--time=0", name("backend"));
    const network = name("backend-db");
    for (const part of ["backend", "backend-db"]) {
      docker("network", "disconnect", "--force", network, name(part));
    }
    docker("network", "rm", network);
    docker("rm", "--force", name("kms"));
    docker("volume", "rm", name("kms-config"));
    docker("pause", name("kms-db"));
    docker(
      "run",
      "--rm",
      "--user=0:0",
      "--entrypoint=sh",
      `--volume=${name("proxy-release")}:/v`,
      "cybexp-demo/nginx:1",
      "-c",
      "rm -rf /v/*",
    );
    const { output } = await assertOk(project.npm("up"));
    assert.match(output, /^ {2}[+±] container kms\b/m);
    assert.match(output, /^ {2}[+±] container backend\b/m);
    assert.match(output, /^ {2}\+ network backend-db-network\b/m);
    for (const line of [
      `- Creating proxy-release-delivery again: its files are gone from ${name("proxy-release")}`,
      `- Creating kms-config-delivery again: the volume ${name("kms-config")} is gone`,
      "- Creating kms-db again: it is paused",
    ]) {
      assert.ok(output.split("\n").includes(line), `${line}\n${output}`);
    }
    await assertServed(project);
    // It starts anew from what is in its volume.
    docker("restart", name("proxy"));
    await sleep(2000);
    await assertServed(project);
    await assertOk(project.npm("preview", "--expect-no-changes"));
  });

  it("is safe from another clone's stack of the same name", async () => {
    const clone = await Project.create(project.stack);
    const things = project.leftovers();
    try {
      const result = await clone.npm("up");
      assertRefused(
        result,
        ...things.map((thing) => {
          const [kind, found] = thing.split(" ");
          return new RegExp(
            `^the ${kind} ${found} exists but does not belong to this stack \\(it belongs to deployment [0-9a-f]{16}\\)`,
          );
        }),
      );
      await assertOk(clone.npm("down"));
      assert.deepEqual(project.leftovers(), things);
    } finally {
      execFileSync("rm", ["-r", clone.dir]);
    }
    await assertServed(project);
  });

  it("leaves its file as it was", () => {
    assert.doesNotMatch(readFileSync(project.configFile, "utf8"), /encryptionsalt/);
  });
});
