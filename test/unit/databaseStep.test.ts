import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { failedWith, readVersion, stepRefusal, versionOfName } from "../../render/databaseStep.ts";

const mongo = (version: string) => ({ product: "MongoDB" as const, version });
const ferretdb = (version: string) => ({ product: "FerretDB" as const, version });
const refusal = (before = "", next = "", features?: string) =>
  stepRefusal({
    container: "cybexp-dev-kms-db",
    image: "mongo:new",
    before: mongo(before),
    next: mongo(next),
    features,
  });

describe("the version of a database image", () => {
  for (const [text, version] of [
    ['db version v8.0.4\nBuild Info: {\n    "version": "8.0.4",\n', mongo("8.0.4")],
    [
      "db version v4.4.29\ngit version: f4dda329a99811c707eb06d05ad023599f9be263\n",
      mongo("4.4.29"),
    ],
    ["version: v1.24.0\ncommit: unknown\n", ferretdb("1.24.0")],
    ["", undefined],
    ["mongod: not found", undefined],
  ] as const) {
    it(`is read from ${JSON.stringify(text.slice(0, 20))}`, () => {
      assert.deepEqual(readVersion(text), version);
    });
  }

  for (const [image, version] of [
    ["mongo:8.0", mongo("8.0")],
    ["mongo:7", mongo("7")],
    ["registry.example:5000/library/mongo:6.0.4-jammy", mongo("6.0.4")],
    ["mongodb/mongodb-community-server:8.0.4-ubi9", mongo("8.0.4")],
    ["ghcr.io/ferretdb/ferretdb:v1.24.0", ferretdb("1.24.0")],
    ["mongo", undefined],
    ["mongo:latest", undefined],
    ["mongo@sha256:0123", undefined],
    ["example/our-mongo:8.0", undefined],
    ["cybexp-demo/mongo:1", undefined],
  ] as const) {
    it(`is taken from the name ${image} only if it has a version`, () => {
      assert.deepEqual(versionOfName(image), version);
    });
  }
});

describe("a mongod that can't say its version", () => {
  it("is known by its exit code", () => {
    assert.equal(failedWith("exit 132\n"), 132);
    assert.equal(failedWith("db version v8.0.4\nexit 0\n"), undefined);
    assert.equal(failedWith("version: v1.24.0\n"), undefined);
    assert.equal(failedWith(""), undefined);
  });
});

