import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { projectRoot } from "../../machine/paths.ts";
import { lookAtRuns } from "../../stack/runLock.ts";

const module = JSON.stringify(join(projectRoot, "stack", "runLock.ts"));

describe("the lock of a run", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "cybexp-lock-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** A run: says "locked" or the error, then stays until it is told to end. */
  async function run(stack = "dev"): Promise<{ child: ChildProcess; said: string }> {
    const script = `
      const { lockStack } = await import(${module});
      try {
        const lock = await lockStack(${JSON.stringify(stack)}, "npm run up", ${JSON.stringify(folder)});
        lock.setPulumi(4321);
        console.log("locked, orphan " + lock.orphan?.pid);
        process.stdin.resume().on("end", () => process.exit());
      } catch (error) {
        console.log(error.name + ": " + error.message);
        process.exit(1);
      }`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const [said] = (await once(child.stdout, "data")) as [Buffer];
    return { child, said: said.toString().trim() };
  }

  async function end(child: ChildProcess, signal?: NodeJS.Signals): Promise<void> {
    if (signal) {
      child.kill(signal);
    } else {
      child.stdin?.end();
    }
    await once(child, "exit");
  }

  it("lets one run in, tells the second who holds it, and ends with the run", async () => {
    const first = await run();
    assert.equal(first.said, "locked, orphan undefined");
    const second = await run();
    assert.match(
      second.said,
      new RegExp(
        `^UserError: dev is being changed by another run \\(\`npm run up\`, process ${first.child.pid}, since [-\\dT:.Z]+\\): wait for it to end$`,
      ),
    );
    const other = await run("prod");
    assert.equal(other.said, "locked, orphan undefined");
    await end(other.child);
    await end(first.child);
    assert.deepEqual(readdirSync(folder), []);
  });

  it("lets exactly one of many in that come at once", async () => {
    const runs = await Promise.all(Array.from({ length: 6 }, () => run()));
    const winners = runs.filter(({ said }) => said.startsWith("locked"));
    assert.equal(winners.length, 1);
    await Promise.all(winners.map(({ child }) => end(child)));
  });

  it("breaks the lock of a run that was killed, and names the Pulumi that it left", async () => {
    const first = await run();
    await end(first.child, "SIGKILL");
    const second = await run();
    assert.equal(second.said, "locked, orphan 4321");
    await end(second.child);
    assert.deepEqual(readdirSync(folder), []);
  });

  it("lets exactly one of many break a dead run's lock", async () => {
    const first = await run();
    await end(first.child, "SIGKILL");
    const runs = await Promise.all(Array.from({ length: 6 }, () => run()));
    const winners = runs.filter(({ said }) => said.startsWith("locked"));
    assert.equal(winners.length, 1, runs.map(({ said }) => said).join("\n"));
    await Promise.all(winners.map(({ child }) => end(child)));
  });

  it("is not held by a process that only has a dead run's process id", async () => {
    const stranger = { pid: process.pid, launcher: process.ppid, since: "2020-01-01T00:00:00Z" };
    writeFileSync(join(folder, "dev.json"), JSON.stringify({ ...stranger, command: "npm run up" }));
    const { child, said } = await run();
    assert.equal(said, "locked, orphan undefined");
    await end(child);
  });

  it("breaks a lock that isn't JSON", async () => {
    writeFileSync(join(folder, "dev.json"), "");
    const { child, said } = await run();
    assert.equal(said, "locked, orphan undefined");
    await end(child);
  });

  it("is for this user alone", async () => {
    const { child } = await run();
    assert.equal(statSync(join(folder, "dev.json")).mode & 0o777, 0o600);
    await end(child);
  });

  describe("for a command that only looks", () => {
    const look = (stack = "dev") => lookAtRuns(stack, folder);
    const file = () => join(folder, "dev.json");
    const long = "2020-01-01T00:00:00.000Z";
    const holder = (more: object = {}) =>
      JSON.stringify({
        pid: 2 ** 22 + 1,
        launcher: 1,
        since: long,
        command: "npm run up",
        ...more,
      });

    it("is absent if nobody runs", () => {
      assert.equal(look(), undefined);
      assert.deepEqual(readdirSync(folder), []);
    });

    it("names the command that runs", async () => {
      const { child } = await run();
      assert.throws(
        look,
        new RegExp(
          `^UserError: dev is being changed by another run \\(\`npm run up\`, process ${child.pid}, since [-\\dT:.Z]+\\): wait for it to end$`,
        ),
      );
      await end(child);
    });

    it("is reported when its run died, and stays for the next `up`, whom it tells of the Pulumi", () => {
      const text = holder({ pulumi: { pid: 2 ** 22 + 2, since: long } });
      writeFileSync(file(), text);
      assert.deepEqual(look(), { command: "npm run up" });
      assert.equal(readFileSync(file(), "utf8"), text);
    });

    it("is reported when it was cut off", () => {
      writeFileSync(file(), '{"pid":');
      assert.deepEqual(look(), { command: undefined });
      assert.equal(readFileSync(file(), "utf8"), '{"pid":');
    });

    it("stops a command while the Pulumi of a dead run still works", async () => {
      const pulumi = join(folder, "pulumi");
      copyFileSync("/bin/sleep", pulumi);
      chmodSync(pulumi, 0o755);
      const child = spawn(pulumi, ["30"]);
      await once(child, "spawn");
      writeFileSync(
        file(),
        holder({ pulumi: { pid: child.pid, since: new Date().toISOString() } }),
      );
      assert.throws(
        look,
        new RegExp(
          `^UserError: dev is still being changed by the Pulumi of a run that died \\(process ${child.pid}\\): ` +
            "wait for it to end, or run `npm run up`, which stops it and continues$",
        ),
      );
      await end(child, "SIGKILL");
      assert.deepEqual(look(), { command: "npm run up" });
    });
  });
});
