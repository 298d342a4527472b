/** The units that renew certificates where no CI does. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { projectRoot } from "../../machine/paths.ts";
import { assertSpeaksOfFailures, Units } from "./units.ts";

const units = new Units("renewal");

describe("the units that renew certificates", () => {
  it("are a timer, the service that it starts, and one that reports a failure", () => {
    assert.deepEqual(units.names, [
      "cybexp-renew-failed.service",
      "cybexp-renew.service",
      "cybexp-renew.timer",
    ]);
    assert.equal(units.valueOf("cybexp-renew.service", "OnFailure"), "cybexp-renew-failed.service");
    assert.match(units.valueOf("cybexp-renew.service", "ExecStart") ?? "", /npm run --silent up$/);
  });

  it("are valid for systemd, where there is one", () => {
    units.assertValid();
  });

  it("have commands that a shell can read, in the documentation too", () => {
    units.assertReadable("cybexp-renew-failed.service");
    const page = readFileSync(join(projectRoot, "docs", "rotation.md"), "utf8");
    const [, cron = ""] = /^17 4 \* \* 1 {2}cybexp {2}(.*)$/m.exec(page) ?? [];
    assertSpeaksOfFailures(cron, "npm run -s up");
  });
});
