/** What a stack's config says about accounts of the KMS. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { kmsAttribute, parseAttribute } from "../../settings/attributes.ts";
import { Fault } from "../../settings/fault.ts";
import { SettingsError } from "../../settings/problem.ts";
import { readSettings } from "../../settings/read.ts";

const ALLOWED =
  "Allowed: 1 to 64 letters, digits and - . ? ! @ # $ % ^ & * \\, without ! in front.";
const EXAMPLE = "Write another one, for example research or re-search.";
const UNNAMEABLE = `The KMS makes _ of a space and of /, and CYBEX-P's policy parser takes what follows _ for a number: no policy could name this attribute. ${ALLOWED}`;

describe("an attribute", () => {
  // Each was parsed in policies by the parser that CYBEX-P has, charm's policytree.py.
  for (const [raw, stored] of [
    ["research", "RESEARCH"],
    ["UNR", "UNR"],
    ["or", "OR"],
    ["1", "1"],
    ["a-B.c?d!e@f#g$h%i^j&k*l\\m", "A-B.C?D!E@F#G$H%I^J&K*L\\M"],
    ["x".repeat(64), "X".repeat(64)],
  ] as const) {
    it(`may be ${raw}, and is stored as ${stored}`, () =>
      assert.equal(parseAttribute(raw), stored));
  }

  for (const [raw, reason, remedy] of [
    ["re search", UNNAMEABLE, EXAMPLE],
    ["unr/cse", UNNAMEABLE, EXAMPLE],
    ["default_public", UNNAMEABLE, EXAMPLE],
    ["A_1", UNNAMEABLE, EXAMPLE],
    ["!UNR", `In a policy, ! in front means "not". ${ALLOWED}`, EXAMPLE],
    ["a,b", ALLOWED, EXAMPLE],
    ["(a)", ALLOWED, EXAMPLE],
    ["a<b", ALLOWED, EXAMPLE],
    ["é", ALLOWED, EXAMPLE],
    ["a\n", ALLOWED, EXAMPLE],
    ["", ALLOWED, EXAMPLE],
    ["x".repeat(65), ALLOWED, EXAMPLE],
    [1, `This is a number, not text. ${ALLOWED}`, "Put it in quotes."],
    [true, ALLOWED, EXAMPLE],
  ] as const) {
    it(`may not be ${JSON.stringify(raw)}`, () => {
      const fault = parseAttribute(raw);
      assert.ok(fault instanceof Fault);
      assert.deepEqual([fault.reason, fault.remedy], [reason, remedy]);
    });
  }

  it("is spelt as the KMS spells it", () => {
    assert.equal(kmsAttribute("re search/er"), "RE_SEARCH__ER");
  });
});

describe("the accounts of a stack", () => {
  const values = (users: unknown, kms: object = {}) => ({
    kms: { image: "kms:1", bind: "127.0.0.1:5012", listen: 5002, ...kms },
    backend: { image: "backend:1", bind: "127.0.0.1:5011", listen: 5001 },
    database: { image: "mongo:8.0" },
    proxy: { image: "nginx:1.28", serverName: "localhost", address: "127.0.0.1" },
    users,
  });
  const read = (...given: Parameters<typeof values>) =>
    readSettings({ stack: "dev", values: values(...given), secretKeys: new Set() });
  const problems = (...given: Parameters<typeof values>) => {
    try {
      read(...given);
    } catch (error) {
      assert.ok(error instanceof SettingsError);
      return error.problems.map(({ path, value, reason }) => [path, value, reason]);
    }
    return [];
  };

  it("are none without attributes", () => {
    const { users, kms } = read([{ name: "ann" }]);
    assert.deepEqual(users, [{ name: "ann", generation: 1, retired: 0 }]);
    assert.deepEqual(kms.administrator, { name: "administrator" });
  });

  it("have their attributes as the KMS stores them", () => {
    const [user] = read([{ name: "ann", attributes: ["unr", "Research"] }]).users;
    assert.deepEqual(user?.attributes, ["UNR", "RESEARCH"]);
  });

  it("need at least one attribute, each once", () => {
    assert.deepEqual(problems([{ name: "ann", attributes: [] }]), [
      [
        "cybexp:users[0].attributes",
        "a list of 0 items",
        "Allowed: a list with at least one item.",
      ],
    ]);
    assert.deepEqual(problems([{ name: "ann", attributes: ["a", "b", "A"] }]), [
      [
        "cybexp:users[0].attributes[2]",
        '"A"',
        "A is already one of the user's attributes (the KMS ignores case).",
      ],
    ]);
  });

  it("show a wrong attribute, which is no secret", () => {
    const [[, value] = []] = problems([{ name: "ann", attributes: ["a b"] }]);
    assert.equal(value, '"a b"');
  });

  it("have no user with the administrator's name, in any case", () => {
    const sentence =
      "This is the name of the KMS's administrator (cybexp:kms.administrator.name), so the user's modules would get an administrator's token.";
    assert.deepEqual(problems([{ name: "Administrator" }]), [
      ["cybexp:users[0].name", '"Administrator"', sentence],
    ]);
    assert.deepEqual(problems([{ name: "boss" }], { administrator: { name: "boss" } }), [
      ["cybexp:users[0].name", '"boss"', sentence],
    ]);
    assert.deepEqual(problems([{ name: "administrator" }], { administrator: { name: "b" } }), []);
  });
});
