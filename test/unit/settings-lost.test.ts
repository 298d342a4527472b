import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Fault } from "../../settings/fault.ts";
import { parseLoss } from "../../settings/lost.ts";

const ALLOWED =
  "Allowed: one of kms-secrets, kms-db-data, backend-db-data, kms-keys, an @, and the mark of what is lost (12 hex digits, or unmarked).";
const COPY = "Copy it from the error that names what is lost.";

describe("an entry of cybexp:lost", () => {
  for (const entry of [
    "kms-secrets@3f2a9c10b7d4",
    "kms-db-data@unmarked",
    "kms-keys@3f2a9c10b7d4",
  ]) {
    it(`may be ${entry}`, () => assert.equal(parseLoss(entry), entry));
  }

  for (const [entry, remedy] of [
    ["kms-secrets", COPY],
    ["kms-secrets@", COPY],
    ["kms-secrets@3F2A9C10B7D4", COPY],
    ["kms-secrets@3f2a9c10b7d4@1", COPY],
    ["kms-secret@3f2a9c10b7d4", "Did you mean kms-secrets@3f2a9c10b7d4?"],
    ["all", COPY],
    ["__proto__@unmarked", COPY],
    [7, COPY],
    [null, COPY],
  ] as const) {
    it(`may not be ${JSON.stringify(entry)}`, () => {
      const fault = parseLoss(entry);
      assert.ok(fault instanceof Fault);
      assert.deepEqual([fault.reason, fault.remedy], [ALLOWED, remedy]);
    });
  }
});
