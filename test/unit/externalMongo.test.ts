/** How this machine logs in at a database outside of the stack. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { optionsFor } from "../../programs/database/externalMongo.ts";
import { readDatabaseUri } from "../../settings/databaseUri.ts";

const HOST = { name: "one.example", port: 27017 };
const HABITS = { serverSelectionTimeoutMS: 30_000, serverMonitoringMode: "poll" as const };
const auth = { username: "kms", password: "p@ss" };

const optionsOf = (rest: string, more: readonly (readonly [string, string])[] = [], ca?: string) =>
  optionsFor(
    readDatabaseUri(`mongodb://kms:p%40ss@${rest}`),
    { hosts: [HOST], options: more },
    HOST,
    ca,
  );

describe("a connection to a database of the operator's own", () => {
  it("is encrypted as the connection string says, and trusts the CA", () => {
    assert.deepEqual(optionsOf("one.example/?tls=true&authSource=admin&replicaSet=rs", [], "PEM"), {
      ...{ auth, authSource: "admin", tls: true, servername: "one.example", ca: "PEM" },
      ...HABITS,
    });
    assert.deepEqual(optionsOf("one.example/?ssl=true"), {
      ...{ auth, authSource: "admin", tls: true, servername: "one.example", ...HABITS },
    });
    assert.deepEqual(optionsOf("one.example/", [], "PEM"), {
      ...{ auth, authSource: "admin", ...HABITS },
    });
  });

  it("logs in where the user is", () => {
    assert.equal(optionsOf("one.example/users").authSource, "users");
    assert.equal(optionsOf("one.example/users?authSource=a%2Db").authSource, "a-b");
    assert.equal(optionsOf("one.example/users", [["authSource", "dns"]]).authSource, "dns");
    const plain = optionsOf("one.example/users?tls=true&authMechanism=plain");
    assert.equal(plain.authMechanism, "PLAIN");
    assert.equal(plain.authSource, "$external");
  });
});
