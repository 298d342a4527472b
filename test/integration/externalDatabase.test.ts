/**
 * A stack whose KMS has a database of the operator's own, with TLS and a CA of its own; and the moves between it
 * and one that the stack runs.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { Deployed } from "./deployed/deployed.ts";
import { ExternalMongo } from "./externalMongo.ts";
import { docker, dockerOutput, Project } from "./project.ts";
import { snapshot } from "./snapshot.ts";

let the: Deployed;
let mongo: ExternalMongo;
let other: ExternalMongo;

const setUri = async (service: "kms" | "backend", uri: string) => {
  const path = `cybexp:database.uri.${service}`;
  const words = ["config", "set", "--secret", "--path", path, "--stack", the.project.stack];
  const { code, output } = await the.project.feed(uri, "pulumi", ...words);
  assert.equal(code, 0, output);
};

const database = () => the.project.readConfig()["cybexp:database"] as Record<string, unknown>;
const change = (edit: (database: Record<string, unknown>) => void) =>
  the.project.configure((config) => edit(config["cybexp:database"] as Record<string, unknown>));

/** Demo images are everybody's on this engine. */
const there = (): Record<string, unknown> => ({ ...snapshot(the.project), images: undefined });

/** Each refuses with the sentence, and changes nothing. */
async function assertRefused(sentence: RegExp, commands: readonly string[] = ["preview", "up"]) {
  const before = there();
  for (const command of commands) {
    const { code, output } = await the.npm(command);
    assert.notEqual(code, 0, output);
    assert.match(output, sentence);
    assert.ok(!output.includes(mongo.password), "no password is shown");
  }
  assert.deepEqual(there(), before);
}

const container = (part: string) => `cybexp-${the.project.stack}-${part}`;

/** Makes an account as CYBEX-P's own script does. */
function createAccount(name: string): void {
  const words = ["/usr/bin/python3", "/kms-server/add_account.py", name, "a password", "admin"];
  assert.match(docker("exec", container("kms"), ...words), /'admin': True/);
}

const accounts = (where: ExternalMongo, name = "KMS_db") =>
  where.withDb(name, async (db) =>
    (await db.collection("Users").find().toArray()).map(({ username }) => String(username)).sort(),
  );

/** With the accounts that the stack makes. */
const withOwn = (...names: string[]) => ["administrator", "analyst", ...names].sort();

/** What the KMS's container reaches: Python's own words. */
const reach = (address: string, port: number) =>
  dockerOutput(
    ...["exec", container("kms"), "python3", "-c"],
    `import socket; socket.create_connection(("${address}", ${port}), 3); print("open")`,
  );

/** Calls that need the database, one after another until it is stopped. */
function calls() {
  const answers: number[] = [];
  let going = true;
  const running = (async () => {
    while (going) {
      const headers = { "X-Authorization": `Bearer ${the.token("collector")}` };
      answers.push((await the.call("kms", "/get/attributes", { headers })).status);
    }
  })();
  return {
    async stop() {
      going = false;
      await running;
      return answers;
    },
  };
}

