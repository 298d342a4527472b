/**
 * Backups of a stack that serves, and what comes of them: in a stack that was made anew, in one that has other
 * data, and when the file, the key or the stack is not the right one.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import type { call } from "./client.ts";
import { Deployed, run } from "./deployed/deployed.ts";
import * as kept from "./deployed/kept.ts";
import { processesIn } from "./processes.ts";
import { docker, Project } from "./project.ts";
import { needlesOf, search } from "./secrets.ts";

const PASSPHRASE = "one of the backup's own, 20 letters or more";

let the: Deployed;
const folder = () => join(the.project.dir, ".cybexp", "backups");
const files = () => readdirSync(folder()).sort();

const kms = (path: string, options: Parameters<typeof call>[1] = {}) =>
  kept.kms(the, path, options);
const keys = () => kept.keys(the);
const add = (body: Buffer) => kept.add(the, body);
const count = () => kept.count(the);
const ownerOf = (digest: string) => kept.ownerOf(the, digest);

/** A file in a folder of its own, so that the folder of backups stays as it is. */
function copyOf(file: string, name: string): string {
  const aside = join(the.project.dir, "aside");
  mkdirSync(aside, { recursive: true });
  copyFileSync(file, join(aside, name));
  return join(aside, name);
}

/** What this clone remembers of a restore while new data takes the place of the old. */
const journal = () => join(the.project.dir, ".cybexp", "restores", `${the.project.stack}.json`);

const isRunning = (role: string): boolean =>
  docker("inspect", "--format", "{{.State.Running}}", the.network(role)) === "true";

const keyFile = (user: string) => `cpabe-sk-CPabe_BSW07-${user}.binary`;

/** Makes accounts, and a record for each as soon as it has its key, until it is told to end. */
class Work {
  /** The digests of the records that were acknowledged, in their order. */
  readonly done: string[] = [];
  #isOver = false;
  readonly #ended: Promise<void>;

  constructor(token: string) {
    this.#ended = this.#run(token);
  }

  async #run(token: string): Promise<void> {
    for (let number = 0; !this.#isOver; number++) {
      const username = `user${number}`;
      await kept.makeAccount(the, token, username);
      this.done.push(await add(kept.record(username)));
    }
  }

  end(): Promise<void> {
    this.#isOver = true;
    return this.#ended;
  }
}

/** Long enough for a machine with a lot to do. */
const UNTIL_MS = 120_000;

/** Waits for something that happens in another process. */
async function until(what: string, isSo: () => boolean): Promise<void> {
  for (const end = Date.now() + UNTIL_MS; Date.now() < end;) {
    if (isSo()) {
      return;
    }
    await sleep(20);
  }
  assert.fail(`${what}: not in ${UNTIL_MS} ms`);
}

const kill = (child: Child) => signal(child, "SIGKILL");
type Child = ReturnType<Project["start"]>;

/** To npm and all that it has started, as a terminal does. */
function signal({ pid = assert.fail("npm did not start") }: Child, name: NodeJS.Signals): void {
  process.kill(-pid, name);
}

/** A run that gets Ctrl-C at a moment. @returns what it said, and what it has left in its folder for such files */
async function interrupted(
  args: readonly [command: string, ...args: string[]],
  moment: readonly [what: string, isSo: () => boolean],
) {
  const folder = join(the.project.dir, "tmp");
  mkdirSync(folder);
  the.project.env = { TMPDIR: folder };
  try {
    const child = the.project.start(...args);
    const end = the.project.end(child);
    await until(...moment);
    signal(child, "SIGINT");
    const { code, output } = await end;
    assert.notEqual(code, 0, output);
    await until("the end of all that it started", () => processesIn(the.project.dir).length === 0);
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith("cybexp-")),
      [],
    );
    return output;
  } finally {
    the.project.env = {};
    rmSync(folder, { recursive: true });
  }
}

/** The containers of tasks that this stack's commands have not ended. */
function tasks(): string[] {
  const label = '{{index .Config.Labels "cybexp.deployment"}}';
  const deployment = docker("inspect", "--format", label, the.network("kms"));
  const labels = ["cybexp.role=task", `cybexp.deployment=${deployment}`];
  const filters = labels.map((each) => `--filter=label=${each}`);
  return docker("ps", "--all", "--format", "{{.Names}}", ...filters)
    .split("\n")
    .filter(Boolean);
}

