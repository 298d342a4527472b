import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { HIDDEN, maskOf, secretsIn, secretsOfConfig } from "../../cli/preview/secrets.ts";

const secret = (value: unknown) => ({
  "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
  plaintext: JSON.stringify(value),
});

describe("the secrets in a state", () => {
  it("are those that Pulumi marks, and what they are made of", () => {
    const state = {
      resources: [
        { urn: "user-collector-1", outputs: { result: secret("password-one"), length: 32 } },
        { outputs: { stdin: secret(JSON.stringify({ user: "collector", key: ["hidden-key"] })) } },
        { outputs: { pem: secret("-----BEGIN KEY-----\nQUFBQUFB\n-----END KEY-----\n") } },
        {
          outputs: { users: secret({ collector: { password: "password-two" } }), none: secret("") },
        },
      ],
    };
    assert.deepEqual(secretsIn(state), [
      "password-one",
      '{"user":"collector","key":["hidden-key"]}',
      "-----BEGIN KEY-----\nQUFBQUFB\n-----END KEY-----\n",
      "hidden-key",
      "QUFBQUFB",
      "password-two",
    ]);
  });

  it("are not values that appear in plain text elsewhere", () => {
    const state = { outputs: secret({ user: "collector-of-ann", password: "password-one" }) };
    assert.deepEqual(secretsIn(state, "- name: collector-of-ann"), ["password-one"]);
    assert.deepEqual(secretsIn({ ...state, name: "collector-of-ann" }), ["password-one"]);
  });

  it("are in the config where Pulumi says so", () => {
    const users = JSON.stringify([{ name: "collector-of-ann", password: "password-one" }]);
    assert.deepEqual(
      secretsOfConfig(
        {
          "cybexp:users": { value: users, secret: true },
          "cybexp:kms": { value: '{"image":"long-enough"}', secret: false },
        },
        "- name: collector-of-ann",
      ),
      ["password-one"],
    );
  });
});

describe("a mask", () => {
  it("hides a secret in each of its spellings", () => {
    const text = 'pass "word"/ü?\n2';
    const mask = maskOf([text]);
    for (const spelling of [
      text,
      JSON.stringify(text).slice(1, -1),
      encodeURIComponent(text),
      Buffer.from(text).toString("hex"),
    ]) {
      assert.equal(mask(`a ${spelling} b`), `a ${HIDDEN} b`);
    }
  });

  it("hides it in Base64, whatever comes before and after it", () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 12, maxLength: 40 }),
        fc.string({ maxLength: 5 }),
        fc.string({ maxLength: 5 }),
        fc.constantFrom("base64" as const, "base64url" as const),
        (hidden, before, after, encoding) => {
          const masked = maskOf([hidden])(Buffer.from(before + hidden + after).toString(encoding));
          assert.ok(masked.includes(HIDDEN), masked);
          // At most the two characters at each side that it shares with its neighbours are left.
          const left = masked.replace(HIDDEN, "").length;
          assert.ok(left <= Math.ceil(((bytes(before) + bytes(after)) * 8) / 6) + 8, masked);
        },
      ),
    );
  });

  it("hides the longer of two secrets if one contains the other, and nothing else", () => {
    const mask = maskOf(["password-one", "password-one-and-more", "short"]);
    assert.equal(mask("password-one-and-more password-one short"), `${HIDDEN} ${HIDDEN} short`);
    assert.equal(maskOf([])("anything"), "anything");
  });
});

const bytes = (text: string) => Buffer.byteLength(text);