describe("a database of the operator's own", () => {
  before(async () => {
    the = new Deployed(await Project.create());
    [mongo, other] = [await ExternalMongo.start("one"), await ExternalMongo.start("two")];
    assert.equal((await the.npm("pulumi", "stack", "init", the.project.stack)).code, 0);
    the.project.configure((config) => (config["cybexp:throwaway"] = false));
    await setUri("kms", mongo.uri());
    change((all) =>
      Object.assign(all, { ca: mongo.ca, hosts: [...mongo.hosts, ...other.hosts].slice(0, 1) }),
    );
  });
  after(async () => {
    await the.project.remove();
    mongo.remove();
    other.remove();
  });

  it("is refused before anything is made: DNS, TCP, TLS, login", async () => {
    const { ca, hosts } = database();
    change((all) => delete all["hosts"]);
    await assertRefused(/DNS: the engine finds no address of the KMS's database one\.mongo/, [
      "up",
    ]);
    change((all) => (all["hosts"] = hosts));
    await setUri("kms", mongo.uri().replace(String(mongo.tlsPort), "9"));
    await assertRefused(/TCP: the KMS's database one\.mongo\.test\.example:9 does not answer/, [
      "up",
    ]);
    await setUri("kms", mongo.uri());
    change((all) => (all["ca"] = other.ca));
    await assertRefused(/TLS: the KMS's database .* is not accepted: .*certificate verify failed/, [
      "up",
    ]);
    change((all) => (all["ca"] = ca));
    await setUri("kms", mongo.uri({ password: "wrong" }));
    await assertRefused(/login: the KMS's database .* refuses the user operator/);
  });

  it("is refused while it has accounts and the stack has no keys yet", async () => {
    await setUri("kms", mongo.uri());
    await mongo.withDb("KMS_db", (db) => db.collection("Users").insertOne({ username: "old" }));
    await assertRefused(/has 1 account, and this stack is new: its KMS would make new keys/);
    await mongo.withDb("KMS_db", (db) => db.collection("Users").drop());
  });

  it("is used, and the stack has none for that service", async () => {
    await the.up();
    createAccount("first");
    assert.deepEqual(await accounts(mongo), withOwn("first"));
    assert.match(await the.kmsKey(), /BEGIN PUBLIC KEY/);
    const roles = Object.keys(the.containers()).sort();
    assert.deepEqual(roles, [
      "backend",
      "backend-db",
      "kms",
      "kms-db-door",
      "kms-db-exit",
      "proxy",
    ]);
    const ours = the.project.leftovers().filter((name) => name.includes("-kms-db"));
    assert.deepEqual(ours.sort(), [
      `container ${container("kms-db-door")}`,
      `container ${container("kms-db-exit")}`,
      `network ${container("kms-db-door")}`,
      `network ${container("kms-db-exit")}`,
      `volume ${container("kms-db-door-config")}`,
    ]);
    assert.match((await the.up()).output, /^Nothing changed: /m);
    const { code, output } = await the.npm("doctor");
    assert.match(output, /✔ database of the KMS/);
    assert.equal(code, 0, output);
  });

  it("is all that the service has a way to", () => {
    assert.match(reach(mongo.host, mongo.tlsPort), /open/);
    // The same machine, another port and another address.
    assert.doesNotMatch(reach(mongo.host, mongo.port), /open/);
    assert.doesNotMatch(reach("192.0.2.1", 443), /open/);
    assert.doesNotMatch(reach("kms-db-exit", mongo.tlsPort), /open/);
  });

  it("gets a new password by its connection string, and no request is lost", async () => {
    const password = randomBytes(12).toString("hex");
    await mongo.withDb("admin", (db) =>
      db.command({ createUser: "second", pwd: password, roles: [] }),
    );
    const load = calls();
    await setUri("kms", mongo.uri({ user: "second", password }));
    const { output } = await the.up();
    const answers = await load.stop();
    assert.deepEqual([...new Set(answers)], [200]);
    assert.ok(answers.length > 20, String(answers.length));
    assert.doesNotMatch(output, /kms-db-door: container|replaced .*door/);
    assert.ok(!output.includes(password));
    assert.deepEqual(await accounts(mongo), withOwn("first"));
  });

  it("is not rotated by the stack, which says what to do", async () => {
    the.project.configure((config) => (config["cybexp:rotation"] = { kmsDatabase: 2 }));
    await assertRefused(
      /the KMS's database is your own, and the stack can't change a password there: set it back to 1/,
    );
    the.project.configure((config) => delete config["cybexp:rotation"]);
  });

  it("is missed when it is emptied", async () => {
    const users = await mongo.withDb("KMS_db", (db) => db.collection("Users").find().toArray());
    // The stack has seen the account by the last `up`.
    await mongo.withDb("KMS_db", (db) => db.collection("Users").drop());
    await assertRefused(/had 3 accounts, and is empty now/);
    await mongo.withDb("KMS_db", (db) => db.collection("Users").insertMany(users));
    assert.match((await the.up()).output, /^Nothing changed: /m);
  });

  it("is left for another one only with the operator's word", async () => {
    await setUri("kms", other.uri());
    change((all) => Object.assign(all, { ca: mongo.ca + other.ca, hosts: other.hosts }));
    const word = `kms@${mongo.host}:${mongo.tlsPort}/KMS_db`;
    await assertRefused(
      new RegExp(
        `would leave .* for .*, which has nothing in it: copy the data first.*left: \\[${word.replaceAll(".", "\\.")}\\]`,
      ),
    );
    // What the operator copies.
    const users = await mongo.withDb("KMS_db", (db) => db.collection("Users").find().toArray());
    await other.withDb("KMS_db", (db) => db.collection("Users").insertMany(users));
    change((all) => (all["left"] = [word]));
    const { output } = await the.up();
    assert.match(output, /note: the KMS leaves .* which has 3 accounts/);
    createAccount("after the move");
    assert.deepEqual(await accounts(other), withOwn("after_the_move", "first"));
    assert.match(
      (await the.npm("preview")).output,
      /left: .* allows nothing that is still to be done/,
    );
    change((all) => delete all["left"]);
    // Only the command that remembers the place is told.
    assert.match((await the.up()).output, /is up: 1 change /);
    assert.match((await the.up()).output, /^Nothing changed: /m);
  });

  it("is left for one of the stack's own, and the other way round", async () => {
    const uri = database()["uri"];
    change((all) => {
      delete all["uri"];
      delete all["ca"];
      delete all["hosts"];
    });
    const word = `kms@${other.host}:${other.tlsPort}/KMS_db`;
    await assertRefused(/would leave .* for the stack's own database, which has nothing in it/);
    change((all) => (all["left"] = [word]));
    const looked = await the.npm("preview");
    assert.equal(looked.code, 0, looked.output);
    assert.match(looked.output, /the KMS leaves .* for the stack's own database, which is empty/);
    await the.up();
    createAccount("in the own one");
    assert.deepEqual(await accounts(other), withOwn("after_the_move", "first"));
    assert.equal(
      dockerOutput("inspect", "--format", "{{.State.Running}}", container("kms-db")).trim(),
      "true",
    );

    change((all) => Object.assign(all, { uri, ca: other.ca, hosts: other.hosts, left: [] }));
    await assertRefused(/would leave the stack's own database for .*, which has 4 accounts/);
    change((all) => (all["left"] = ["kms@own"]));
    await the.up();
    change((all) => delete all["left"]);
    // Only the command that remembers the place is told.
    assert.match((await the.up()).output, /is up: 1 change /);
    assert.match((await the.up()).output, /^Nothing changed: /m);
    // Its data stays, for the operator to remove.
    assert.ok(the.project.leftovers().includes(`volume ${container("kms-db-data")}`));
    change((all) => {
      delete all["uri"];
      delete all["ca"];
      delete all["hosts"];
      all["left"] = [word];
    });
    await assertRefused(/the volume cybexp-.*-kms-db-data is still there from when the stack ran/);
    change((all) => {
      Object.assign(all, { uri, ca: other.ca, hosts: other.hosts });
      delete all["left"];
    });
  });

  it("is not touched by `down`", async () => {
    const { code, output } = await the.npm("down", "--yes");
    assert.equal(code, 0, output);
    assert.deepEqual(await accounts(other), withOwn("after_the_move", "first"));
    await the.up();
    assert.deepEqual(await accounts(other), withOwn("after_the_move", "first"));
  });
});
