import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { before, describe, it } from "node:test";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { BSON } from "mongodb";
import { documentsIn, parseShape, shapeText, Tally } from "../../programs/database/collections.ts";
import { Docker } from "../../programs/docker/docker.ts";
import { UserError } from "../../programs/errors.ts";
import { decrypted, encrypted, type Key, type Lock } from "../../stack/backup/age.ts";
import { END, entriesOf, entryBytes } from "../../stack/backup/archive.ts";
import {
  checked,
  Counter,
  entryOf,
  type Part,
  partOf,
  sha256,
} from "../../stack/backup/contents.ts";
import {
  backupName,
  backupsAmong,
  backupsIn,
  expired,
  partOf as partNameOf,
  partsIn,
  timeIn,
} from "../../stack/backup/files.ts";
import {
  type About,
  type Contents,
  describe as described,
  differences,
  type Manifest,
} from "../../stack/backup/manifest.ts";
import { dataRefusal, keyRefusal, strangerRefusal } from "../../stack/backup/refusals.ts";
import { feed, outputOf } from "../../programs/docker/streams.ts";

const NOW = new Date("2026-11-28T03:39:56.789Z");
const daysAgo = (days: number) => new Date(NOW.getTime() - days * 86_400_000);

describe("the name of a backup", () => {
  it("has the stack and the time, and is read again", () => {
    const name = backupName("prod", NOW);
    assert.equal(name, "prod-20261128T033956Z.tar.age");
    assert.deepEqual(timeIn("prod", name), new Date("2026-11-28T03:39:56Z"));
    assert.equal(partNameOf(name), ".prod-20261128T033956Z.tar.age.part");
  });

  for (const name of [
    "prod-eu-20261128T033956Z.tar.age",
    "dev-20261128T033956Z.tar.age",
    "prod-20261128T033956Z.tar.age.part",
    ".prod-20261128T033956Z.tar.age.part",
    "prod-20261328T033956Z.tar.age",
    "prod.tar.age",
  ]) {
    it(`is not ${name} for the stack prod`, () => assert.equal(timeIn("prod", name), undefined));
  }

  it("tells a folder's backups from other files, and whole ones from begun ones", () => {
    const folder = mkdtempSync(join(tmpdir(), "cybexp-backups-"));
    const [old, young] = [backupName("prod", daysAgo(3)), backupName("prod", NOW)];
    const begun = partNameOf(backupName("prod", NOW));
    for (const name of [old, young, begun, partNameOf(backupName("dev", NOW)), "notes.txt"]) {
      writeFileSync(join(folder, name), "");
    }
    assert.deepEqual(
      backupsIn(folder, "prod").map(({ name }) => name),
      [young, old],
    );
    assert.deepEqual(partsIn(folder, "prod"), [begun]);
    assert.equal(readdirSync(folder).length, 5);
    rmSync(folder, { recursive: true });
    assert.deepEqual(backupsIn(folder, "prod"), []);
  });
});

describe("which backups stay", () => {
  const list = backupsAmong(
    "prod",
    [0, 1, 2, 10, 40].map((days) => backupName("prod", daysAgo(days))),
  );
  const removed = (keep: { last?: number; days?: number }) =>
    expired(list, keep, NOW).map(({ time }) =>
      Math.round((NOW.getTime() - time.getTime()) / 86_400_000),
    );

  it("all, without a rule", () => assert.deepEqual(removed({}), []));
  it("the newest", () => assert.deepEqual(removed({ last: 2 }), [2, 10, 40]));
  it("those of some days", () => assert.deepEqual(removed({ days: 5 }), [10, 40]));
  it("those that either rule keeps", () => assert.deepEqual(removed({ last: 4, days: 5 }), [40]));
  it("more than there are", () => assert.deepEqual(removed({ last: 9 }), []));
  it("the newest one always", () =>
    assert.deepEqual(
      expired(list.slice(-1), { days: 5 }, NOW).map(({ name }) => name),
      [],
    ));
});

const record = (fields: object) => Buffer.from(BSON.serialize(fields));

