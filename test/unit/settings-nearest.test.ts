import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { distance, nearest } from "../../settings/nearest.ts";

describe("the edits between two words", () => {
  for (const [a, b, edits] of [
    ["", "", 0],
    ["", "abc", 3],
    ["image", "image", 0],
    ["imag", "image", 1],
    ["imaage", "image", 1],
    ["imoge", "image", 1],
    ["imgae", "image", 1],
    ["kitten", "sitting", 3],
  ] as const) {
    it(`from "${a}" to "${b}" are ${edits}`, () => {
      assert.equal(distance(a, b), edits);
      assert.equal(distance(b, a), edits);
    });
  }

  it("are none for the same word, and never more than the longer word's letters", () => {
    const word = fc.string({ maxLength: 12 });
    fc.assert(
      fc.property(word, word, (a, b) => {
        const edits = distance(a, b);
        assert.equal(edits === 0, a === b);
        assert.equal(edits, distance(b, a));
        assert.ok(edits >= Math.abs(a.length - b.length) && edits <= Math.max(a.length, b.length));
      }),
    );
  });
});

describe("the nearest word", () => {
  const keys = ["image", "bind", "listen", "access", "config"];
  for (const [word, expected] of [
    ["Image", "image"],
    ["lisen", "listen"],
    ["configg", "config"],
    ["binds", "bind"],
    ["volume", undefined],
    ["", undefined],
    ["i".repeat(1_000_000), undefined],
  ] as const) {
    it(`to "${word.slice(0, 10)}" is ${expected ?? "none"}`, () => {
      assert.equal(nearest(word, keys), expected);
    });
  }
});
