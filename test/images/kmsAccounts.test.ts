/** The programs that make and judge the KMS's accounts, with the demo KMS in place of the real one. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { after, before, describe, it } from "node:test";
import { KmsInside } from "../../programs/kms/kms.ts";
import { Docker } from "../../programs/docker/docker.ts";
import { projectRoot } from "../../machine/paths.ts";
import { mintToken } from "../../render/token.ts";
import { type Box, JWT_KEY, Sandbox } from "./sandbox.ts";

let sandbox: Sandbox;
let database: Box;
before(async () => {
  sandbox = await Sandbox.open();
  database = await sandbox.database();
});
after(() => sandbox.close());

const PASSWORD = "administrators0Password0of190bits";
const holder = (name: string, key = JWT_KEY) => ({
  name,
  password: `${name}0${PASSWORD}`,
  token: mintToken({ key, subject: name, issuedAt: 0, tokenId: `${name}-1` }),
});
const user = (name: string, ...attributes: string[]) => ({ ...holder(name), attributes });

interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program as Pulumi would. */
async function run(program: string, input: object, last = ""): Promise<Ran> {
  const child = spawn(process.execPath, [`programs/kms/${program}.ts`], {
    cwd: projectRoot,
    env: { ...process.env, ...sandbox.env, PULUMI_COMMAND_STDOUT: last },
  });
  child.stdin.end(JSON.stringify(input));
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "exit") as Promise<[number | null]>,
  ]);
  return { code, stdout, stderr };
}

const memoryIn = ({ stdout }: Ran) =>
  JSON.parse(stdout) as {
    administrator: { name: string; made: string; ours: boolean };
    users: Record<string, { made: string; ours: boolean }>;
  };

const keyOf = (name: string) => `/secrets/cpabe-sk-CPabe_BSW07-${name}.binary`;

describe("the program that makes accounts", () => {
  let box: Box;
  before(async () => void (box = await sandbox.service("kms", database.name)));

  const accounts = (administrator: object, users: readonly object[], last?: Ran) =>
    run("accounts", { container: box.name, administrator, users, givenUp: false }, last?.stdout);
  const boss = holder("boss");
  let first: Ran;

  it("makes the administrator and the users, and says nothing", async () => {
    first = await accounts(boss, [user("ann", "UNR", "RESEARCH"), user("rob", "UNR")]);
    assert.deepEqual({ ...first, stdout: "" }, { code: 0, stdout: "", stderr: "" });
    const { administrator, users } = memoryIn(first);
    assert.equal(administrator.name, "boss");
    assert.deepEqual(
      [administrator, ...Object.values(users)].map(({ ours }) => ours),
      [true, true, true],
    );
    assert.deepEqual(Object.keys(users), ["ann", "rob"]);
  });

  it("has made what the KMS's own interface shows", async () => {
    const kms = new KmsInside(new Docker(sandbox.engine.host), box.name);
    const found = (await kms.look(["boss", "ann", "rob", "nobody"])) ?? assert.fail();
    const shown = Object.fromEntries(
      [...found].map(([name, { account, recorded, key }]) => [
        name,
        [account?.admin, recorded, key?.attributes],
      ]),
    );
    assert.deepEqual(shown, {
      boss: [true, null, undefined],
      ann: [false, ["UNR", "RESEARCH"], ["UNR", "RESEARCH"]],
      rob: [false, ["UNR"], ["UNR"]],
      nobody: [undefined, null, undefined],
    });
    const login = (name: string) =>
      kms.call([
        {
          method: "POST",
          path: "/login",
          body: { username: name, password: holder(name).password },
        },
      ]);
    assert.deepEqual(
      [...(await login("boss")), ...(await login("ann"))].map(({ status }) => status),
      [200, 200],
    );
  });

  it("changes nothing when it runs again, and forgets nothing", async () => {
    const again = await accounts(boss, [user("ann", "RESEARCH", "UNR"), user("rob", "UNR")], first);
    assert.deepEqual(again, first);
    // Without a memory, it finds out by logging in.
    assert.deepEqual(
      await accounts(boss, [user("ann", "UNR", "RESEARCH"), user("rob", "UNR")]),
      first,
    );
  });

  it("says what stays in the KMS", async () => {
    const { code, stderr } = await accounts(boss, [user("ann", "UNR", "RESEARCH")], first);
    assert.equal(code, 0);
    assert.equal(
      stderr,
      "note: the KMS's account rob stays, because the KMS can't delete one: its token stays good until cybexp:rotation.kmsJwtKey is raised, " +
        "and the proxy lets nobody in who isn't in cybexp:users or cybexp:clients\n",
    );
  });

  it("adopts accounts of before, whose passwords are not its own", async () => {
    const make = ["/kms-server/add_account.py", "chief", "by hand", "admin"];
    assert.match((await box.exec("python3", ...make)).output, /access_token/);
    const other = { ...user("ann", "UNR", "RESEARCH"), password: "another0Password" };
    const adopted = await accounts(holder("chief"), [other]);
    assert.equal(adopted.code, 0, adopted.stderr);
    const said = (name: string) =>
      `note: the KMS's account ${name} was there before: its token is the stack's, and its password is not\n`;
    assert.equal(adopted.stderr, said("chief") + said("ann"));
    const { administrator, users } = memoryIn(adopted);
    assert.deepEqual([administrator.ours, users["ann"]?.ours], [false, false]);
    // Once.
    assert.equal((await accounts(holder("chief"), [other], adopted)).stderr, "");
  });

  it("refuses what the KMS can't do, and changes nothing", async () => {
    const { code, stderr, stdout } = await accounts(holder("rob"), [
      user("ann", "UNR"),
      user("new", "UNR"),
      user("boss", "UNR"),
    ]);
    assert.deepEqual([code, stdout], [1, ""]);
    const [rob, ann, admin, ...more] = stderr.trim().split("\n");
    assert.match(rob ?? "", /^the KMS has an account rob that is no administrator/);
    assert.match(
      ann ?? "",
      /^the KMS's account ann has the attributes UNR, RESEARCH, and the config has UNR: the KMS can't change/,
    );
    assert.match(
      admin ?? "",
      /^boss is an administrator of the KMS, and administrators have no key/,
    );
    assert.deepEqual(more, []);
    assert.notEqual((await box.exec("ls", keyOf("new"))).code, 0);
  });

  it("names a token that the KMS refuses", async () => {
    const { code, stderr } = await accounts(holder("boss", "ab".repeat(32)), []);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^the KMS refuses the token of boss \(Signature verification failed\): it does not run with the FLASK_JWT_SECRET_KEY/,
    );
  });

  it("finishes an account whose key was made before a run ended, and a lost one with the same key", async () => {
    await box.exec("cp", keyOf("rob"), keyOf("eve"));
    assert.equal((await accounts(boss, [user("eve", "UNR")])).code, 0);
  });

  it("gives no account a key with other attributes, where the KMS would", async () => {
    await box.exec("cp", keyOf("rob"), keyOf("mal"));
    const { code, stderr } = await accounts(boss, [user("mal", "RESEARCH")]);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^the KMS has no account mal, but a key for it \(\S+\) with the attributes UNR, and the config has RESEARCH: a new account would silently get the old key/,
    );
  });

  it("names a lost key, and one that is broken by /user/rekey", async () => {
    await box.exec("rm", keyOf("rob"));
    const lost = await accounts(boss, [user("rob", "UNR")]);
    assert.equal(lost.code, 1);
    assert.match(
      lost.stderr,
      /^the KMS's account rob has no key any more: \S+ is gone, so rob can't read records/,
    );
    const kms = new KmsInside(new Docker(sandbox.engine.host), box.name);
    const rekey = {
      method: "POST",
      path: "/user/rekey",
      token: boss.token,
      body: { username: "rob" },
    } as const;
    assert.deepEqual(await kms.call([rekey]), [{ status: 201, size: 7, text: "" }]);
    const broken = await accounts(boss, [user("rob", "UNR")]);
    assert.match(
      broken.stderr,
      /^the key of the KMS's account rob has the attribute "attributes" alone: \/user\/rekey made it/,
    );
  });
});

