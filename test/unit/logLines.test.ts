/** How a container's log is read: line by line, and never more than was allowed. */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { eachLogLine, type LogBounds } from "../../programs/docker/logLines.ts";

const BOUNDS: LogBounds = { since: "1h", lines: 1000, bytes: 1_000_000, seconds: 30 };

describe("a container's log", () => {
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), "cybexp-test-log-"))));
  after(() => rmSync(folder, { recursive: true }));

  /** Reads what a stand-in for docker prints. */
  async function read(script: string, bounds: Partial<LogBounds> = {}) {
    const program = join(folder, "docker");
    writeFileSync(program, `#!/bin/sh\n${script}\n`);
    chmodSync(program, 0o755);
    const env = { PATH: [folder, process.env["PATH"]].join(delimiter) };
    const lines: string[] = [];
    const result = await eachLogLine({ env }, "proxy", { ...BOUNDS, ...bounds }, (line) => {
      lines.push(line);
    });
    return { result, lines };
  }

  it("is asked for with its bounds, and comes line by line", async () => {
    const { result, lines } = await read('echo "$@"; echo to-stderr >&2; printf "ä\\nlast\\n"');
    assert.deepEqual(lines, ["container logs --since=1h --tail=1000 proxy", "ä", "last"]);
    assert.deepEqual(result, { cut: undefined });
  });

  it("ends at a number of bytes, even if it never ends by itself", async () => {
    const { result, lines } = await read("yes 123456789", { bytes: 100_000 });
    assert.deepEqual(result, { cut: "bytes" });
    assert.ok(lines.length > 1000 && lines.length < 30_000, String(lines.length));
    assert.deepEqual([...new Set(lines)], ["123456789"]);
  });

  it("ends after a time, even if nothing comes", async () => {
    const start = performance.now();
    const { result, lines } = await read("echo one; exec sleep 60", { seconds: 0.5 });
    assert.deepEqual([result, lines], [{ cut: "time" }, ["one"]]);
    assert.ok(performance.now() - start < 20_000);
  });

  it("says that older lines were left out when there are as many as were asked for", async () => {
    const { result } = await read("echo 1; echo 2; echo 3", { lines: 3 });
    assert.deepEqual(result, { cut: "lines" });
  });

  it("has no line of a length that none of ours has, and goes on after it", async () => {
    const { lines } = await read("head -c 300000 /dev/zero | tr '\\0' x; echo; echo next");
    assert.deepEqual(lines, ["next"]);
  });

  it("that can't be read is told apart from an empty one", async () => {
    assert.equal((await read("echo no such container >&2; exit 1")).result, undefined);
    assert.deepEqual((await read("exit 0")).result, { cut: undefined });
  });
});
