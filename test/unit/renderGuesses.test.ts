import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkGuesses, guessLocation, guessMaps } from "../../render/nginxGuesses.ts";
import { longestWait } from "../../settings/guesses.ts";

describe("the limit of wrong passwords", () => {
  it("says in how many whole seconds another is taken", () => {
    for (const [perMinute, seconds] of [
      [1, 60],
      [30, 2],
      [45, 2],
      [60, 1],
      [6000, 1],
    ] as const) {
      assert.match(
        guessMaps({ perMinute, burst: 1 }),
        new RegExp(`rate=${perMinute}r/m;[^]*REJECTED ${seconds};`),
      );
    }
  });

  it("lets as many wait as the burst says, each for its turn", () => {
    const text = guessLocation({ perMinute: 30, burst: 7 });
    assert.match(text, /limit_req zone=guesses burst=7;/);
    assert.doesNotMatch(text, /nodelay|return/);
    assert.equal(longestWait({ perMinute: 30, burst: 7 }), 14);
  });

  it("refuses what is no number, and what waits too long", () => {
    checkGuesses({ perMinute: 1, burst: 1 });
    checkGuesses({ perMinute: 6000, burst: 6000 });
    for (const guesses of [
      { perMinute: 0, burst: 1 },
      { perMinute: 6001, burst: 1 },
      { perMinute: 60, burst: 0 },
      { perMinute: 1.5, burst: 1 },
    ]) {
      assert.throws(() => checkGuesses(guesses), RangeError);
    }
    assert.throws(() => checkGuesses({ perMinute: 30, burst: 31 }), {
      name: "RangeError",
      message:
        "with 30 wrong passwords a minute and a burst of 31, one may wait 62 s, but must not wait more than 60 s: lower burst",
    });
  });
});
