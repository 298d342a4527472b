/** MongoDB's featureCompatibilityVersion, raised on the operator's word. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Db, Document } from "mongodb";
import { ensureFeatures, readFeatures } from "../../programs/database/features.ts";
import { featureStep, raiseFeatures } from "../../render/databaseStep.ts";

const mongo = (version: string) => ({ product: "MongoDB" as const, version });
const step = (wanted: string, running: string, features?: string) =>
  featureStep({ container: "cybexp-x-kms-db", wanted, running: mongo(running), features });

describe("the features of a database's data", () => {
  for (const [wanted, running, features, verdict] of [
    ["7.0", "7.0.14", "7.0", /^done$/],
    ["7.0", "8.0.4", "7.0", /^done$/],
    [
      "7.0",
      "7.0.14",
      "6.0",
      /^raise: .* gets the features of MongoDB 7\.0 in place of 6\.0: earlier/,
    ],
    ["8.2", "8.2.1", "8.0", /^raise: /],
    ["8.1", "8.2.1", "8.0", /^refuse: .*has the features of 8\.0: set it to "8\.2" or "8\.0"/],
    [
      "8.0",
      "7.0.14",
      "7.0",
      /^refuse: .*is 8\.0, but cybexp-x-kms-db runs MongoDB 7\.0\.14: first set/,
    ],
    ["6.0", "7.0.14", "7.0", /^refuse: .* they are not taken back\. Set it to "7\.0"/],
    ["7.0", "7.0.14", undefined, /^refuse: .* does not tell/],
  ] as const) {
    it(`are judged: ${wanted} wanted, ${running} runs, ${features ?? "nothing"} is there`, () => {
      const found = step(wanted, running, features);
      assert.match(
        found.verdict === "done" ? "done" : `${found.verdict}: ${found.sentence}`,
        verdict,
      );
    });
  }

  it("are nothing that FerretDB has", () => {
    const found = featureStep({
      ...{ container: "x", wanted: "7.0", features: undefined },
      running: { product: "FerretDB", version: "1.24.0" },
    });
    assert.equal(found.verdict, "refuse");
    assert.match(
      found.sentence,
      /x is FerretDB 1\.24\.0, which has no such versions: remove the key/,
    );
  });

  it("are confirmed from 7.0 on, where the server wants that", () => {
    assert.deepEqual(raiseFeatures("6.0", mongo("6.0.4")), {
      setFeatureCompatibilityVersion: "6.0",
    });
    assert.deepEqual(raiseFeatures("7.0", mongo("7.0.1")), {
      setFeatureCompatibilityVersion: "7.0",
      confirm: true,
    });
    assert.deepEqual(raiseFeatures("8.0", mongo("8.0.4")), {
      setFeatureCompatibilityVersion: "8.0",
      confirm: true,
    });
  });
});

/** A mongod of a release, as far as its features go. */
class Server {
  readonly asked: Document[] = [];
  features: string;
  readonly #version: string;
  readonly #refuses: string | undefined;

  constructor(version: string, features: string, refuses?: string) {
    this.#version = version;
    this.features = features;
    this.#refuses = refuses;
  }

  get db(): Db {
    return { command: (command: Document) => Promise.resolve(this.#answer(command)) } as Db;
  }

  #answer(command: Document): Document {
    this.asked.push(command);
    if ("buildInfo" in command) {
      return { version: this.#version };
    }
    if ("getParameter" in command) {
      return { featureCompatibilityVersion: { version: this.features } };
    }
    if (this.#refuses !== undefined) {
      throw new Error(this.#refuses);
    }
    this.features = String(command["setFeatureCompatibilityVersion"]);
    return { ok: 1 };
  }
}

describe("raising them", () => {
  it("is done once", async () => {
    const server = new Server("7.0.14", "6.0");
    await ensureFeatures(server.db, "x", "7.0");
    assert.equal(server.features, "7.0");
    assert.equal(server.asked.length, 5);
    await ensureFeatures(server.db, "x", "7.0");
    const raised = server.asked.filter((command) => "setFeatureCompatibilityVersion" in command);
    assert.deepEqual(raised, [{ setFeatureCompatibilityVersion: "7.0", confirm: true }]);
  });

  it("says what the server says", async () => {
    const server = new Server("7.0.14", "6.0", "a collection is in the way");
    await assert.rejects(ensureFeatures(server.db, "cybexp-x-kms-db", "7.0"), {
      name: "UserError",
      message:
        "cybexp-x-kms-db: MongoDB does not raise its featureCompatibilityVersion from 6.0 to 7.0: a collection is in the way",
    });
  });

  it("asks nothing of a release that is too old", async () => {
    const server = new Server("6.0.4", "6.0");
    await assert.rejects(ensureFeatures(server.db, "x", "7.0"), {
      message: /x runs MongoDB 6\.0\.4/,
    });
    assert.equal(server.features, "6.0");
  });

  it("knows FerretDB by what it says of itself", async () => {
    const db = { command: () => Promise.resolve({ ferretdb: { version: "v1.24.0" } }) };
    assert.deepEqual(await readFeatures(db as unknown as Db), {
      running: { product: "FerretDB", version: "1.24.0" },
      features: undefined,
    });
  });
});
