/** The units that make a backup every night. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { projectRoot } from "../../machine/paths.ts";

const folder = join(projectRoot, "examples", "backup");
const units = globSync("*", { cwd: folder }).sort();
const lines = (unit: string) =>
  readFileSync(join(folder, unit), "utf8").replaceAll("\\\n", " ").split("\n");
const valueOf = (unit: string, key: string) =>
  lines(unit)
    .find((line) => line.startsWith(`${key}=`))
    ?.slice(key.length + 1);

describe("the units that make backups", () => {
  it("are a timer, the service that it starts, and one that reports a failure", () => {
    assert.deepEqual(units, [
      "cybexp-backup-failed.service",
      "cybexp-backup.service",
      "cybexp-backup.timer",
    ]);
    assert.equal(valueOf("cybexp-backup.service", "OnFailure"), "cybexp-backup-failed.service");
    assert.match(valueOf("cybexp-backup.service", "ExecStart") ?? "", /npm run --silent backup$/);
  });

  it("are valid for systemd, where there is one", () => {
    for (const unit of units) {
      for (const line of lines(unit)) {
        assert.match(line, /^(|#.*|\[(Unit|Service|Timer|Install)\]|[A-Z][A-Za-z]+=\S.*)$/, unit);
      }
    }
    const paths = units.map((unit) => join(folder, unit));
    const { error, status, stderr } = spawnSync("systemd-analyze", ["verify", ...paths], {
      encoding: "utf8",
    });
    if (error === undefined) {
      assert.deepEqual([status, stderr], [0, ""]);
    }
  });

  it("have a recipe for cron beside them that speaks only when a backup fails", () => {
    const page = readFileSync(join(projectRoot, "docs", "backup.md"), "utf8");
    const [, cron = ""] = /^30 2 \* \* \* {2}cybexp {2}(.*)$/m.exec(page) ?? [];
    assert.notEqual(cron, "");
    for (const [backup, printed] of [
      ["echo fine", ""],
      ["echo broken; exit 1", "broken\n"],
    ] as const) {
      const command = cron
        .replace("/srv/cybexp", ".")
        .replace("npm run -s backup", `sh -c '${backup}'`);
      const { stdout } = spawnSync("sh", ["-c", command], { encoding: "utf8" });
      assert.equal(stdout, printed);
    }
    const [, mail = ""] =
      /^\/bin\/sh -c '(.*)'$/s.exec(valueOf("cybexp-backup-failed.service", "ExecStart") ?? "") ??
      [];
    assert.equal(execFileSync("sh", ["-n", "-c", mail]).length, 0);
  });
});
