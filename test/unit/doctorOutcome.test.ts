/** What the doctor's findings come to: words for programs, and exit codes. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Finding } from "../../cli/doctor/finding.ts";
import { asJson, exitCodeOf, verdictOf } from "../../cli/doctor/outcome.ts";

const good: Finding = { level: "good", about: "engine", text: "Docker 28.5.2 answers" };
const note: Finding = { level: "note", about: "config", text: "an old password is valid" };
const fault: Finding = { level: "fault", about: "container", text: "kms is gone: `x` helps" };
const TIME = new Date("2026-11-28T06:05:30.250Z");

describe("the doctor's verdict", () => {
  it("is that of its worst finding", () => {
    assert.equal(verdictOf([]), "sound");
    assert.equal(verdictOf([good]), "sound");
    assert.equal(verdictOf([note, good]), "warnings");
    assert.equal(verdictOf([good, fault, note]), "errors");
  });

  it("is an exit code, and warnings have one of their own if that is asked for", () => {
    const verdicts = ["sound", "errors", "unknown", "warnings"] as const;
    const codes = (strict: boolean) => verdicts.map((verdict) => exitCodeOf(verdict, strict));
    assert.deepEqual(codes(false), [0, 1, 2, 0]);
    assert.deepEqual(codes(true), [0, 1, 2, 3]);
  });
});

describe("the doctor's JSON", () => {
  it("has each finding with its sentence", () => {
    assert.deepEqual(asJson("prod", TIME, [good, note, fault]), {
      version: 1,
      stack: "prod",
      time: "2026-11-28T06:05:30.250Z",
      verdict: "errors",
      findings: [
        { level: "ok", check: "engine", text: "Docker 28.5.2 answers" },
        { level: "warning", check: "config", text: "an old password is valid" },
        { level: "error", check: "container", text: "kms is gone: `x` helps" },
      ],
    });
  });

  it("says why the doctor could not look", () => {
    assert.deepEqual(asJson(undefined, TIME, { error: "no engine answers" }), {
      version: 1,
      stack: null,
      time: "2026-11-28T06:05:30.250Z",
      verdict: "unknown",
      findings: [],
      error: "no engine answers",
    });
  });
});
