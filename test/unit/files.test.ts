import assert from "node:assert/strict";
import {
  chmodSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { createFile, replaceFile } from "../../machine/files.ts";

describe("a file that changes at once", () => {
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), "cybexp-files-"))));
  after(() => rmSync(folder, { recursive: true }));

  const modeOf = (file: string) => statSync(file).mode & 0o777;

  it("is made for its user alone, and never in place of another", () => {
    const file = join(folder, "made");
    assert.equal(createFile(file, "first"), true);
    assert.equal(createFile(file, "second"), false);
    assert.equal(readFileSync(file, "utf8"), "first");
    assert.equal(modeOf(file), 0o600);
  });

  it("keeps its permissions, or gets the given ones", () => {
    const file = join(folder, "replaced");
    replaceFile(file, "first");
    assert.equal(modeOf(file), 0o600);
    chmodSync(file, 0o664);
    replaceFile(file, "second");
    assert.deepEqual([readFileSync(file, "utf8"), modeOf(file)], ["second", 0o664]);
    replaceFile(file, "third", 0o640);
    assert.equal(modeOf(file), 0o640);
  });

  it("stays where a link points", () => {
    const [target, link] = [join(folder, "target"), join(folder, "link")];
    writeFileSync(target, "old");
    symlinkSync(target, link);
    replaceFile(link, "new");
    assert.equal(readFileSync(target, "utf8"), "new");
    assert.equal(lstatSync(link).isSymbolicLink(), true);
  });

  it("leaves no draft behind, even if it fails", () => {
    assert.throws(() => replaceFile(folder, "text"), { code: "EISDIR" });
    assert.deepEqual(readdirSync(folder).sort(), ["link", "made", "replaced", "target"]);
    assert.deepEqual(
      readdirSync(tmpdir()).filter((name) => name.endsWith(`.${process.pid}.next`)),
      [],
    );
  });
});
