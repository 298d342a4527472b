/** What git makes of the files on a machine that writes carriage returns. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, it } from "node:test";
import { projectRoot } from "../../machine/paths.ts";

const git = (...args: string[]) =>
  execFileSync("git", args, { cwd: projectRoot, encoding: "utf8" }).trim();

describe("a checkout", () => {
  it("has no carriage return in any file, whatever core.autocrlf says", () => {
    const files = git("ls-files").split("\n");
    const eol = git("check-attr", "eol", "--", ...files).split("\n");
    assert.equal(eol.length, files.length);
    assert.deepEqual(
      eol.filter((line) => !line.endsWith(": eol: lf")),
      [],
    );
  });
});
