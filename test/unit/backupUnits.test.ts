/** The units that make a backup every night. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { projectRoot } from "../../machine/paths.ts";
import { assertSpeaksOfFailures, Units } from "./units.ts";

const units = new Units("backup");

describe("the units that make backups", () => {
  it("are a timer, the service that it starts, and one that reports a failure", () => {
    assert.deepEqual(units.names, [
      "cybexp-backup-failed.service",
      "cybexp-backup.service",
      "cybexp-backup.timer",
    ]);
    assert.equal(
      units.valueOf("cybexp-backup.service", "OnFailure"),
      "cybexp-backup-failed.service",
    );
    assert.match(
      units.valueOf("cybexp-backup.service", "ExecStart") ?? "",
      /npm run --silent backup$/,
    );
  });

  it("are valid for systemd, where there is one", () => {
    units.assertValid();
  });

  it("have a recipe for cron beside them that speaks only when a backup fails", () => {
    const page = readFileSync(join(projectRoot, "docs", "backup.md"), "utf8");
    const [, cron = ""] = /^30 2 \* \* \* {2}cybexp {2}(.*)$/m.exec(page) ?? [];
    assert.notEqual(cron, "");
    assertSpeaksOfFailures(cron, "npm run -s backup");
    units.assertReadable("cybexp-backup-failed.service");
  });
});
