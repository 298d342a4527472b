/** The KMS's key files: whether they are the ones that the state remembers, and keys at all. */
import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, randomBytes } from "node:crypto";
import { describe, it } from "node:test";
import {
  fingerprint,
  judgeKeys,
  keysEntry,
  type KeyQuestion,
  poisonIn,
  publicKeys,
  recordOf,
} from "../../render/kmsKeys.ts";
import { kmsKeyFiles } from "../../render/kmsConfig.ts";

const FILES = kmsKeyFiles();
const [DE = "", ORE = "", MASTER = "", PUBLIC = ""] = FILES;
const pem = () =>
  Buffer.from(
    generateKeyPairSync("rsa", {
      modulusLength: 2048,
      publicKeyEncoding: { type: "spki", format: "pem" },
      privateKeyEncoding: { type: "pkcs8", format: "pem" },
    }).publicKey,
  );
const ore = () => Buffer.from(randomBytes(256).toString("base64"));
const pickled = () => Buffer.concat([Buffer.of(0x80, 3), randomBytes(100)]);
const keys = () =>
  new Map<string, Buffer>([
    [DE, pem()],
    [ORE, ore()],
    [MASTER, pickled()],
    [PUBLIC, pickled()],
  ]);
const MADE = keys();
const MARK = "3f2a9c10b7d4";
const RECORD = recordOf({ mark: MARK, contents: MADE }, FILES);
const ENTRY = keysEntry(RECORD);

const judge = (
  contents: ReadonlyMap<string, Buffer>,
  more: Partial<KeyQuestion> & { mark?: string } = {},
) => {
  const { mark = MARK, ...question } = more;
  return judgeKeys(
    { mark, contents },
    { files: FILES, record: RECORD, lost: [], where: "the volume v", stack: "prod", ...question },
  );
};
const WELL = { refused: [], permitted: [], idle: [] };
const withFile = (file: string, content?: Buffer) => {
  const all = new Map(MADE);
  all.delete(file);
  return content === undefined ? all : all.set(file, content);
};

const LOSS =
  "Every record that was encrypted with the ones before is unreadable with these, although the Backend still has it.";
const restore = (files: string) =>
  `Copy ${files} of a backup into the volume v, and restart the KMS (docs/accounts.md, "The KMS's keys" has the commands for the stack prod).`;
const giveUp = `If they are gone for good, set cybexp:lost in Pulumi.prod.yaml to [${ENTRY}]: that accepts the new keys, once.`;

describe("the fingerprints of the KMS's keys", () => {
  it("are those of sha256sum for public keys, and nothing to look up for secret ones", () => {
    const sum = (content: Buffer) => createHash("sha256").update(content).digest("hex");
    for (const [file, content] of MADE) {
      const own = fingerprint(file, content, FILES);
      assert.match(own, /^[0-9a-f]{64}$/);
      assert.equal(own === sum(content), file === DE || file === PUBLIC, file);
    }
    assert.deepEqual(Object.keys(RECORD.keys), FILES);
    assert.deepEqual(Object.keys(publicKeys(RECORD, FILES)), [DE, PUBLIC]);
  });

  it("have one entry for cybexp:lost, whatever their order, and another for other keys", () => {
    assert.match(ENTRY, /^kms-keys@[0-9a-f]{12}$/);
    const turned = Object.fromEntries(Object.entries(RECORD.keys).reverse());
    assert.equal(keysEntry({ keys: turned }), ENTRY);
    assert.notEqual(keysEntry(recordOf({ mark: MARK, contents: keys() }, FILES)), ENTRY);
  });
});