describe("a backup", () => {
  let token: string;
  let file: string;
  let savedKeys: Record<string, string>;
  let atLeast: readonly string[];
  let atMost: readonly string[];

  before(async () => {
    the = new Deployed(await Project.create());
    await the.up();
    token = kept.makeAdministrator(the);
  });
  after(() => the.project.remove());

  /** What a restore of the first backup must have brought. */
  async function checkRecords(output: string): Promise<void> {
    const [, records = ""] = /^ {2}backend\/enc_data: (\d+) records$/m.exec(output) ?? [];
    assert.equal(await count(), Number(records));
    assert.ok(Number(records) >= atLeast.length && Number(records) <= atMost.length, records);

    // Byte for byte: the system's keys, and each account's that a record was made for.
    const restored = await keys();
    for (const [name, digest] of Object.entries(restored)) {
      assert.equal(digest, savedKeys[name], name);
    }
    let found = 0;
    for (const [index, digest] of atMost.entries()) {
      const owner = await ownerOf(digest);
      assert.ok(owner !== undefined || index >= atLeast.length, `record ${index} is lost`);
      if (owner !== undefined) {
        found++;
        assert.ok(keyFile(owner) in restored, `the key of ${owner} is missing`);
      }
    }
    assert.equal(found, Number(records));
  }

  /** The backup's passphrase, for a clone that does not have it. */
  function secret(): readonly string[] {
    mkdirSync(join(the.project.dir, "aside"), { recursive: true });
    const path = join(the.project.dir, "aside", "right");
    writeFileSync(path, `${PASSPHRASE}\n`);
    return ["--passphrase-file", path];
  }

  it("is not made when nobody could read it", async () => {
    const { code, output } = await the.npm("backup");
    assert.equal(code, 1);
    assert.match(
      output,
      new RegExp(`^error: nobody could read a backup of ${the.project.stack}: set `),
    );
    assert.equal(existsSync(folder()), false);
    const set = ["config", "set", "--secret", "--path", "backup.passphrase"];
    const done = await the.project.feed(PASSPHRASE, "pulumi", ...set, "--stack", the.project.stack);
    assert.equal(done.code, 0, done.output);
  });

  it("has every record that was acknowledged before it, while more come, and shows no secret", async () => {
    const work = new Work(token);
    await until("150 records", () => work.done.length >= 150);
    atLeast = [...work.done];
    the.watch.start();
    const { code, output } = await the.npm("backup");
    await the.watch.stop();
    assert.equal(code, 0, output);
    await work.end();
    atMost = [...work.done];
    assert.ok(atMost.length > atLeast.length + 20, `${atLeast.length} to ${atMost.length}`);

    const [name = "", ...more] = files();
    assert.deepEqual(more, []);
    assert.match(name, new RegExp(`^${the.project.stack}-\\d{8}T\\d{6}Z\\.tar\\.age$`));
    file = copyOf(join(folder(), name), "backup.age");
    assert.equal(statSync(join(folder(), name)).mode & 0o777, 0o600);
    assert.equal(statSync(folder()).mode & 0o777, 0o700);
    savedKeys = await keys();

    const secrets = new Map([...the.secrets, ["the passphrase", PASSPHRASE]]);
    const places = [
      ["the processes", the.watch.text],
      ["the output", output],
      ["the backup", readFileSync(file, "latin1")],
    ] as const;
    assert.deepEqual(search(places, needlesOf(secrets)), []);
  });

  it("is made by one run at a time, and one that is killed leaves no backup", async () => {
    const there = files();
    const first = the.project.start("backup");
    await until("a backup in the making", () => files().some((name) => name.endsWith(".part")));
    const second = await the.npm("backup");
    assert.equal(second.code, 1);
    assert.match(second.output, /is being changed by another run \(`npm run backup`, process \d+/);
    kill(first);
    assert.deepEqual(
      files().filter((name) => !name.endsWith(".part")),
      there,
    );

    the.project.configure(
      (config) =>
        (config["cybexp:backup"] = { ...(config["cybexp:backup"] as object), keep: { last: 1 } }),
    );
    const { code, output } = await the.npm("backup");
    assert.equal(code, 0, output);
    assert.match(output, /\n1 older backup was removed, as cybexp:backup\.keep says\.\n$/);
    assert.equal(files().length, 1);
    assert.notDeepEqual(files(), there);
  });

  it("leaves nothing at Ctrl-C, and the stack goes on", async () => {
    const there = files();
    const before = [run(the.containers().kms), run(the.containers().backend), await count()];
    const output = await interrupted(
      ["backup"],
      ["a backup in the making", () => files().some((name) => name.endsWith(".part"))],
    );
    assert.match(output, /^interrupted$/m);
    assert.deepEqual(files(), there);
    const now = [run(the.containers().kms), run(the.containers().backend), await count()];
    assert.deepEqual(now, before);
    assert.equal((await the.npm("backup")).code, 0);
  });

  it("says which disk is full, and leaves no half file there", async () => {
    const small = join(the.project.dir, "small");
    mkdirSync(small);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", small]);
    const config = the.project.readConfig();
    try {
      the.project.configure((all) =>
        Object.assign(all["cybexp:backup"] as object, { folder: small }),
      );
      const { code, output } = await the.npm("backup");
      assert.equal(code, 1);
      const sentence =
        /^error: the disk of (\S+) is full after (0\.\d|1\.0) MiB of the backup, so it was removed again: make room, or set cybexp:backup\.folder to a folder of a larger disk$/m;
      assert.equal(sentence.exec(output)?.[1], small, output);
      assert.deepEqual(readdirSync(small), []);
    } finally {
      execFileSync("umount", [small]);
      the.project.writeConfig(config);
    }
    assert.equal((await the.npm("backup")).code, 0);
  });

  it("does not go into a stack when it is damaged, cut off, or opened with another key", async () => {
    const damaged = copyOf(file, "damaged.age");
    const bytes = readFileSync(damaged);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    writeFileSync(damaged, bytes);
    const short = copyOf(file, "short.age");
    truncateSync(short, bytes.length - 100_000);
    const other = join(the.project.dir, "aside", "passphrase");
    writeFileSync(other, "another passphrase, which is wrong\n");

    const before = [run(the.containers().kms), run(the.containers().backend), await count()];
    for (const [args, sentence] of [
      [[damaged], "damaged.age is damaged or cut off: use another backup"],
      [[short], "short.age is damaged or cut off: use another backup"],
      [[file, "--passphrase-file", other], "the passphrase does not open backup.age: "],
      [[the.project.configFile], `is not a backup, or its beginning is damaged`],
      [[`${file}x`], "there is no file "],
      [[file], `${the.project.stack} has data (kms/Users: `],
      [[file, "--from-stack", "other", "--replace"], ", and --from-stack says other"],
    ] as const) {
      const { code, output } = await the.npm("restore", ...args);
      assert.equal(code, 1, output);
      assert.ok(output.includes(sentence), output);
    }
    const now = [run(the.containers().kms), run(the.containers().backend), await count()];
    assert.deepEqual(now, before);
  });

  it("brings the deployment back after everything was destroyed", async () => {
    const { serverCa } = the.outputs;
    const [credential, old] = [the.user("collector"), the.token("collector")];
    const down = await the.npm("down");
    assert.equal(down.code, 0, down.output);
    assert.deepEqual(the.project.leftovers(), []);
    rmSync(join(the.project.dir, ".cybexp"), { recursive: true });

    const other = await the.project.withStack("dev").npm("restore", file, ...secret());
    assert.equal(other.code, 1);
    assert.match(other.output, /, and dev is not deployed: restore it as STACK=it-/);
    rmSync(join(the.project.dir, ".cybexp"), { recursive: true });

    // The passphrase of a backup is in the stack's file, which the clone can't decrypt yet.
    const locked = await the.npm("restore", file);
    assert.equal(locked.code, 1);
    assert.match(locked.output, /^error: a backup is encrypted: add --identity FILE /m);
    // As in a first `up`: the demo's database gets its first password in its environment.
    the.watch.files = ["cmdline"];
    the.watch.start();
    const { code, output } = await the.npm("restore", file, ...secret());
    await the.watch.stop();
    assert.equal(code, 0, output);
    await the.load();
    await checkRecords(output);
    assert.deepEqual(the.user("collector"), credential);
    assert.equal(the.token("collector"), old);
    assert.equal(the.outputs.serverCa, serverCa);
    const headers = { "X-Authorization": `Bearer ${old}` };
    const answer = await the.call("kms", "/get/key/de", { credential, headers });
    assert.equal(answer.status, 200, answer.text);
    // What signs a token is the deployment's, so its administrator's is good, too.
    const me = await kms("/user/me", { headers: { "X-Authorization": `Bearer ${token}` } });
    assert.equal(me.status, 200, me.text);

    const secrets = new Map([...the.secrets, ["the passphrase", PASSPHRASE]]);
    const places = [
      ["the processes", the.watch.text],
      ["the output", output],
    ] as const;
    assert.deepEqual(search(places, needlesOf(secrets)), []);
    assert.match((await the.up()).output, /^Nothing changed: /m);
    const again = await the.npm("restore", file);
    assert.equal(again.code, 1);
    assert.match(again.output, / has data \(kms\/Users: /);
  });

  it("goes into another deployment, which keeps its own passwords and tokens", async () => {
    const down = await the.npm("down");
    assert.equal(down.code, 0, down.output);
    const old = the.user("collector");
    await the.up();
    assert.notDeepEqual(await keys(), savedKeys);

    const refused = await the.npm("restore", file);
    assert.equal(refused.code, 1);
    assert.match(
      refused.output,
      new RegExp(`: if that is right, add --from-stack ${the.project.stack}\n`),
    );
    const { code, output } = await the.npm("restore", file, "--from-stack", the.project.stack);
    assert.equal(code, 0, output);
    await checkRecords(output);
    assert.equal((await the.call("kms", "/", { credential: old })).status, 401);
    assert.equal(await kept.login(the, "user0"), 200);
    await the.kmsKey();
    // It makes its own accounts again, and remembers the keys.
    const first = await the.up();
    assert.equal(first.code, 0, first.output);
    assert.match((await the.up()).output, /^Nothing changed: /m);
  });

  it("replaces other data only when it is told to, and leaves it when it is killed", async () => {
    const more = await add(kept.record("root"));
    const old = [await count(), await keys()];
    const args = [file, "--from-stack", the.project.stack, "--replace"];
    const killed = the.project.start("restore", ...args);
    await until("new data in the place of the old", () => existsSync(journal()));
    kill(killed);
    for (const command of ["up", "backup"]) {
      const { code, output } = await the.npm(command);
      assert.equal(code, 1, output);
      assert.match(
        output,
        /error: a restore of \S+ was interrupted, .* npm run restore -- --undo`/,
      );
    }
    const undone = await the.npm("restore", "--undo");
    assert.equal(undone.code, 0, undone.output);
    assert.deepEqual([await count(), await keys()], old);
    assert.equal(await ownerOf(more), "root");

    const { code, output } = await the.npm("restore", ...args);
    assert.equal(code, 0, output);
    assert.equal(await ownerOf(more), undefined);
    assert.equal(await count(), Number(old[0]) - 1);
    assert.equal((await the.up()).code, 0);
    assert.match((await the.up()).output, /^Nothing changed: /m);
  });

  for (const [when, moment] of [
    ["is loaded", () => !isRunning("kms")],
    ["takes the place of the old", () => existsSync(journal())],
  ] as const) {
    it(`puts the old data back at Ctrl-C, while the new ${when}`, async () => {
      await add(kept.record("root"));
      const old = [await count(), await keys()];
      const args = [file, "--from-stack", the.project.stack, "--replace"] as const;
      const output = await interrupted(["restore", ...args], [when, moment]);
      const { stack } = the.project;
      assert.match(
        output,
        new RegExp(`^interrupted: ${stack} has the data from before, and serves it$`, "m"),
      );
      assert.deepEqual([await count(), await keys()], old);
      assert.equal(existsSync(journal()), false);
      assert.deepEqual(tasks(), []);
      assert.match((await the.up()).output, /^Nothing changed: /m);
    });
  }

  it("is opened by the secret key of a recipient, which is not on this machine while it is made", async () => {
    const identity = await generateX25519Identity();
    const recipient = await identityToRecipient(identity);
    the.project.configure((config) => (config["cybexp:backup"] = { recipients: [recipient] }));
    const made = await the.npm("backup");
    assert.equal(made.code, 0, made.output);
    assert.match(made.output, / It reads as it was written\. Only its recipients can open it\. /);
    const own = copyOf(join(folder(), files().at(-1) ?? ""), "own.age");
    const old = [await count(), await keys()];
    await add(kept.record("root"));

    const refused = await the.npm("restore", own, "--replace");
    assert.equal(refused.code, 1);
    assert.match(refused.output, /^error: a backup is encrypted: add --identity FILE /);
    const secret = join(the.project.dir, "aside", "identity");
    writeFileSync(secret, `# made by age-keygen\n${identity}\n`);
    const { code, output } = await the.npm("restore", own, "--replace", "--identity", secret);
    assert.equal(code, 0, output);
    assert.deepEqual([await count(), await keys()], old);
  });
});
