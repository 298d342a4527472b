/** A run of Pulumi's `up`, with a stand-in for the CLI. */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { runUpdate } from "../../stack/update.ts";

/** What a CLI that writes this to standard output, and ends with a code, comes to. */
async function updated(t: TestContext, lines: readonly string[], code: number | string = 0) {
  const folder = mkdtempSync(join(tmpdir(), "cybexp-update-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const pulumi = join(folder, "pulumi");
  writeFileSync(pulumi, `#!/bin/sh\ncat <<'END'\n${lines.join("\n")}\nEND\nexit ${code}\n`);
  chmodSync(pulumi, 0o755);
  return runUpdate(pulumi, ["up"], process.env, () => {});
}

const replaced = JSON.stringify({
  resOutputsEvent: {
    metadata: { op: "update", urn: "urn:pulumi:dev::cybexp::a:b:C::kms", type: "a:b:C" },
  },
});
const summary = JSON.stringify({ summaryEvent: { resourceChanges: { same: 3, update: 1 } } });

describe("a run of pulumi up", () => {
  it("succeeds if Pulumi says so to the end", async (t) => {
    assert.deepEqual(await updated(t, [replaced, summary]), {
      ok: true,
      changes: 1,
      failures: [],
      unwell: new Map(),
      interrupted: false,
    });
  });

  for (const [what, lines] of [
    ["is missing", [replaced]],
    ["is cut off", [replaced, summary.slice(0, 20)]],
  ] as const) {
    it(`is not a success if the end of its output ${what}`, async (t) => {
      const { ok, failures } = await updated(t, lines);
      assert.equal(ok, false);
      assert.deepEqual(failures, [
        `it is unknown what changed: Pulumi's events in ${tmpdir()} are cut off. Check that disk, and run it again`,
      ]);
    });
  }

  it("says how Pulumi ended if it printed nothing", async (t) => {
    assert.deepEqual((await updated(t, [], 7)).failures, [
      "Pulumi ended with exit code 7 and printed nothing",
    ]);
    assert.deepEqual((await updated(t, [], "$(kill -9 $$)")).failures, [
      "Pulumi was killed (SIGKILL), perhaps for lack of memory: see `dmesg`",
    ]);
  });

  it("keeps Pulumi's own words for a failure", async (t) => {
    const failed = JSON.stringify({ diagnosticEvent: { severity: "error", message: "no" } });
    const { ok, failures } = await updated(t, [failed], 255);
    assert.equal(ok, false);
    assert.deepEqual(failures, ["no"]);
  });
});
