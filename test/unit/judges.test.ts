import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, it } from "node:test";
import ts from "typescript";
import { projectRoot } from "../../machine/paths.ts";
import { judges } from "../../cli/pull-request/judges.ts";

/** All that a file imports, types too, by the compiler's own reading. */
function importsOf(entry: string): Set<string> {
  const seen = new Set<string>();
  const follow = (file: string): void => {
    const path = join(projectRoot, file);
    if (seen.has(file) || !existsSync(path)) {
      return;
    }
    seen.add(file);
    const { importedFiles } = ts.preProcessFile(readFileSync(path, "utf8"));
    for (const { fileName } of importedFiles.filter((found) => found.fileName.startsWith("."))) {
      follow(normalize(join(dirname(file), fileName)));
    }
  };
  follow(entry);
  return seen;
}

describe("what judges a pull request", () => {
  const listed = judges(projectRoot);
  const isListed = (file: string) =>
    listed.some((entry) => entry === file || file.startsWith(`${entry}/`));

  it("is all tools and policies, and everything else that the check runs", () => {
    for (const file of [
      "cli/pull-request/pullRequest.ts",
      "cli/preview/preview.ts",
      "cli/start.mjs",
      "cli/a-new-file.ts",
      "policy/rules/all.ts",
      ".github/workflows/preview.yml",
      "package-lock.json",
      "settings/schema.ts",
      "render/check.ts",
    ]) {
      assert.ok(isListed(file), file);
    }
  });

  it("is not what it judges", () => {
    for (const file of ["index.ts", "components/kms.ts", "Pulumi.prod.yaml", "docs/guide.md"]) {
      assert.ok(!isListed(file), file);
    }
  });

  it("has every file that the check imports, except for types alone", () => {
    const missing = [...importsOf("cli/pull-request/pullRequest.ts")].filter(
      (file) => !isListed(file),
    );
    assert.deepEqual(missing.sort(), [
      "render/databaseDoor.ts",
      "settings/limits.ts",
      "settings/rawConfig.ts",
      "settings/types.ts",
    ]);
  });
});