describe("records", () => {
  it("are split where they end", () => {
    const all = [record({ a: 1 }), record({}), record({ body: randomBytes(9000) })];
    assert.deepEqual(documentsIn(Buffer.concat(all)), all);
    for (const cut of [1, 3, 4, 15]) {
      assert.throws(() => documentsIn(Buffer.concat(all).subarray(0, cut)), RangeError);
    }
    assert.throws(() => documentsIn(Buffer.from([4, 0, 0, 0])), RangeError);
  });

  it("have the same fingerprint in any order and in any pieces, and another one after any change", () => {
    const all = [1, 2, 3].map((n) => record({ n }));
    const tally = (...pieces: Buffer[]) => {
      const made = new Tally();
      pieces.forEach((piece) => made.add(piece));
      return made.read();
    };
    const one = tally(Buffer.concat(all));
    assert.equal(one.records, 3);
    assert.match(one.digest, /^[0-9a-f]{64}$/);
    assert.deepEqual(tally(...all.toReversed()), one);
    assert.notDeepEqual(tally(...all.slice(1), record({ n: 4 })), one);
    // Twice the same is not the same as never.
    const twice = tally(...all, record({ n: 5 }), record({ n: 5 }));
    assert.notEqual(twice.digest, one.digest);
  });

  it("keep the types of their collection's options", () => {
    const shape = {
      options: { size: new BSON.Long(5), validator: { a: { $type: "int" } } },
      indexes: [{ v: new BSON.Int32(2), key: { a: new BSON.Int32(-1) }, name: "a_-1" }],
    };
    const read = parseShape(shapeText(shape));
    assert.deepEqual(BSON.serialize(read), BSON.serialize(shape));
  });
});

const ABOUT: About = {
  format: 1,
  stack: "prod",
  deployment: "53340cfc8ee94630",
  created: "2026-11-28T03:39:56.000Z",
};
const KEY = { path: "DE_key.pem", mode: 0o644, uid: 65532, gid: 65532, content: Buffer.from("k") };

/** The parts of a small backup; its manifest can be changed. */
function parts(change: (manifest: Manifest) => Manifest = (manifest) => manifest): Part[] {
  const piece = Buffer.concat([record({ a: 1 }), record({ a: 2 })]);
  const list: Part[] = [
    { is: "about", about: ABOUT },
    { is: "state", text: "{}" },
    { is: "collection", service: "backend", name: "enc/data", shape: { options: {}, indexes: [] } },
    { is: "records", service: "backend", name: "enc/data", number: 1, piece },
    { is: "key", file: { ...KEY, content: Buffer.from("half") } },
    { is: "key", file: KEY },
  ];
  const counter = new Counter();
  list.forEach((part) => counter.add(part));
  const manifest: Manifest = {
    ...ABOUT,
    ...counter.contents({ kms: "KMS_db", backend: "priv_backend" }),
    versions: { program: "0.1.0", pulumi: "v3", docker: "28" },
    engine: "docker-1",
    images: {},
    keyless: [],
    texts: counter.texts,
  };
  return [...list, { is: "manifest", manifest: change(manifest) }];
}

const each = <T>(list: readonly T[]): AsyncIterable<T> => Readable.from(list);

const archiveOf = async (list: readonly Part[]) =>
  Buffer.concat([...(await Promise.all(list.map((part) => entryBytes(entryOf(part))))), END]);

async function read(archive: Buffer): Promise<Part[]> {
  const found: Part[] = [];
  for await (const entry of entriesOf(each([archive]))) {
    found.push(partOf(entry));
  }
  return found;
}

describe("a backup's archive", () => {
  it("is read as it was written", async () => {
    assert.deepEqual(await read(await archiveOf(parts())), parts());
  });

  it("is a tar file, in which a later key file takes the place of an earlier one", async () => {
    const folder = mkdtempSync(join(tmpdir(), "cybexp-archive-"));
    execFileSync("tar", ["-xf", "-", "-C", folder], { input: await archiveOf(parts()) });
    const list = readdirSync(folder, { recursive: true }).map(String).sort();
    assert.ok(list.includes("backend/database/enc%2Fdata/00000001.bson"), list.join(" "));
    const text = execFileSync("cat", [join(folder, "kms/keys/DE_key.pem")], { encoding: "utf8" });
    assert.equal(text, "k");
    rmSync(folder, { recursive: true });
  });

  it("takes long and foreign names of key files", async () => {
    const path = `cpabe-sk-CPabe_BSW07-${"ü".repeat(90)}.binary`;
    const part: Part = { is: "key", file: { ...KEY, path } };
    assert.deepEqual(await read(await archiveOf([part])), [part]);
  });

  it("is what its manifest says", async () => {
    const manifest = await checked(each(parts()), "b.age");
    assert.equal(manifest.keys["DE_key.pem"], sha256("k"));
    assert.equal(manifest.databases["backend"]?.collections["enc/data"]?.records, 2);
  });

  const wrong: readonly (readonly [string, Part[], RegExp])[] = [
    [
      "a missing key",
      parts((manifest) => ({ ...manifest, keys: { ...manifest.keys, more: "00" } })),
      /^b\.age is not what its manifest says: the key file more is missing$/,
    ],
    [
      "another state",
      parts((manifest) => ({ ...manifest, texts: { state: "00" } })),
      /: its state\.json is another one$/,
    ],
    ["no manifest", parts().slice(0, -1), /^b\.age has no manifest at its end/],
    ["no beginning", parts().slice(1), /^b\.age is not a backup of this program$/],
    ["nothing", [], /^b\.age has no manifest at its end/],
    ["two beginnings", [...parts(), ...parts()], /^b\.age is not a backup of this program$/],
  ];
  for (const [title, list, sentence] of wrong) {
    it(`is refused with ${title}`, () =>
      assert.rejects(checked(each(list), "b.age"), (error) => {
        assert.ok(error instanceof UserError);
        assert.match(error.message, sentence);
        return true;
      }));
  }

  it("is refused with a format or an entry of another program", () => {
    const content = Buffer.from(JSON.stringify({ ...ABOUT, format: 2 }));
    assert.throws(
      () => partOf({ path: "about.json", content }),
      /^UserError: the backup has format 2, and this program reads 1: use the version that wrote it$/,
    );
    for (const path of ["kms/keys", "proxy/keys/a", "kms/database/a/b/1.bson", "notes"]) {
      assert.throws(() => partOf({ path, content }), UserError, path);
    }
  });
});

