/** The units that renew certificates where no CI does. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { projectRoot } from "../../machine/paths.ts";

const folder = join(projectRoot, "examples", "renewal");
const units = globSync("*", { cwd: folder }).sort();
const lines = (unit: string) =>
  readFileSync(join(folder, unit), "utf8").replaceAll("\\\n", " ").split("\n");
/** The value of a key of a unit. */
const valueOf = (unit: string, key: string) =>
  lines(unit)
    .find((line) => line.startsWith(`${key}=`))
    ?.slice(key.length + 1);

describe("the units that renew certificates", () => {
  it("are a timer, the service that it starts, and one that reports a failure", () => {
    assert.deepEqual(units, [
      "cybexp-renew-failed.service",
      "cybexp-renew.service",
      "cybexp-renew.timer",
    ]);
    assert.equal(valueOf("cybexp-renew.service", "OnFailure"), "cybexp-renew-failed.service");
    assert.match(valueOf("cybexp-renew.service", "ExecStart") ?? "", /npm run --silent up$/);
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

  it("have commands that a shell can read, in the documentation too", () => {
    const [, mail = ""] =
      /^\/bin\/sh -c '(.*)'$/s.exec(valueOf("cybexp-renew-failed.service", "ExecStart") ?? "") ??
      [];
    assert.equal(execFileSync("sh", ["-n", "-c", mail]).length, 0);
    const page = readFileSync(join(projectRoot, "docs", "rotation.md"), "utf8");
    const [, cron = ""] = /^17 4 \* \* 1 {2}cybexp {2}(.*)$/m.exec(page) ?? [];
    const inFolder = cron.replace("/srv/cybexp", ".");
    for (const [up, printed] of [
      ["echo fine", ""],
      ["echo broken; exit 1", "broken\n"],
    ] as const) {
      const { stdout } = spawnSync(
        "sh",
        ["-c", inFolder.replace("npm run -s up", `sh -c '${up}'`)],
        {
          encoding: "utf8",
        },
      );
      assert.equal(stdout, printed);
    }
  });
});
