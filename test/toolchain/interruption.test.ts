import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { isAlive } from "../../machine/toolchain/lock.ts";
import { eventually, processTree } from "./processes.ts";
import { commandsProgram, makeSandbox, type Sandbox } from "./sandbox.ts";

/** A command that tells its process id and that of a child, and that won't end by itself. */
const endless = {
  create: `echo $$ > "$PID_FILE.part"; sleep 300 & echo $! >> "$PID_FILE.part";
    mv "$PID_FILE.part" "$PID_FILE"; wait`,
};

describe("an up that is interrupted", () => {
  let sandbox: Sandbox;
  before(async () => {
    sandbox = await makeSandbox(commandsProgram);
  });
  after(() => sandbox.remove());

  const locks = () =>
    readdirSync(join(sandbox.folder, ".pulumi", "locks"), { recursive: true }).filter((file) =>
      String(file).endsWith(".json"),
    );

  /** Starts an up whose command does not end, and waits until the command runs. */
  async function startEndless(name: string) {
    const pidFile = join(sandbox.folder, `${name}.pids`);
    const command = { ...endless, environment: { PID_FILE: pidFile } };
    sandbox.write("commands.json", JSON.stringify({ [name]: command }));
    const up = sandbox.start("up", "--yes", "--skip-preview");
    await eventually("the command runs", () => existsSync(pidFile), 30);
    const commands = readFileSync(pidFile, "utf8").trim().split("\n").map(Number);
    assert.equal(commands.length, 2);
    assert.ok(commands.every(isAlive));
    const everything = await processTree(up.pid ?? assert.fail("the CLI did not start"));
    return { up, commands, everything };
  }

  it("ends the command and itself on Ctrl-C, and releases the stack", async () => {
    const { up, commands, everything } = await startEndless("interrupted");
    const start = Date.now();
    up.kill("SIGINT");
    const { exitCode, all } = await up;
    assert.notEqual(exitCode, 0);
    assert.ok(exitCode !== undefined, "it ended by itself, not by a signal");
    assert.ok(Date.now() - start < 20_000, `it took ${Date.now() - start} ms`);
    assert.match(all, /cancelled/);
    const left = () => [...commands, ...everything].filter(isAlive);
    await eventually("every process is gone", () => left().length === 0);
    assert.deepEqual(locks(), []);
  });

  it("leaves no plugin and no command behind when the CLI is killed", async () => {
    const { up, commands, everything } = await startEndless("killed");
    assert.ok(everything.length > 5, "the CLI, a language host with Node, a plugin, two commands");
    up.kill("SIGKILL");
    await up;
    const left = () => [...commands, ...everything].filter(isAlive);
    await eventually("every process is gone", () => left().length === 0);
    assert.equal(locks().length, 1, "only the lock is left, which names the dead CLI");
    await sandbox.pulumi("cancel", "--yes");
    assert.deepEqual(locks(), []);
  });
});
