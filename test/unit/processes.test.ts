import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, it } from "node:test";
import { findProcess, findWriter, parsePs, parseStat } from "../../machine/processes.ts";

describe("looking for a process", () => {
  it("finds a running one, with its parent, start time and name", () => {
    const info = findProcess(process.pid);
    assert.ok(info);
    assert.equal(info.parent, process.ppid);
    assert.ok(Math.abs(info.startedAt - (Date.now() - process.uptime() * 1000)) < 3000);
  });

  it("finds no ended process, and none for an invalid id", async () => {
    const child = spawn("true");
    await once(child, "exit");
    for (const pid of [child.pid ?? 0, 0, -1, NaN, 1.5]) {
      assert.equal(findProcess(pid), undefined);
    }
  });

  it("treats a process that started after a record as a stranger with the same id", () => {
    assert.ok(findWriter(process.pid, Date.now()));
    assert.equal(findWriter(process.pid, Date.now() - 3_600_000), undefined);
    assert.equal(findWriter(process.pid, NaN), undefined);
  });

  it("reads Linux's line, whatever the name is", () => {
    const rest = "S 42 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 7 0 12345 0 0";
    for (const command of ["pulumi", "a (b) c", "x) S 1 ("]) {
      assert.deepEqual(parseStat(`7 (${command}) ${rest}\n`, 1000), {
        parent: 42,
        startedAt: 1_123_450,
        command,
      });
    }
    assert.equal(parseStat(`7 (pulumi) ${rest.replace("S", "Z")}`, 1000), undefined);
  });

  it("reads macOS's line", () => {
    const now = 1_000_000_000;
    const at = (etime: string) => parsePs(` 42 S+ ${etime} /opt/my tools/pulumi\n`, now);
    assert.deepEqual(at("00:05"), { parent: 42, startedAt: now - 5000, command: "pulumi" });
    assert.equal(at("01:02:03")?.startedAt, now - 3_723_000);
    assert.equal(at("2-01:02:03")?.startedAt, now - 176_523_000);
    assert.equal(parsePs("42 Z 00:05 (pulumi)", now), undefined);
    assert.equal(parsePs("", now), undefined);
  });
});
