import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { renderHtpasswd } from "../../render/htpasswd.ts";

// The hashes were computed with Python's hashlib.
const collector = {
  name: "collector",
  password: "correct horse battery staple",
  salt: "AAECAwQFBgcICQoLDA0ODw==",
};
const analyst = {
  name: "analyst",
  password: "pässwörd-of-an-operator",
  salt: "EBESExQVFhcYGRobHB0eHw==",
};

describe("renderHtpasswd", () => {
  it("writes a salted SHA-1 line for each user, by name", () => {
    assert.equal(
      renderHtpasswd([collector, analyst]),
      "analyst:{SSHA}vIgNtPxOP3zz1KYC4P6RMcqHGawQERITFBUWFxgZGhscHR4f\n" +
        "collector:{SSHA}e0hu+WdvSm9HTU9++WhsaCCqTBAAAQIDBAUGBwgJCgsMDQ4P\n",
    );
  });

  it("writes the same whatever the order", () => {
    assert.equal(renderHtpasswd([analyst, collector]), renderHtpasswd([collector, analyst]));
  });

  it("writes an empty file for no users, which lets nobody in", () => {
    assert.equal(renderHtpasswd([]), "");
  });

  const refused: [string, Parameters<typeof renderHtpasswd>[0], RegExp][] = [
    ["a colon in a name", [{ ...collector, name: "a:b" }], /a user name is "a:b", but must be/],
    ["a line end in a name", [{ ...collector, name: "a\nb" }], /a user name is "a\\nb"/],
    ["a comment", [{ ...collector, name: "#a" }], /not starting with #/],
    ["an empty name", [{ ...collector, name: "" }], /a user name is ""/],
    ["a user twice", [collector, { ...analyst, name: "collector" }], /collector is listed twice/],
    [
      "a NUL in a password",
      [{ ...collector, password: "a\0b" }],
      /password of collector must be text without control/,
    ],
    ["an empty password", [{ ...collector, password: "" }], /password of collector must be/],
    ["a salt in hex", [{ ...collector, salt: "zz" }], /salt of collector must be base64/],
    ["a short salt", [{ ...collector, salt: "AAECAw==" }], /at least 8 bytes/],
  ];
  for (const [what, entries, message] of refused) {
    it(`refuses ${what}`, () => {
      assert.throws(() => renderHtpasswd(entries), { name: "RangeError", message });
    });
  }

  it("does not show a password that it refuses", () => {
    assert.throws(
      () => renderHtpasswd([{ ...collector, password: "hunter2\n" }]),
      (error: Error) => !error.message.includes("hunter2"),
    );
  });
});
