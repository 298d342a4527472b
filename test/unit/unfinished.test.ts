/** What the doctor says of a stack whose last run did not get to its end. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { hardeningFindings } from "../../cli/doctor/hardening.ts";
import { unfinishedRun, withoutConsequences } from "../../cli/doctor/unfinished.ts";

const run = (kind: string, result: string) => ({ kind, result });

describe("the last run that changed a stack", () => {
  it("is not reported if it ended well, or if there was none", () => {
    assert.equal(unfinishedRun("dev", []), undefined);
    assert.equal(unfinishedRun("dev", [run("update", "succeeded")]), undefined);
    assert.equal(
      unfinishedRun("dev", [run("update", "succeeded"), run("update", "failed")]),
      undefined,
    );
    assert.equal(unfinishedRun("dev", [run("refresh", "failed")]), undefined);
  });

  it("is reported if it did not finish, with the command to complete it", () => {
    const runs = [run("refresh", "succeeded"), run("update", "failed"), run("update", "succeeded")];
    assert.equal(
      unfinishedRun("prod", runs),
      "the last `up` did not finish, so what runs differs from the config: `STACK=prod npm run up` continues from where it ended",
    );
    assert.match(
      unfinishedRun("dev", [run("destroy", "failed")]) ?? "",
      /^the last `down` did not finish, .*: `npm run down` continues/,
    );
  });

  it("explains missing ports and limits, and nothing else", () => {
    const violation = (rule: string, what: string) => ({
      ...{ rule, container: "cybexp-dev-kms", role: "kms", what },
    });
    const hardening = hardeningFindings([
      violation("5.29", "may start any number of processes"),
      violation("5.5", "is privileged"),
    ]);
    const found = [
      ...hardening,
      { level: "fault" as const, about: "open ports", text: "127.0.0.1:5012 of kms is published" },
      { level: "fault" as const, about: "door to kms", text: "no answer" },
      { level: "good" as const, about: "open ports", text: "as it should be" },
    ];
    assert.deepEqual(
      withoutConsequences(found).map(({ text }) => text.split(":")[0]),
      ["cybexp-dev-kms is privileged (CIS Docker 5.5)", "no answer", "as it should be"],
    );
  });
});
