import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { tar } from "../../programs/docker/archive.ts";
import {
  IS_RELEASE,
  releaseDigest,
  releaseEntries,
  type ReleaseFiles,
} from "../../render/release.ts";

const files: ReleaseFiles = {
  "server.crt": { mode: 0o444, content: "ü" },
  htpasswd: { mode: 0o400, content: "a:b\n" },
};

describe("releaseDigest", () => {
  it("is the SHA-256 of length-prefixed names, modes and contents", () => {
    // Computed with Python's hashlib.
    assert.equal(releaseDigest(files), "4f0be72abaff42e2aad4af02e626238e");
  });

  it("depends neither on the order of the files nor on text or bytes", () => {
    const { htpasswd, "server.crt": certificate } = files;
    assert.ok(htpasswd && certificate);
    const bytes = { ...certificate, content: new Uint8Array([0xc3, 0xbc]) };
    assert.equal(releaseDigest({ htpasswd, "server.crt": bytes }), releaseDigest(files));
  });

  it("differs with any name, mode or content", () => {
    const digests = [
      files,
      { ...files, extra: { mode: 0o400, content: "" } },
      { "server.crt": files["server.crt"], htpassw: files["htpasswd"] },
      { ...files, htpasswd: { mode: 0o444, content: "a:b\n" } },
      { ...files, htpasswd: { mode: 0o400, content: "a:b" } },
      {},
    ].map((some) => releaseDigest(some as ReleaseFiles));
    assert.equal(new Set(digests).size, digests.length);
  });

  it("differs even if names, modes and contents put together are the same", () => {
    const one = { a: { mode: 0o4, content: "b4c" } };
    const two = { a: { mode: 0o4, content: "" }, b: { mode: 0o4, content: "c" } };
    assert.notEqual(releaseDigest(one), releaseDigest(two));
  });

  it("never confuses two sets whose parts are put together differently", () => {
    const name = fc.stringMatching(/^[a-c0-2]{1,4}$/);
    const some = fc.dictionary(
      name,
      fc.record({
        mode: fc.constantFrom(0o4, 0o44, 0o444),
        content: fc.stringMatching(/^[a-c0-2: ]{0,6}$/),
      }),
    );
    fc.assert(
      fc.property(some, some, (one, other) => {
        const same = isDeepStrictEqual({ ...one }, { ...other });
        assert.equal(releaseDigest(one) === releaseDigest(other), same);
      }),
      { numRuns: 2000 },
    );
  });

  it("refuses names that leave the folder, and modes with more than permissions", () => {
    for (const name of ["", ".", "..", "a/b", "../a", "a b", ".hidden", "ä", "a\n"]) {
      assert.throws(
        () => releaseDigest({ [name]: { mode: 0o400, content: "" } }),
        /file name is .*, but must be/,
      );
    }
    assert.throws(() => releaseDigest({ a: { mode: 0o4755, content: "" } }), /mode of a is 2541/);
  });
});

describe("the entries of a release", () => {
  const tarball = (...args: Parameters<typeof releaseEntries>) => tar(releaseEntries(...args));
  const owner = { uid: 101, gid: 102, prefix: "releases/abc.part" };

  it("is what tar lists, with numeric owners and no time", async () => {
    const archive = await tarball(
      { ...files, big: { mode: 0o400, content: "x".repeat(513) } },
      owner,
    );
    const { stdout, stderr, status } = spawnSync("tar", ["--numeric-owner", "-tvf", "-"], {
      input: archive,
      encoding: "utf8",
      env: { ...process.env, TZ: "UTC", LC_ALL: "C" },
    });
    assert.deepEqual([status, stderr], [0, ""]);
    assert.deepEqual(
      stdout
        .trim()
        .split("\n")
        .map((line) => line.replace(/\s+/g, " ").replace("101 102", "101/102")),
      [
        "drwxr-xr-x 101/102 0 1970-01-01 00:00 releases/",
        "drwxr-xr-x 101/102 0 1970-01-01 00:00 releases/abc.part/",
        "-r-------- 101/102 513 1970-01-01 00:00 releases/abc.part/big",
        "-r-------- 101/102 4 1970-01-01 00:00 releases/abc.part/htpasswd",
        "-r--r--r-- 101/102 2 1970-01-01 00:00 releases/abc.part/server.crt",
      ],
    );
  });

  it("gives back every byte", async () => {
    for (const size of [0, 1, 511, 512, 513, 100_000]) {
      const content = new Uint8Array(size).map((_, index) => index % 251);
      const archive = await tarball({ file: { mode: 0o400, content } }, owner);
      const { stdout, status } = spawnSync("tar", ["-xOf", "-", "releases/abc.part/file"], {
        input: archive,
      });
      assert.equal(status, 0);
      assert.deepEqual(new Uint8Array(stdout), content);
      assert.equal(archive.length % 512, 0);
    }
  });

  it("is the same for the same files", async () => {
    const { htpasswd, "server.crt": certificate } = files;
    assert.ok(htpasswd && certificate);
    assert.deepEqual(
      await tarball({ htpasswd, "server.crt": certificate }, owner),
      await tarball(files, owner),
    );
  });

  it("refuses a prefix that leaves the folder it is unpacked in", async () => {
    for (const prefix of ["/etc", "a/../b", "", "a b", "x".repeat(100)]) {
      await assert.rejects(tarball(files, { ...owner, prefix }), /can't be a path in an archive/);
    }
  });
});

describe("a release that was written", () => {
  const write = (some: ReleaseFiles) => {
    const folder = mkdtempSync(join(tmpdir(), "cybexp-test-release-"));
    for (const [name, { mode, content }] of Object.entries(some)) {
      writeFileSync(join(folder, name), content);
      chmodSync(join(folder, name), mode);
    }
    return folder;
  };
  const isRelease = (folder: string, digest: string) =>
    spawnSync("sh", ["-euc", `${IS_RELEASE}\nis_release "$1" "$2"`, "sh", folder, digest])
      .status === 0;

  it("is known by its digest where a file names its own release", (t) => {
    const naming = (digest: string): ReleaseFiles => ({
      ...files,
      "nginx.conf": { mode: 0o400, content: `alias /${digest}/a; alias /${digest}/b;` },
    });
    const digest = releaseDigest(naming("0".repeat(32)));
    const folder = write(naming(digest));
    t.after(() => rmSync(folder, { recursive: true }));
    assert.ok(isRelease(folder, digest));
    chmodSync(join(folder, "nginx.conf"), 0o600);
    writeFileSync(join(folder, "nginx.conf"), `alias /${digest}/a; alias /${digest}/c;`);
    chmodSync(join(folder, "nginx.conf"), 0o400);
    assert.ok(!isRelease(folder, digest));
  });

  it("is known by its digest, and by no other", (t) => {
    const some = { ...files, ".key": { mode: 0o600, content: new Uint8Array(3000) } };
    const digest = releaseDigest(files);
    const folder = write(files);
    const other = write({ ...some, "a.conf": { mode: 0o400, content: "" } });
    t.after(() => [folder, other].forEach((one) => rmSync(one, { recursive: true })));
    assert.ok(isRelease(folder, digest));
    assert.ok(!isRelease(other, digest));
    assert.ok(!isRelease(join(folder, "none"), digest));

    chmodSync(join(folder, "htpasswd"), 0o440);
    assert.ok(!isRelease(folder, digest));
    chmodSync(join(folder, "htpasswd"), 0o600);
    writeFileSync(join(folder, "htpasswd"), "a:c\n");
    chmodSync(join(folder, "htpasswd"), 0o400);
    assert.ok(!isRelease(folder, digest));
  });
});
