import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, it } from "node:test";
import { tar } from "../../render/tar.ts";
import { untar } from "../../render/untar.ts";

const file = (path: string, content: string) => ({
  ...{ path, mode: 0o400, uid: 0, gid: 0 },
  content: Buffer.from(content),
});

describe("an archive that is read", () => {
  it("has the files that were written, to the byte", () => {
    const files = [file("a", ""), file("b/c", "x".repeat(513)), file("d", "\u0000\u00ff")];
    const folder = { path: "b/", mode: 0o700, uid: 0, gid: 0 };
    assert.deepEqual(
      untar(tar([folder, ...files])).map(({ path, content }) => [path, content.toString()]),
      [["b/", ""], ...files.map(({ path, content }) => [path, content.toString()])],
    );
  });

  it("may be the system's tar's, with long names left out", () => {
    const long = "n".repeat(120);
    const archive = execFileSync("sh", [
      "-c",
      `cd "$(mktemp -d)" && printf 1 > short && printf 2 > ${long} && tar --format=pax -cf - ./short ${long}`,
    ]);
    const found = untar(archive).map(({ path, content }) => [path, content.toString()]);
    assert.deepEqual(found[0], ["./short", "1"]);
  });

  it("is refused when it is cut off, or none", () => {
    const whole = tar([file("a", "text")]);
    for (const cut of [whole.subarray(0, 700), whole.subarray(0, 1024), Buffer.alloc(0)]) {
      assert.throws(() => untar(cut), new RangeError("the archive is cut off, or is none"));
    }
    assert.throws(() => untar(Buffer.alloc(2048, "no archive")), RangeError);
  });
});