describe("the KMS's keys", () => {
  it("are well if they are the recorded ones, or none are recorded", () => {
    assert.deepEqual(judge(MADE), WELL);
    assert.deepEqual(judge(keys(), { record: undefined }), WELL);
    assert.deepEqual(judge(new Map(), { record: undefined }), WELL);
  });

  it("are others in another volume, which is judged elsewhere", () => {
    assert.deepEqual(judge(keys(), { mark: "000000000000" }), WELL);
  });

  for (const file of FILES) {
    it(`are refused if ${file} was made anew`, () => {
      const other = keys().get(file) ?? assert.fail();
      assert.deepEqual(judge(withFile(file, other)), {
        ...WELL,
        refused: [
          `the KMS has other keys than the state remembers: ${file} in the volume v was made anew or replaced. ${LOSS} ${restore(file)} ${giveUp}`,
        ],
      });
    });
  }

  it("are refused if one is gone", () => {
    assert.deepEqual(judge(withFile(ORE)), {
      ...WELL,
      refused: [
        `${ORE} is gone from the volume v: at its next start, the KMS silently makes new keys. ${LOSS} ${restore(ORE)} ${giveUp}`,
      ],
    });
  });

  it("are others by the operator's word, once", () => {
    const lost = [ENTRY];
    const fresh = keys();
    const said = judge(fresh, { lost });
    assert.deepEqual(said, {
      ...WELL,
      permitted: [
        "the KMS's keys in the volume v are given up, as cybexp:lost says. Every record that was encrypted with the ones before stays unreadable for good.",
      ],
    });
    const record = recordOf({ mark: MARK, contents: fresh }, FILES);
    const used =
      `cybexp:lost has ${ENTRY}: the state remembers other keys by now, so the entry has done its work; ` +
      "remove it from Pulumi.prod.yaml";
    assert.deepEqual(judge(fresh, { lost, record }), { ...WELL, idle: [used] });
    const again = judge(keys(), { lost, record });
    assert.equal(again.refused.length, 1);
    assert.deepEqual(again.permitted, []);
  });

  it("need no word while they are well", () => {
    assert.deepEqual(judge(MADE, { lost: [ENTRY, "kms-secrets@3f2a9c10b7d4"] }), {
      ...WELL,
      idle: [
        `cybexp:lost has ${ENTRY}: those keys are there, and the entry would permit their loss; remove it from Pulumi.prod.yaml`,
      ],
    });
  });

  it("are named if one is no key, even if none are recorded, and even if they are given up", () => {
    const page = Buffer.from("<html><title>502 Bad Gateway</title></html>");
    const sentence = `${PUBLIC} in the volume v is no key: it has a page of HTML in it. The KMS hands it to every module as it is. ${restore(PUBLIC)}`;
    assert.deepEqual(judge(withFile(PUBLIC, page), { record: undefined }).refused, [sentence]);
    assert.deepEqual(judge(withFile(PUBLIC, page), { lost: [ENTRY] }).refused, [sentence]);
    assert.equal(judge(withFile(PUBLIC, page)).refused.length, 2);
  });
});

describe("a poisoned key file", () => {
  const text = (content: string) => Buffer.from(content);
  for (const [file, content, said] of [
    [DE, text(""), "it is empty"],
    [DE, text("<!doctype html><p>401"), "it has a page of HTML in it"],
    [DE, text('{"msg":"Not enough segments"}\n'), "it has JSON in it"],
    [DE, text("Bad credentials"), "it has no public key in PEM"],
    [DE, randomBytes(451), "it has no public key in PEM"],
    [
      DE,
      text("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"),
      "it has no public key in PEM",
    ],
    [ORE, text(""), "it is empty"],
    [ORE, text("502 Bad Gateway"), "it has text in it"],
    [ORE, text('{"msg":"no"}'), "it has JSON in it"],
    [MASTER, text("Internal Server Error"), "it has text in it"],
    [PUBLIC, text("\n <html>"), "it has a page of HTML in it"],
    [PUBLIC, text("[]"), "it has JSON in it"],
    [PUBLIC, text(""), "it is empty"],
  ] as const) {
    it(`is ${file} with ${JSON.stringify(content.subarray(0, 20).toString("latin1"))}: ${said}`, () => {
      assert.equal(poisonIn(file, content, FILES), said);
    });
  }

  it("is none of the files that the KMS makes", () => {
    for (const [file, content] of MADE) {
      assert.equal(poisonIn(file, content, FILES), undefined, file);
    }
    // From a KMS whose library keeps the bytes as they are.
    assert.equal(poisonIn(ORE, Buffer.concat([Buffer.of(0), randomBytes(255)]), FILES), undefined);
  });
});
