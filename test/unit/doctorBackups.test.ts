/** What the doctor says of backups. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type BackupFacts, backupFindings } from "../../cli/doctor/backups.ts";

const now = new Date("2026-11-28T12:00:00Z");
const facts: BackupFacts = {
  ...{ stack: "prod", throwaway: false, folder: "/srv/backups", half: false, warnDays: 2, now },
  newest: new Date("2026-11-27T12:00:01Z"),
};
const told = (changes: Partial<BackupFacts>) =>
  backupFindings({ ...facts, ...changes }).map(({ level, text }) => `${level}: ${text}`);

describe("the doctor, about backups", () => {
  it("is content with a young one, and wants none of a throw-away stack", () => {
    assert.deepEqual(told({}), ["good: the newest one is of 2026-11-27T12:00:01.000Z"]);
    assert.deepEqual(told({ newest: undefined, throwaway: true }), []);
  });

  it("says when there is none", () => {
    assert.deepEqual(told({ newest: undefined }), [
      "note: there is no backup of prod in /srv/backups: `npm run backup` writes one (docs/backup.md)",
    ]);
  });

  it("says when the newest one is old, to the second", () => {
    assert.deepEqual(told({ newest: new Date("2026-11-26T12:00:01Z") }), [
      "good: the newest one is of 2026-11-26T12:00:01.000Z",
    ]);
    assert.deepEqual(told({ newest: new Date("2026-11-26T12:00:00Z") }), [
      "note: the newest one is 2 days old: check what runs `npm run backup` (cybexp:backup.warnDays is 2)",
    ]);
  });

  it("calls an interrupted restore a fault, in any stack", () => {
    assert.match(told({ half: true, throwaway: true }).join(), /^fault: a restore was interrupted/);
  });
});
