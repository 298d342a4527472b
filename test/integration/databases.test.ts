/**
 * The databases of a stack, whose data goes its own ways: other users than the stack's own, copies from
 * before a rotation, and what our commands leave behind in the containers.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, describe, it } from "node:test";
import type { MongoClient } from "mongodb";
import { withMongo } from "../../programs/database/mongo.ts";
import { Deployed } from "./deployed/deployed.ts";
import { docker, Project } from "./project.ts";
import { assertNoMore, containerProcesses } from "./containerProcesses.ts";
import { snapshot } from "./snapshot.ts";

let the: Deployed;

/** Demo images are everybody's on this engine. */
const there = (): Record<string, unknown> => ({ ...snapshot(the.project), images: undefined });
const container = () => `cybexp-${the.project.stack}-kms-db`;
const volume = () => `${container()}-data`;

/** The volume's content, with nobody writing to it; and the container runs again. */
function copyOf(): Buffer {
  docker("stop", container());
  try {
    return execFileSync("docker", ["cp", `${container()}:/data/db/.`, "-"], { maxBuffer: 1 << 28 });
  } finally {
    docker("start", container());
  }
}

/** What an operator does with a copy, up to where the database would start again. */
function putBack(copy: Buffer): void {
  docker("stop", container());
  const image = docker("inspect", "--format", "{{.Image}}", `cybexp-${the.project.stack}-proxy`);
  const work = "find /v -mindepth 1 -delete; exec tar -xpf - --numeric-owner -C /v";
  const args = ["--rm", "--interactive", "--network=none", "--user=0:0", `--volume=${volume()}:/v`];
  execFileSync("docker", ["run", ...args, "--entrypoint=sh", image, "-c", work], {
    input: copy,
    stdio: ["pipe", "ignore", "pipe"],
  });
}

function as<T>(user: string, password: string, work: (client: MongoClient) => Promise<T>) {
  return withMongo({ dockerHost: undefined, container: container(), user, password }, work);
}

function asAdmin<T>(generation: number, work: (client: MongoClient) => Promise<T>): Promise<T> {
  const name = `kms-db-admin-password-${generation}.result`;
  const [, password] = [...the.secrets].findLast(([key]) => key.startsWith(name)) ?? [];
  assert.ok(password, name);
  return as("admin", password, work);
}

const usersAt = (generation: number) =>
  asAdmin(generation, async (client) => {
    const { users } = (await client.db("admin").command({ usersInfo: 1 })) as {
      users: { user: string }[];
    };
    return users.map(({ user }) => user).sort();
  });

async function rotateTo(kmsDatabase: number): Promise<void> {
  the.project.configure((config) => (config["cybexp:rotation"] = { kmsDatabase }));
  await the.up();
}

const BACKUP = "a backup's password of its own";
const forgotten = () =>
  `the database ${container()} does not know the password that its service uses: its data seems to be from before a rotation`;

async function assertMended(generation: number): Promise<void> {
  const { output } = await the.up();
  assert.match(output, /^- Running kms-db-users again: .*\n(?:.*\n)* {2}. command kms-db-users/m);
  assert.deepEqual(await usersAt(generation), [`KMS_db-${generation}`, "admin", "backup"]);
  // The KMS finds its accounts: the token is one of them.
  await the.kmsKey();
  assert.match((await the.up()).output, /^Nothing changed: /m);
}

/** The demo's database, which calls itself a release of MongoDB where it is asked. */
const image = (release: string) => `cybexp-test/${the.project.stack}-mongo:${release}`;

function build(release: string, does = `echo "db version v${release}"`): void {
  const says = `#!/bin/sh\\n${does}\\n`;
  const text = [
    "FROM cybexp-demo/mongo:1",
    "USER 0:0",
    `RUN printf '${says}' > /usr/bin/mongod && chmod 0755 /usr/bin/mongod`,
    "USER 999:999",
  ].join("\n");
  execFileSync("docker", ["build", "--quiet", `--tag=${image(release)}`, "-"], {
    input: text,
    stdio: ["pipe", "ignore", "pipe"],
    env: { ...process.env, DOCKER_BUILDKIT: "0" },
  });
}

const idsNow = () =>
  Object.values(the.containers())
    .map(({ Id }) => Id)
    .sort();

const setImage = (name: string) =>
  the.project.configure((config) => (config["cybexp:database"] = { image: name }));

