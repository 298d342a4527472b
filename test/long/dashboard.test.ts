/** The example's dashboard by the schemas that Grafana publishes: what it does not know, it would not show. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { projectRoot } from "../../machine/paths.ts";
import { step } from "../../machine/progress.ts";
import { findGo } from "../../machine/toolchain/go.ts";

const DASHBOARD = readFileSync(
  join(projectRoot, "examples", "watching", "grafana", "cybexp.json"),
  "utf8",
);

describe("the dashboard", () => {
  const folder = mkdtempSync(join(tmpdir(), "cybexp-test-grafana-"));
  const program = join(folder, "grafana");
  before(async () => {
    const go = await step("Building the reader of dashboards", findGo);
    const built = spawnSync(go.command, ["build", "-o", program, "."], {
      cwd: join(projectRoot, "test", "long", "grafana"),
      env: { ...process.env, ...go.env, CGO_ENABLED: "0", GOWORK: "off", GOFLAGS: "-mod=readonly" },
      encoding: "utf8",
    });
    assert.equal(built.status, 0, built.stderr);
  });
  after(() => rmSync(folder, { recursive: true }));

  const read = (text: string) => {
    const { status, stdout, stderr } = spawnSync(program, { input: text, encoding: "utf8" });
    return { status, said: (stdout + stderr).trim() };
  };

  it("is one that Grafana knows", () => {
    const { panels } = JSON.parse(DASHBOARD) as { panels: readonly unknown[] };
    assert.deepEqual(read(DASHBOARD), { status: 0, said: String(panels.length) });
  });

  for (const [wrong, by, said] of [
    ["an option of a panel", ['"fillOpacity"', '"fillOpacit"'], /unexpected field 'fillOpacit'/],
    ["a field of a query", ['"legendFormat"', '"legendForm"'], /unexpected field 'legendForm'/],
    ["a part that is no text", ['"unit": "s"', '"unit": 7'], /cannot unmarshal number/],
  ] as const) {
    it(`would be refused for ${wrong}`, () => {
      const [from, to] = by;
      const told = read(DASHBOARD.replace(from, to));
      assert.equal(told.status, 1);
      assert.match(told.said, said);
    });
  }
});
