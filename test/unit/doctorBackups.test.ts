/** What the doctor says of backups. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { type BackupFacts, backupFindings } from "../../cli/doctor/backups.ts";
import { backupOf } from "../../cli/doctor/lookAtBackups.ts";

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

describe("the doctor's report, about backups", () => {
  const folder = mkdtempSync(join(tmpdir(), "cybexp-backups-"));
  after(() => rmSync(folder, { recursive: true }));
  const known = (throwaway: boolean) =>
    backupOf("prod", {
      throwaway,
      backup: { folder, recipients: [], keep: {}, warnDays: 3 },
    });

  it("knows that there is none yet, where one is needed", () => {
    assert.deepEqual(known(false), { newest: undefined, place: folder, warnDays: 3 });
    assert.equal(known(true), undefined);
  });

  it("knows the newest one of this stack, where it is, and when it is too old", () => {
    for (const name of [
      ...["prod-20261125T030000Z.tar.age", "prod-20261127T030000Z.tar.age"],
      ...[".prod-20261128T030000Z.tar.age.part", "prod-eu-20261128T030000Z.tar.age"],
    ]) {
      writeFileSync(join(folder, name), "");
    }
    const newest = new Date("2026-11-27T03:00:00Z");
    assert.deepEqual(known(false), { newest, place: folder, warnDays: 3 });
    assert.deepEqual(known(true), { newest, place: folder, warnDays: 3 });
  });
});