describe("what differs", () => {
  const contents: Contents = {
    databases: {
      kms: { name: "KMS_db", collections: { Users: { records: 2, digest: "aa" } } },
      backend: { name: "priv_backend", collections: {} },
    },
    keys: { "DE_key.pem": "bb" },
    volumes: {},
  };
  const withUsers = (records: number, digest: string): Contents => ({
    ...contents,
    databases: { kms: { name: "other", collections: { Users: { records, digest } } } },
  });
  const cases: readonly (readonly [Contents, string[]])[] = [
    [contents, []],
    [withUsers(2, "aa"), []],
    [withUsers(1, "aa"), ["the collection kms/Users has 1 records instead of 2"]],
    [withUsers(2, "ab"), ["the collection kms/Users has other records"]],
    [
      { ...contents, databases: {}, keys: {} },
      ["the collection kms/Users is missing", "the key file DE_key.pem is missing"],
    ],
    [
      { ...contents, keys: { "DE_key.pem": "bc", more: "bb" } },
      ["the key file DE_key.pem is another one", "the key file more is too much"],
    ],
  ];
  for (const [found, expected] of cases) {
    it(expected.join("; ") || "nothing", () =>
      assert.deepEqual(differences(contents, found), expected),
    );
  }

  it("is told with counts and fingerprints", () => {
    assert.deepEqual(described(contents), ["kms/Users: 2 records", "DE_key.pem: SHA-256 bb..."]);
  });
});

describe("why a backup is not restored", () => {
  const target = { stack: "prod", deployment: ABOUT.deployment };
  const other = { stack: "prod", deployment: "0000000000000000" };

  it("for none, into the stack that it is of", () => {
    assert.equal(strangerRefusal(ABOUT, target, undefined), undefined);
    assert.equal(strangerRefusal(ABOUT, target, "prod"), undefined);
    assert.equal(strangerRefusal(ABOUT, other, "prod"), undefined);
    assert.equal(strangerRefusal(ABOUT, { ...other, stack: "new" }, "prod"), undefined);
    assert.equal(dataRefusal("prod", [], false), undefined);
    assert.equal(dataRefusal("prod", ["kms/Users: 1"], true), undefined);
  });

  it("for another stack, or another deployment of the same name", () => {
    const what =
      "it is a backup of prod (deployment 53340cfc8ee94630, 2026-11-28T03:39:56.000Z), and ";
    assert.equal(
      strangerRefusal(ABOUT, other, undefined),
      `${what}this is prod (deployment 0000000000000000): if that is right, add --from-stack prod`,
    );
    assert.equal(
      strangerRefusal(ABOUT, { ...target, stack: "new" }, undefined),
      `${what}this is new (deployment 53340cfc8ee94630): if that is right, add --from-stack prod`,
    );
    assert.equal(strangerRefusal(ABOUT, target, "new"), `${what}--from-stack says new`);
  });

  it("for data that it would replace", () => {
    assert.equal(
      dataRefusal("prod", ["kms/Users: 1", "backend/enc_data: 2"], false),
      "prod has data (kms/Users: 1, backend/enc_data: 2), and would lose it: back it up, and add --replace",
    );
  });

  it("for keys that the KMS would not find", () => {
    const [manifest] = parts().flatMap((part) => (part.is === "manifest" ? [part.manifest] : []));
    assert.ok(manifest);
    assert.equal(keyRefusal(manifest, ["DE_key.pem"]), undefined);
    assert.match(
      keyRefusal(manifest, ["DE_key.pem", "ore", "mk"]) ?? "",
      /^the backup has no ore, no mk, which the KMS of this stack looks for: set DE_key_location /,
    );
  });
});

const lockUp = async (content: Buffer, lock: Lock) =>
  buffer((await encrypted(ReadableStream.from<Uint8Array>(each([content])), lock)) as never);