describe("a stack's databases", () => {
  const copies = new Map<number, Buffer>();
  let processes: Record<string, string[]>;

  before(async () => {
    the = new Deployed(await Project.create());
    ["6.0.4", "7.0.1", "8.0.4"].forEach((release) => build(release));
    build("7.0.2", "kill -ILL $$");
    setImage(image("6.0.4"));
    await the.up();
    processes = await containerProcesses(the.project);
    await asAdmin(1, (client) =>
      client.db("admin").command({ createUser: "backup", pwd: BACKUP, roles: [] }),
    );
    copies.set(1, copyOf());
  });
  after(async () => {
    await the.project.remove();
    docker("image", "rm", "--force", ...["6.0.4", "7.0.1", "7.0.2", "8.0.4"].map(image));
  });

  it("keep users that are not the stack's when passwords are rotated", async () => {
    await rotateTo(2);
    assert.deepEqual(await usersAt(2), ["KMS_db-2", "admin", "backup"]);
    await as("backup", BACKUP, (client) => client.db("admin").command({ ping: 1 }));
    copies.set(2, copyOf());
  });

  it("are checked and reported when a copy from before a rotation is restored", async () => {
    putBack(copies.get(1) ?? assert.fail());
    docker("start", container());
    const up = `\`STACK=${the.project.stack} npm run up\``;
    const before = there();
    const told = {
      drift: [2, `- command kms-db-users: ${forgotten()}; ${up} repairs that`],
      doctor: [1, `kms-db-users: ${forgotten()}; ${up} repairs that`],
      preview: [0, `- Running kms-db-users again: ${forgotten()}`],
    } as const;
    for (const [command, [code, sentence]] of Object.entries(told)) {
      const result = await the.npm(command);
      assert.equal(result.code, code, result.output);
      assert.ok(result.output.includes(sentence), result.output);
      // The passwords change, and the containers stay.
      assert.doesNotMatch(result.output, /INTERRUPTION|is replaced/);
    }
    assert.deepEqual(there(), before);
  });

  it("are healed by `up`, without another container", async () => {
    const ids = idsNow();
    await assertMended(2);
    assert.deepEqual(idsNow(), ids);
  });

  it("are healed as well when `up` finds them stopped", async () => {
    putBack(copies.get(1) ?? assert.fail());
    await assertMended(2);
  });

  it("are not rotated before they are repaired: the one password that they know would be lost", async () => {
    putBack(copies.get(1) ?? assert.fail());
    docker("start", container());
    const before = there();
    the.project.configure((config) => (config["cybexp:rotation"] = { kmsDatabase: 3 }));
    for (const command of ["preview", "up"]) {
      const { code, output } = await the.npm(command);
      assert.equal(code, 1, output);
      assert.match(output, /cybexp:rotation is no longer 2\. Set it back to 2 and run/);
    }
    assert.deepEqual(there(), before);
    the.project.configure((config) => (config["cybexp:rotation"] = { kmsDatabase: 2 }));
    await assertMended(2);
  });

  it("have no extra process in them after all of it", async () => {
    for (let time = 0; time < 3; time++) {
      await the.npm("doctor");
    }
    await assertNoMore(the.project, processes);
  });

  it("let nobody in with a copy that is too old for the state, which is said before anything is done", async () => {
    await rotateTo(3);
    putBack(copies.get(1) ?? assert.fail());
    docker("start", container());
    const before = there();
    for (const [command, code] of [
      ["up", 1],
      ["preview", 1],
      ["drift", 2],
      ["doctor", 1],
    ] as const) {
      const result = await the.npm(command);
      assert.equal(result.code, code, result.output);
      const sentence = `${container()} accepts none of the passwords in this stack's state: `;
      assert.ok(result.output.includes(sentence), result.output);
    }
    assert.deepEqual(there(), before);

    // One that is a number behind will do.
    putBack(copies.get(2) ?? assert.fail());
    docker("start", container());
    await assertMended(3);
  });

  /** What could replace the databases does nothing, and says the sentence. */
  async function assertRefused(release: string, sentence: RegExp): Promise<void> {
    const { state, ...before } = there();
    for (const command of [["preview"], ["up"], ["pulumi", "up", "--yes", "--skip-preview"]]) {
      const [name = "", ...args] = command;
      const { code, output } = await the.npm(name, ...args);
      assert.notEqual(code, 0, output);
      assert.match(output, sentence, name);
      assert.ok(output.includes(`the image ${release}`), output);
      assert.doesNotMatch(output, /^\s+at .*:\d+|serializing/m);
      assert.deepEqual({ ...there(), state }, { ...before, state }, name);
    }
  }

  it("are not given an image two releases ahead, and nothing is removed", async () => {
    setImage(image("8.0.4"));
    const sentence = new RegExp(
      `is MongoDB 8\\.0\\.4, and the data of ${container()} is MongoDB's \\(6\\.0\\.4\\): .* Go one by one: MongoDB 7\\.0, then MongoDB 8\\.0;`,
    );
    await assertRefused(image("8.0.4"), sentence);
  });

  it("go forward by one release, and never back", async () => {
    setImage(image("7.0.1"));
    await the.up();
    await the.kmsKey();
    setImage(image("6.0.4"));
    await assertRefused(image("6.0.4"), /MongoDB does not go back to an earlier release/);
  });

  it("are not given an image that this engine's processor can't run", async () => {
    setImage(image("7.0.2"));
    await assertRefused(
      image("7.0.2"),
      /does not run on this engine: its mongod ended with exit code 132: the processor lacks an instruction/,
    );
  });

  it("are not given another product's image", async () => {
    setImage("cybexp-demo/mongo:1");
    await assertRefused(
      "cybexp-demo/mongo:1",
      /is FerretDB 1\.24\.0, .* neither reads the other's files/,
    );
    const ids = idsNow();
    setImage(image("7.0.1"));
    await the.up();
    assert.deepEqual(idsNow(), ids);
    assert.match((await the.up()).output, /^Nothing changed: /m);
  });
});
