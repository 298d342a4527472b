import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { startDaemon } from "../../machine/engine/daemon.ts";

/**
 * In the place of dockerd, a script: a second real one would touch the first one's network (with
 * `--bridge=none` it removes docker0).
 */
describe("starting an engine", () => {
  const path = process.env["PATH"];
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "daemon-"));
    process.env["PATH"] = `${folder}${delimiter}${path}`;
  });
  after(() => {
    process.env["PATH"] = path;
    rmSync(folder, { recursive: true });
  });

  const dockerd = (...lines: string[]) =>
    writeFileSync(join(folder, "dockerd"), ["#!/bin/sh", ...lines, ""].join("\n"), { mode: 0o755 });
  const start = (answers: () => Promise<boolean>, args: string[] = []) =>
    startDaemon(answers, { systemd: false, log: join(folder, "log"), args });

  it("waits until it answers, and leaves it in a session of its own with its log", async () => {
    const ready = join(folder, "ready");
    dockerd('echo "starting with $1"', "sleep 0.3", `echo $$ > ${ready}`, "exec sleep 60");
    await start(() => Promise.resolve(existsSync(ready)), ["--some-argument"]);
    const pid = Number(readFileSync(ready, "utf8"));
    try {
      const session = execFileSync("ps", ["-o", "sess=", "-p", String(pid)], { encoding: "utf8" });
      assert.equal(Number(session), pid);
      assert.equal(readFileSync(join(folder, "log"), "utf8"), "starting with --some-argument\n");
    } finally {
      process.kill(pid);
    }
  });

  it("runs it with another program, if one is given", async () => {
    const ready = join(folder, "elsewhere");
    dockerd(`echo "$1 $WHERE" > ${ready}.part`, `mv ${ready}.part ${ready}`, "exec sleep 60");
    await startDaemon(() => Promise.resolve(existsSync(ready)), {
      ...{ systemd: false, log: join(folder, "log"), args: ["--some-argument"] },
      command: [
        "sh",
        "-c",
        'echo $$ > "$0"; WHERE=elsewhere exec "$@"',
        join(folder, "pid"),
        "dockerd",
      ],
    });
    process.kill(Number(readFileSync(join(folder, "pid"), "utf8")));
    assert.equal(readFileSync(ready, "utf8"), "--some-argument elsewhere\n");
  });

  it("reports a failure at once, in the engine's own words", async () => {
    dockerd(
      'echo "level=info msg=Starting"',
      'echo "failed to start daemon: no space left"',
      "exit 1",
    );
    const began = performance.now();
    await assert.rejects(
      start(() => Promise.resolve(false)),
      {
        name: "UserError",
        message: `The Docker engine did not start (failed to start daemon: no space left): see ${folder}/log.`,
      },
    );
    assert.ok(performance.now() - began < 5000, "waited for what could not come");
  });

  it("accepts it if another one came first", async () => {
    dockerd("exit 1");
    let asked = 0;
    await start(() => Promise.resolve(++asked > 1));
  });
});
