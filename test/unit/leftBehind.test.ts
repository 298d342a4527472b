import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { told, type Traces } from "../../stack/leftBehind.ts";

const none: Traces = { died: undefined, locks: 0, operations: 0, containers: 0, networks: 0 };

describe("what a run that died left behind", () => {
  const cases: readonly (readonly [Partial<Traces>, string | undefined])[] = [
    [{}, undefined],
    [
      { died: { command: "npm run up" } },
      "`npm run up` died and left its lock: `STACK=prod npm run up` cleans up and continues from there",
    ],
    [
      { died: { command: undefined }, locks: 1 },
      "A run that died left its lock: `STACK=prod npm run up` cleans up and continues from there",
    ],
    [
      { operations: 2 },
      "A run that died left 2 unfinished operations: `STACK=prod npm run up` cleans up and continues from there",
    ],
    [
      { died: { command: "npm run down" }, locks: 1, operations: 1, containers: 1, networks: 3 },
      "`npm run down` died and left 1 unfinished operation, 1 container that is not in the state, 3 networks that are not in the state and its lock: `STACK=prod npm run up` cleans up and continues from there",
    ],
  ];
  for (const [traces, sentence] of cases) {
    it(`is reported in one sentence: ${sentence ?? "none"}`, () => {
      assert.equal(told("prod", { ...none, ...traces }), sentence);
    });
  }
});
