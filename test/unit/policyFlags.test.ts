import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { policyFlags } from "../../stack/policyFlags.ts";

it("checks a stack against the pack, with its own settings if it has some", () => {
  const root = mkdtempSync(join(tmpdir(), "policy-test-"));
  try {
    const flags = (settings: string) => [
      "--policy-pack",
      "policy",
      "--policy-pack-config",
      settings,
    ];
    mkdirSync(join(root, "policy"));
    assert.deepEqual(policyFlags("prod", root), flags("policy/cybexp.json"));
    writeFileSync(join(root, "policy", "prod.json"), "{}");
    assert.deepEqual(policyFlags("prod", root), flags("policy/prod.json"));
    assert.deepEqual(policyFlags("dev", root), flags("policy/cybexp.json"));
  } finally {
    rmSync(root, { recursive: true });
  }
});