const open = (content: Buffer, key: Key) => buffer(decrypted(each([content]), key, "b.age"));

describe("an encrypted backup", () => {
  const content = randomBytes(200_000);
  let identity: string;
  let file: Buffer;
  before(async () => {
    identity = await generateX25519Identity();
    const others = await identityToRecipient(await generateX25519Identity());
    file = await lockUp(content, { recipients: [others, await identityToRecipient(identity)] });
  });

  it("is opened by the key of any recipient, and is in the format of age", async () => {
    assert.deepEqual(await open(file, { identities: [identity] }), content);
    assert.match(file.toString("latin1"), /^age-encryption\.org\/v1\n/);
    assert.equal(file.includes(content.subarray(0, 32)), false);
  });

  it("is opened by its passphrase", async () => {
    const small = Buffer.from("small");
    const made = await lockUp(small, { passphrase: "the passphrase" });
    assert.deepEqual(await open(made, { passphrase: "the passphrase" }), small);
    await assert.rejects(open(made, { passphrase: "another" }), {
      name: "UserError",
      message: /^the passphrase does not open b\.age: /,
    });
    await assert.rejects(open(made, { identities: [identity] }), {
      message: /^the identity does not open b\.age: .* \(--passphrase-file\)$/,
    });
  });

  it("is refused with another key, damaged, cut off anywhere, or with something behind it", async () => {
    const stranger = await generateX25519Identity();
    await assert.rejects(open(file, { identities: [stranger] }), {
      message: /^the identity does not open b\.age: /,
    });
    await assert.rejects(open(file, { passphrase: "x" }), {
      message: /^the passphrase does not open b\.age: .* \(--identity\)$/,
    });
    await assert.rejects(open(file, { identities: ["AGE-SECRET-KEY-1X"] }), {
      name: "UserError",
      message: /^the identity file has a line that is not a secret key of age/,
    });
    const damaged = Buffer.from(file);
    damaged[150_000] = (damaged[150_000] ?? 0) ^ 1;
    const chunk = 65_552; // As age encrypts it.
    const header = file.length - content.length - 4 * 16;
    for (const wrong of [
      damaged,
      file.subarray(0, -1),
      file.subarray(0, header + chunk),
      file.subarray(0, header + 2 * chunk),
      Buffer.concat([file, Buffer.from("x")]),
    ]) {
      await assert.rejects(open(wrong, { identities: [identity] }), {
        name: "UserError",
        message: "b.age is damaged or cut off: use another backup",
      });
    }
    for (const none of [Buffer.alloc(0), Buffer.from("text\n"), file.subarray(0, 60)]) {
      await assert.rejects(open(none, { identities: [identity] }), {
        message: "b.age is not a backup, or its beginning is damaged",
      });
    }
  });

  it("is not made for a mistyped recipient", async () => {
    const recipient = (await identityToRecipient(identity)).replace(/.$/, (last) =>
      last === "q" ? "p" : "q",
    );
    await assert.rejects(lockUp(content, { recipients: [recipient] }), {
      name: "UserError",
      message: new RegExp(`^cybexp:backup\\.recipients has ${recipient}, which is mistyped`),
    });
  });
});

describe("a stream to and from docker", () => {
  const folder = mkdtempSync(join(tmpdir(), "cybexp-docker-"));
  const script =
    "#!/bin/sh\ncase $1 in out) head -c 3000000 /dev/zero;; in) wc -c;; early) exit 3;; *) echo no >&2; exit 1;; esac\n";
  const path = process.env["PATH"];
  before(() => {
    writeFileSync(join(folder, "docker"), script, { mode: 0o700 });
    process.env["PATH"] = `${folder}:${path}`;
  });
  const docker = new Docker();

  it("has all the bytes", async () => {
    assert.equal((await buffer(outputOf(docker, ["out"]))).length, 3_000_000);
    const data = each([Buffer.alloc(2_000_000), Buffer.alloc(1)]);
    assert.equal(await feed(docker, ["in"], data), "2000001");
  });

  it("fails with the engine's words, also when the engine takes nothing", async () => {
    await assert.rejects(buffer(outputOf(docker, ["bad"])), { message: "docker bad: no" });
    await assert.rejects(feed(docker, ["bad"], each([Buffer.alloc(9_000_000)])), {
      message: "docker bad: no",
    });
    await assert.rejects(feed(docker, ["early"], each([Buffer.alloc(9_000_000)])), {
      message: "docker early: exit code 3",
    });
  });

  it("ends with the error of its source", async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(10);
      await Promise.resolve();
      throw new UserError("the source is broken");
    }
    await assert.rejects(feed(docker, ["in"], broken()), { message: "the source is broken" });
    process.env["PATH"] = path;
    rmSync(folder, { recursive: true });
  });
});