describe("the program that makes accounts, once the KMS's keys are given up", () => {
  it("makes users anew whose key is gone, or opens nothing any more", async () => {
    const box = await sandbox.service("kms", database.name);
    const users = [user("gone", "UNR"), user("old", "UNR"), user("good", "UNR")];
    const input = { container: box.name, administrator: holder("queen"), users };
    const made = await run("accounts", { ...input, givenUp: false });
    assert.equal(made.code, 0, made.stderr);
    await box.exec("rm", keyOf("gone"));
    await box.exec("touch", "-d", "1 hour ago", keyOf("old"));
    const refused = await run("accounts", { ...input, givenUp: false }, made.stdout);
    assert.match(refused.stderr, /^the KMS's account gone has no key any more/);
    const again = await run("accounts", { ...input, givenUp: true }, made.stdout);
    assert.equal(again.code, 0, again.stderr);
    const [before, after] = [memoryIn(made), memoryIn(again)];
    assert.equal(after.users["good"]?.made, before.users["good"]?.made);
    assert.notEqual(after.users["gone"]?.made, before.users["gone"]?.made);
    assert.notEqual(after.users["old"]?.made, before.users["old"]?.made);
    assert.ok(Object.values(after.users).every(({ ours }) => ours));
    // Once.
    assert.deepEqual(await run("accounts", { ...input, givenUp: true }, again.stdout), again);
  });
});

describe("the program that makes accounts, without what it needs", () => {
  it("says that the database is down", async () => {
    const box = await sandbox.service("kms", "nowhere");
    const input = { container: box.name, administrator: holder("boss"), users: [], givenUp: false };
    const { code, stderr } = await run("accounts", input);
    assert.equal(code, 1);
    assert.equal(
      stderr,
      "the KMS can't reach its database, so its accounts are unknown: see the log of both\n",
    );
  });

  it("says that a container is no KMS, and shows nothing of its input", async () => {
    const input = {
      container: database.name,
      administrator: holder("boss"),
      users: [],
      givenUp: false,
    };
    const { code, stderr } = await run("accounts", input);
    assert.equal(code, 1);
    assert.equal(
      stderr,
      `the KMS can't be asked in its container ${database.name}: its image has no python3\n`,
    );
  });
});
