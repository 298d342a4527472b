/** What the KMS has under a name, and what that means. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  areKeysGivenUp,
  authorityTrouble,
  judgeAdministrator,
  judgeUser,
  type KmsAccount,
  keyTrouble,
  tokenTrouble,
} from "../../render/kmsAccounts.ts";
import { driftIn } from "../../stack/driftAccounts.ts";

const ANOTHER =
  "Or list the user under a new name: the KMS makes it an account and a key of its own.";
const USER = { admin: false, made: "1" };
const ADMIN = { admin: true, made: "2" };
const nothing: KmsAccount = { account: null, recorded: null, key: null };
const good: KmsAccount = {
  account: USER,
  recorded: ["A", "B"],
  key: { attributes: ["A", "B"], older: false },
};
const judge = (found: Partial<KmsAccount>, attributes = ["A", "B"]) =>
  judgeUser({ name: "ann", attributes }, { ...nothing, ...found });
const wrong = (text: string) => ({ is: "wrong", text });
const KEY = "/secrets/cpabe-sk-CPabe_BSW07-ann.binary";

describe("a user's account", () => {
  it("is made if there is nothing", () => {
    assert.deepEqual(judge({}), { is: "make" });
  });

  it("is there with the same attributes, in any order", () => {
    assert.deepEqual(judge(good), { is: "there" });
    assert.deepEqual(judge(good, ["B", "A"]), { is: "there" });
  });

  it("is believed by the database if its key does not say what it is for", () => {
    assert.deepEqual(judge({ ...good, key: { attributes: null, older: false } }), { is: "there" });
  });

  it("is finished if a run ended after its key was made, or its database is lost", () => {
    const { key, recorded } = good;
    assert.deepEqual(judge({ key, recorded }), { is: "make" });
    assert.deepEqual(judge({ key }), { is: "make" });
  });

  it("is refused if it would silently get a key with other attributes", () => {
    const sentence = (held: string) =>
      wrong(
        `the KMS has no account ann, but a key for it (${KEY}) with ${held}, and the config has A, B: ` +
          "a new account would silently get the old key. Its database may be lost or older than its keys: " +
          `restore both from one backup (docs/accounts.md). ${ANOTHER}`,
      );
    assert.deepEqual(
      judge({ key: { attributes: ["A"], older: false } }),
      sentence("the attributes A"),
    );
    assert.deepEqual(
      judge({ key: { attributes: null, older: false } }),
      sentence("unknown attributes"),
    );
  });

  it("is refused without its key", () => {
    assert.deepEqual(
      judge({ ...good, key: null }),
      wrong(
        `the KMS's account ann has no key any more: ${KEY} is gone, so ann can't read records. ` +
          "The KMS makes no second key with the right attributes (its /user/rekey is broken): " +
          `copy the file back from a backup (docs/accounts.md). ${ANOTHER}`,
      ),
    );
  });

  it("is refused with other attributes: the KMS can't change them", () => {
    assert.deepEqual(
      judge(good, ["A", "C"]),
      wrong(
        "the KMS's account ann has the attributes A, B, and the config has A, C: the KMS can't change an account or its key. " +
          `ann still reads what A, B may read. Put A, B back into the config. ${ANOTHER}`,
      ),
    );
    assert.equal(judge(good, ["A"]).is, "wrong");
    assert.equal(judge(good, ["A", "B", "C"]).is, "wrong");
  });

  it("is refused with the key that /user/rekey makes", () => {
    assert.deepEqual(
      judge({ ...good, key: { attributes: ["attributes"], older: false } }),
      wrong(
        'the key of the KMS\'s account ann has the attribute "attributes" alone: /user/rekey made it, which is broken. ' +
          `Copy ${KEY} back from a backup (docs/accounts.md). ${ANOTHER}`,
      ),
    );
  });

  it("is refused if it is an administrator", () => {
    assert.deepEqual(
      judge({ account: ADMIN }),
      wrong(
        "ann is an administrator of the KMS, and administrators have no key: it can't get the attributes A, B. " +
          "List the user under another name, or without attributes.",
      ),
    );
  });
});

describe("a user's account, once the KMS's keys are given up", () => {
  const ann = { name: "ann", attributes: ["A", "B"] };
  const again = (found: Partial<KmsAccount>) => judgeUser(ann, { ...nothing, ...found }, true).is;
  const old = { attributes: ["A", "B"], older: true };

  it("is made again if its key is gone, or is of the master key before", () => {
    assert.equal(again({ ...good, key: null }), "remake");
    assert.equal(again({ ...good, key: old }), "remake");
    assert.equal(again({ key: old }), "remake");
    assert.equal(judge({ ...good, key: old }).is, "there", "not without the operator's word");
  });

  it("is judged as before otherwise", () => {
    assert.equal(again(good), "there");
    assert.equal(again({}), "make");
    assert.equal(again({ ...good, account: ADMIN }), "wrong");
    assert.equal(again({ ...good, key: { attributes: ["A"], older: false } }), "wrong");
  });

  it("is given up by an entry for the keys, or for their volume", () => {
    assert.equal(areKeysGivenUp(["kms-keys@3f2a9c10b7d4"]), true);
    assert.equal(areKeysGivenUp(["kms-secrets@3f2a9c10b7d4"]), true);
    assert.equal(areKeysGivenUp(["kms-db-data@3f2a9c10b7d4"]), false);
  });
});

describe("the administrator's account", () => {
  it("is made, adopted, or refused if it is a user's", () => {
    assert.deepEqual(judgeAdministrator("boss", nothing), { is: "make" });
    assert.deepEqual(judgeAdministrator("boss", { ...nothing, account: ADMIN }), { is: "there" });
    assert.deepEqual(
      judgeAdministrator("boss", good),
      wrong(
        "the KMS has an account boss that is no administrator, and the KMS can't make it one: " +
          "set cybexp:kms.administrator.name to another name.",
      ),
    );
  });
});

describe("the KMS's answers", () => {
  const answer = (status: number, text = "", size = 0) => ({ status, text, size });

  it("tell whether it takes a token", () => {
    assert.equal(tokenTrouble("boss", answer(200)), undefined);
    assert.equal(
      tokenTrouble("boss", answer(422, '{"msg":"Signature verification failed"}\n')),
      "the KMS refuses the token of boss (Signature verification failed): it does not run with the FLASK_JWT_SECRET_KEY of the stack's state, " +
        "so it refuses every module's token, too. Remove the KMS's container and run `up`, which starts it with that key",
    );
    assert.match(tokenTrouble("boss", answer(401, "<html>")) ?? "", /\(no reason given\)/);
    assert.equal(
      tokenTrouble("boss", answer(0, "URLError")),
      "the KMS does not answer in its own container (URLError)",
    );
    assert.equal(
      tokenTrouble("boss", answer(500)),
      "the KMS answers 500 to the token of boss: see its log",
    );
  });

  it("tell whether a caller is an administrator, without making anything", () => {
    assert.equal(authorityTrouble("boss", answer(400)), undefined);
    assert.match(authorityTrouble("boss", answer(403)) ?? "", /does not let boss make users/);
    assert.match(authorityTrouble("boss", answer(201)) ?? "", /answers 201/);
  });

  it("tell whether a user gets its key", () => {
    assert.equal(keyTrouble("ann", answer(200, "", 512)), undefined);
    assert.match(keyTrouble("ann", answer(200)) ?? "", /does not hand ann its key \(an empty/);
    assert.match(keyTrouble("ann", answer(500)) ?? "", /\(answer 500\)/);
  });
});

describe("what differs at a running KMS", () => {
  const question = (before: Parameters<typeof driftIn>[1]["before"]) => ({
    urn: "urn",
    wanted: { administrator: "boss", users: { ann: ["A", "B"] } },
    before,
    givenUp: false,
  });
  const before = { administrator: "boss", users: { ann: ["A", "B"] } };
  const admin = { ...nothing, account: ADMIN };

  it("is nothing if all is there, or was never made", () => {
    const all = new Map([
      ["boss", admin],
      ["ann", good],
    ]);
    assert.deepEqual(driftIn(all, question(before)), []);
    assert.deepEqual(driftIn(new Map(), question(undefined)), []);
    assert.deepEqual(
      driftIn(new Map([["boss", admin]]), question({ administrator: "boss", users: {} })),
      [],
    );
    assert.deepEqual(driftIn(new Map(), question({ administrator: "other", users: {} })), []);
  });

  it("is made again if it is lost", () => {
    assert.deepEqual(driftIn(new Map(), question(before)), [
      { urn: "urn", why: "the KMS has lost its administrator boss", mend: "again" },
      { urn: "urn", why: "the KMS has lost the account ann", mend: "again" },
    ]);
  });

  it("stops an `up` where the KMS can't be what the config says", () => {
    const found = new Map([
      ["boss", good],
      ["ann", { ...good, key: null }],
    ]);
    assert.deepEqual(
      driftIn(found, question(before)).map(({ mend }) => mend),
      ["by hand", "by hand"],
    );
  });
});
