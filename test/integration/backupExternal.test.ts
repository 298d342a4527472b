/** Backups of a stack whose KMS has a database of the operator's own, which this machine has no way to by its name. */
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { Deployed } from "./deployed/deployed.ts";
import * as kept from "./deployed/kept.ts";
import { ExternalMongo } from "./externalMongo.ts";
import { docker, Project } from "./project.ts";
import { needlesOf, search } from "./secrets.ts";

const RECORDS = 20;

describe("a backup of a stack with a database of the operator's own", () => {
  let the: Deployed;
  let mongo: ExternalMongo;
  let other: ExternalMongo;
  let file: string;
  let identity: string;
  let keys: Record<string, string>;
  let token: string;

  const change = (edit: (database: Record<string, unknown>) => void) =>
    the.project.configure((config) => edit(config["cybexp:database"] as Record<string, unknown>));
  async function use(database: ExternalMongo): Promise<void> {
    const path = "cybexp:database.uri.kms";
    const words = ["config", "set", "--secret", "--path", path, "--stack", the.project.stack];
    const { code, output } = await the.project.feed(database.uri(), "pulumi", ...words);
    assert.equal(code, 0, output);
    change((all) => Object.assign(all, { ca: database.ca, hosts: database.hosts }));
  }
  const accounts = (where: ExternalMongo) =>
    where.withDb("KMS_db", async (db) =>
      (await db.collection("Users").find().toArray())
        .map(({ username }) => String(username))
        .sort(),
    );
  const collections = (where: ExternalMongo) =>
    where.withDb("KMS_db", async (db) =>
      (await db.listCollections().toArray()).map(({ name }) => name).sort(),
    );

  /** All but the databases of the operator's own. */
  async function destroy(): Promise<void> {
    const { code, output } = await the.npm("down", "--yes");
    assert.equal(code, 0, output);
    for (const [kind = "", name = ""] of the.project.leftovers().map((it) => it.split(" "))) {
      docker(kind, "rm", name);
    }
    assert.deepEqual(the.project.leftovers(), []);
    rmSync(join(the.project.dir, ".cybexp"), { recursive: true });
  }

  async function checkAll(output: string): Promise<void> {
    assert.match(output, new RegExp(`^ {2}backend/enc_data: ${RECORDS} records$`, "m"));
    assert.match(output, /^ {2}kms\/Users: 5 records$/m);
    await the.load();
    assert.equal(await kept.count(the), RECORDS);
    assert.deepEqual(await kept.keys(the), keys);
    assert.equal(await kept.login(the, "user1"), 200);
  }

  before(async () => {
    the = new Deployed(await Project.create());
    [mongo, other] = [
      await ExternalMongo.start("one"),
      await ExternalMongo.start("two", { mebibytes: 64 }),
    ];
    assert.equal((await the.npm("pulumi", "stack", "init", the.project.stack)).code, 0);
    const secret = await generateX25519Identity();
    const recipients = [await identityToRecipient(secret)];
    the.project.configure((config) => {
      config["cybexp:throwaway"] = false;
      config["cybexp:backup"] = { recipients };
    });
    const aside = join(the.project.dir, "aside");
    mkdirSync(aside);
    [file, identity] = [join(aside, "backup.age"), join(aside, "identity")];
    writeFileSync(identity, `${secret}\n`);
    await use(mongo);
    await the.up();
    token = kept.makeAdministrator(the);
    await kept.makeAccount(the, token, "user0");
    await kept.makeAccount(the, token, "user1");
    for (let number = 0; number < RECORDS; number++) {
      await kept.add(the, kept.record(`user${number % 2}`));
    }
    keys = await kept.keys(the);
  });
  after(async () => {
    await the.project.remove();
    mongo.remove();
    other.remove();
  });

  it("has its accounts, and shows no password", async () => {
    the.watch.start();
    const { code, output } = await the.npm("backup");
    await the.watch.stop();
    assert.equal(code, 0, output);
    assert.match(output, new RegExp(`^ {2}backend/enc_data: ${RECORDS} records$`, "m"));
    assert.match(output, /^ {2}kms\/Users: 5 records$/m);
    const folder = join(the.project.dir, ".cybexp", "backups");
    copyFileSync(join(folder, readdirSync(folder)[0] ?? ""), file);
    const secrets = new Map([...the.secrets, ["the database's password", mongo.password]]);
    const places = [
      ["the processes", the.watch.text],
      ["the output", output],
    ] as const;
    assert.deepEqual(search(places, needlesOf(secrets)), []);
  });

  it("replaces what is there only when it is told to", async () => {
    await kept.makeAccount(the, token, "user2");
    const names = await collections(mongo);
    const before = [await accounts(mongo), await kept.keys(the)];
    const refused = await the.npm("restore", file, "--identity", identity);
    assert.equal(refused.code, 1);
    assert.match(
      refused.output,
      / has data \(kms\/Users: 6, kms\/attributes: 4, backend\/enc_data: 20\), /,
    );
    assert.deepEqual([await accounts(mongo), await kept.keys(the)], before);

    const { code, output } = await the.npm("restore", file, "--identity", identity, "--replace");
    assert.equal(code, 0, output);
    await checkAll(output);
    assert.ok(!(await accounts(mongo)).includes("user2"));
    assert.deepEqual(await collections(mongo), names);
    assert.equal((await the.up()).code, 0);
    assert.match((await the.up()).output, /^Nothing changed: /m);
  });

  it("brings the deployment back, into another database", async () => {
    const [credential, issued] = [the.user("collector"), the.token("collector")];
    await use(other);
    await destroy();
    other.fill();
    const full = await the.npm("restore", file, "--identity", identity);
    assert.equal(full.code, 1);
    assert.match(
      full.output,
      /^error: the KMS's database two\.mongo\.test\.example:\d+ is on a disk that is full, and a restore needs room for the old and the new data at the same time: /m,
    );
    other.unfill();
    const { code, output } = await the.npm("restore", file, "--identity", identity);
    assert.equal(code, 0, output);
    await checkAll(output);
    assert.deepEqual(await accounts(other), await accounts(mongo));
    assert.deepEqual(the.user("collector"), credential);
    assert.equal(the.token("collector"), issued);
    assert.match((await the.up()).output, /^Nothing changed: /m);
  });

  it("goes into an empty stack whose database has data only when it is told to", async () => {
    await destroy();
    const args = [file, "--identity", identity];
    const refused = await the.npm("restore", ...args);
    assert.equal(refused.code, 1);
    assert.match(
      refused.output,
      / has data \(kms\/Users: 5, kms\/attributes: 3\), and would lose it: /,
    );
    const { code, output } = await the.npm("restore", ...args, "--replace");
    assert.equal(code, 0, output);
    await checkAll(output);
    assert.match((await the.up()).output, /^Nothing changed: /m);
  });
});