describe("the step from one release of MongoDB to another", () => {
  for (const [before, next, features] of [
    ["6.0.4", "6.0.4"],
    ["6.0.4", "6.0.19"],
    ["6.0.19", "6.0.4"],
    ["6.0.4", "7.0.1"],
    ["6.0.4", "7.0.1", "6.0"],
    ["7.0.1", "7.0.9", "6.0"],
    ["8.0.4", "8.2.1", "8.0"],
    ["8.0.4", "8.0.5", "7.0"],
    ["8.2.1", "8.3.0", "8.2"],
    ["8.0.4", "8.3.0", "8.0"],
    ["7.3.0", "8.0.4", "7.3"],
    ["8.2.1", "9.0.0", "8.0"],
    ["8.3.1", "9.0.0", "8.3"],
    ["9.1.0", "10.0.0", "9.1"],
    ["4.2.1", "4.4.1", "4.2"],
    ["4.4.29", "5.0.1", "4.4"],
    ["9.0.1", "10.0.0", "9.0"],
  ] as const) {
    it(`may be taken from ${before} (features ${features ?? "not known"}) to ${next}`, () => {
      assert.equal(refusal(before, next, features), undefined);
    });
  }

  for (const [before, next, steps] of [
    ["6.0.4", "8.0.4", "MongoDB 7.0, then MongoDB 8.0"],
    ["4.0.1", "5.0.0", "MongoDB 4.2, then MongoDB 4.4, then MongoDB 5.0"],
    ["4.4.1", "7.0", "MongoDB 5.0, then MongoDB 6.0, then MongoDB 7.0"],
    ["7.0.4", "8.2.1", "MongoDB 8.0, then MongoDB 8.2"],
    ["3.4.24", "4.0", "MongoDB 3.6, then MongoDB 4.0"],
    ["6.0", "10.0", "MongoDB 7.0, then MongoDB 8.0, then MongoDB 9.0, then MongoDB 10.0"],
  ] as const) {
    it(`is several steps from ${before} to ${next}`, () => {
      assert.equal(
        refusal(before, next),
        `the image mongo:new is MongoDB ${next}, and the data of cybexp-dev-kms-db is MongoDB's (${before}): ` +
          `MongoDB reads the data of the release before it only. Go one by one: ${steps}; run \`up\` with each, ` +
          "and after each set cybexp:database.featureCompatibility to its number and run `up` again; " +
          'docs/data.md, "Another release of MongoDB", has the commands',
      );
    });
  }

  for (const [before, next, features] of [
    ["7.0.4", "8.0.4", "6.0"],
    ["8.2.1", "9.0.0", "7.0"],
    ["4.4.1", "5.0.1", "4.2"],
    ["8.0.4", "8.2.1", "7.0"],
  ] as const) {
    it(`is too early from ${before} to ${next} while its features are those of ${features}`, () => {
      assert.match(
        refusal(before, next, features) ?? "",
        new RegExp(
          `featureCompatibilityVersion is still ${features}: .* Once you need no way back to ${features}, set cybexp:database\\.featureCompatibility to "${before[0]}\\.${before.startsWith("4") ? 4 : 0}"`,
        ),
      );
    });
  }

  for (const [before, next, features, by] of [
    ["8.2.1", "9.0.0", "8.2", "8.3"],
    ["7.1.0", "8.0.4", "7.1", "7.2"],
    ["8.1.0", "8.3.0", "8.1", "8.2"],
  ] as const) {
    it(`goes by way of ${by} from ${before} to ${next} with the features of ${features}`, () => {
      assert.match(
        refusal(before, next, features) ?? "",
        new RegExp(
          `featureCompatibilityVersion is ${features}: MongoDB \\S+ would not start with it\\. Go by way of MongoDB ${by};`,
        ),
      );
    });
  }

  for (const [before, next] of [
    ["8.0.4", "7.0.1"],
    ["8.0.4", "6.0.1"],
    ["8.2.1", "8.0.4"],
    ["5.0.1", "4.4.1"],
  ] as const) {
    it(`does not go back from ${before} to ${next}`, () => {
      assert.match(
        refusal(before, next, next.slice(0, 3)) ?? "",
        /MongoDB does not go back to an earlier release\. Set cybexp:database\.image to MongoDB \d\.\d again/,
      );
    });
  }
});

describe("the step from one database to another", () => {
  const step = (before?: ReturnType<typeof readVersion>, next?: ReturnType<typeof readVersion>) =>
    stepRefusal({ container: "cybexp-dev-kms-db", image: "new", before, next });

  it("is refused: the files differ", () => {
    for (const [before, next] of [
      [ferretdb("1.24.0"), mongo("8.0.4")],
      [mongo("8.0.4"), ferretdb("1.24.0")],
    ] as const) {
      assert.match(
        step(before, next) ?? "",
        /neither reads the other's files\. To move the data, dump it \(mongodump\) with the old image, give cybexp-dev-kms-db-data up \(cybexp:lost\)/,
      );
    }
  });

  it("may go forward within FerretDB, but not back to an earlier major release", () => {
    assert.equal(step(ferretdb("1.20.0"), ferretdb("1.24.0")), undefined);
    assert.equal(step(ferretdb("1.24.0"), ferretdb("1.20.0")), undefined);
    assert.match(step(ferretdb("2.0.0"), ferretdb("1.24.0")) ?? "", /which is newer/);
  });

  it("is not checked if a version is unknown", () => {
    assert.equal(step(undefined, mongo("8.0.4")), undefined);
    assert.equal(step(mongo("6.0.4"), undefined), undefined);
  });
});
