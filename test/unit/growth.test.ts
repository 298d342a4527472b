import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { growth } from "../../bench/growth.ts";

describe("how something grows", () => {
  const sizes = [
    [1, 0],
    [10, 10],
    [100, 100],
    [300, 300],
    [300, 0],
  ] as const;
  const points = (ms: (users: number, clients: number) => number) =>
    sizes.map(([users, clients]) => ({ users, clients, ms: ms(users, clients) }));
  const near = (actual: number, expected: number) =>
    assert.ok(Math.abs(actual - expected) < 1e-6, `${actual} is not ${expected}`);

  it("finds the cost of each item in linear growth", () => {
    const found = growth(points((users, clients) => 3000 + 2 * users + 5 * clients));
    near(found.baseMs, 3000);
    near(found.msPerUser, 2);
    near(found.msPerClient, 5);
    near(found.r2, 1);
  });

  it("recognizes what isn't linear", () => {
    assert.ok(growth(points((users, clients) => users * users + clients)).r2 < 0.99);
  });

  it("does not depend on the order of the points", () => {
    const list = points((users, clients) => 7 + users + 3 * clients);
    near(growth(list.toReversed()).msPerClient, growth(list).msPerClient);
  });
});
