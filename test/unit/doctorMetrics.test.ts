/** What the doctor tells Prometheus, beside the ends of certificates. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { doctorMetrics } from "../../render/doctorMetrics.ts";

const looked = { stack: "prod", time: new Date("2026-11-28T06:05:30.9Z"), warnings: 2, errors: 0 };

describe("the doctor's metrics", () => {
  it("are the time, the findings, and the newest backup with the age that it may have", () => {
    const newest = new Date("2026-11-27T03:00:00Z");
    assert.equal(
      doctorMetrics({ ...looked, backup: { newest, warnDays: 2 } }),
      `\
# HELP cybexp_doctor_last_run_timestamp_seconds When the doctor looked at the stack.
# TYPE cybexp_doctor_last_run_timestamp_seconds gauge
cybexp_doctor_last_run_timestamp_seconds{stack="prod"} 1795845930
# HELP cybexp_doctor_findings How many warnings and errors the doctor found.
# TYPE cybexp_doctor_findings gauge
cybexp_doctor_findings{level="error",stack="prod"} 0
cybexp_doctor_findings{level="warning",stack="prod"} 2
# HELP cybexp_backup_newest_timestamp_seconds When the newest backup was begun; 0 if there is none.
# TYPE cybexp_backup_newest_timestamp_seconds gauge
cybexp_backup_newest_timestamp_seconds{stack="prod"} 1795748400
# HELP cybexp_backup_warn_seconds A backup that is older than this is too old.
# TYPE cybexp_backup_warn_seconds gauge
cybexp_backup_warn_seconds{stack="prod"} 172800
`,
    );
  });

  it("say so where there is no backup, and nothing where none is needed", () => {
    const none = doctorMetrics({ ...looked, backup: { newest: undefined, warnDays: 2 } });
    assert.match(none, /^cybexp_backup_newest_timestamp_seconds\{stack="prod"\} 0$/m);
    assert.doesNotMatch(doctorMetrics({ ...looked, backup: undefined }), /backup/);
  });
});
