import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, it } from "node:test";
import { tar, untar } from "../../programs/docker/archive.ts";

const file = (path: string, content: string) => ({
  ...{ path, mode: 0o400, uid: 0, gid: 0 },
  content: Buffer.from(content),
});

describe("an archive that is read", () => {
  it("has the files that were written, to the byte", async () => {
    const files = [file("a", ""), file("b/c", "x".repeat(513)), file("d", "\u0000\u00ff")];
    const folder = { path: "b/", mode: 0o700, uid: 0, gid: 0 };
    assert.deepEqual(
      (await untar(await tar([folder, ...files]))).map(({ path, content }) => [
        path,
        content.toString(),
      ]),
      [["b/", ""], ...files.map(({ path, content }) => [path, content.toString()])],
    );
  });

  it("may be the system's tar's, long names and all", async () => {
    const long = "n".repeat(120);
    const archive = execFileSync("sh", [
      "-c",
      `cd "$(mktemp -d)" && printf 1 > short && printf 2 > ${long} && tar --format=pax -cf - ./short ${long}`,
    ]);
    const found = (await untar(archive)).map(({ path, content }) => [path, content.toString()]);
    assert.deepEqual(found, [
      ["./short", "1"],
      [long, "2"],
    ]);
  });

  it("is refused if it is cut off, or not an archive", async () => {
    const whole = await tar([file("a", "text")]);
    for (const cut of [whole.subarray(0, 700), whole.subarray(0, 1024), Buffer.alloc(0)]) {
      await assert.rejects(untar(cut), {
        name: "RangeError",
        message: "the archive is cut off, or is not an archive",
      });
    }
    await assert.rejects(untar(Buffer.alloc(2048, "no archive")), RangeError);
    const noHeader = Buffer.concat([Buffer.alloc(1024, "no archive"), Buffer.alloc(1024)]);
    await assert.rejects(untar(noHeader), RangeError);
  });
});
