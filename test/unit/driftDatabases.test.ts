/** Databases whose data is of another time than the passwords in the state. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { repairs } from "../../stack/driftRepairs.ts";
import { driftOf, knownDatabases } from "../../stack/driftDatabases.ts";
import { findings } from "../../stack/driftFindings.ts";
import type { ExportedResource } from "../../stack/state.ts";

const PARENT = "urn:pulumi:dev::cybexp::cybexp:index:Kms$cybexp:index:Database::kms-db";
const input = {
  container: "4f5e",
  admin: { name: "admin", password: "second", previous: "first" },
  user: { name: "KMS_db-2", password: "third", database: "KMS_db" },
};

function command(name: string, program: string, stdin: unknown, parent = PARENT): ExportedResource {
  return {
    urn: `${PARENT.replace("::kms-db", "")}$command:local:Command::${name}`,
    type: "command:local:Command",
    parent,
    inputs: {
      create: `node programs/database/${program}.ts`,
      stdin: { plaintext: JSON.stringify(JSON.stringify(stdin)) },
    },
  };
}

const users = command("kms-db-users", "database-users", input);
const retire = command("kms-db-retired-users", "database-retire", {});

describe("a database that the state knows", () => {
  it("is found by its programs, wherever they are installed", () => {
    const found = [{ urn: users.urn, retire: [retire.urn], input }];
    const others = [
      command("backend-db-retired-users", "database-retire", {}, "another"),
      command("kms-config-delivery", "deliver", {}),
    ];
    assert.deepEqual(knownDatabases([users, retire, ...others]), found);
    const packaged = {
      ...users,
      inputs: {
        ...users.inputs,
        create: "node node_modules/p/dist/programs/database/database-users.js",
      },
    };
    assert.deepEqual(knownDatabases([packaged, retire]), found);
  });

  it("is left out if a run ended before its input was there", () => {
    assert.deepEqual(
      knownDatabases([{ ...users, inputs: { create: users.inputs?.["create"] } }]),
      [],
    );
  });
});

describe("a database's data from another time", () => {
  const [database = assert.fail()] = knownDatabases([users, retire]);
  const look = (acquaintance: Parameters<typeof driftOf>[2], wanted = 2) =>
    driftOf(database, "cybexp-dev-kms-db", acquaintance, wanted);

  it("is not reported if it knows the password, or doesn't answer", () => {
    assert.equal(look("known"), undefined);
    assert.equal(look("silent"), undefined);
  });

  it("is repaired by making its users again, and removing those from the other time", () => {
    const drift = look("behind") ?? assert.fail();
    assert.deepEqual(look("forgotten"), drift);
    // The administrator's password in use is the one before then.
    assert.deepEqual(look("forgotten", 3), drift);
    assert.deepEqual(repairs([drift]), ["--replace", users.urn, "--replace", retire.urn]);
    assert.deepEqual(findings([], [drift]), [
      "command kms-db-users: the database cybexp-dev-kms-db does not know the password that its service uses: " +
        "its data seems to be from before a rotation; `npm run up` repairs that",
    ]);
  });

  it("stops a rotation that would lose the one password that it knows", () => {
    const drift = look("behind", 3) ?? assert.fail();
    assert.throws(() => repairs([drift]), {
      message:
        "the database cybexp-dev-kms-db has the passwords of number 1: its data seems to be from before the last rotation, " +
        "and its number in cybexp:rotation is no longer 2. Set it back to 2 and run `npm run up`, which repairs that; then raise it",
    });
  });

  it("stops `up` where no password of the state gets in, and says what to do", () => {
    const drift = look("locked") ?? assert.fail();
    const sentence =
      /^cybexp-dev-kms-db accepts none of .* Restore a copy of the volume and a copy of the state/;
    assert.throws(() => repairs([drift]), { message: sentence });
    const [told = ""] = findings([], [drift]);
    assert.match(told, /^command kms-db-users: cybexp-dev-kms-db accepts none of/);
    assert.doesNotMatch(told, /npm run up/);
  });
});
