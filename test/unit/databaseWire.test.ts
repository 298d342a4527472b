/**
 * Raising the features of MongoDB's data over the wire: the program as Pulumi starts it, the tunnel that it
 * runs in the container, the driver, and a server that behaves as a mongod of each release.
 */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, afterEach, describe, it } from "node:test";
import { execa } from "execa";
import { MongoServerError } from "mongodb";
import { ours } from "../../names/docker.ts";
import { withMongo } from "../../programs/database/mongo.ts";
import { lookAtFeatures, refusedStep } from "../../programs/database/databaseStep.ts";
import { Docker } from "../../programs/docker/docker.ts";
import { projectRoot } from "../../machine/paths.ts";
import { type FeatureDocument, Mongod } from "./mongod.ts";

const CONTAINER = "cybexp-x-kms-db";
const PASSWORD = "a-password-of-the-administrator";
const ADMIN = { name: "admin", password: PASSWORD };
const PAGE = 'docs/data.md, "Another release of MongoDB", has the commands';

/**
 * An engine with one container. Its `exec` runs the program's own command on this machine, at the server's port,
 * and stands between its pipes and the caller's as Docker does; its `run` asks an image's own `mongod`.
 */
const folder = mkdtempSync(join(tmpdir(), "cybexp-wire-"));
after(() => rmSync(folder, { recursive: true }));
const ENGINE = `#!/bin/bash
cd '${folder}'
found() { cat "$1.json" 2>/dev/null || { echo "Error: No such object: $1" >&2; exit 1; }; }
case "$1 $2" in
  "container inspect") found container ;;
  "image inspect") found "image-$3" ;;
  "exec -i") [ "$3" = ${CONTAINER} ] && exec '${process.execPath}' exec.mjs "\${6/127.0.0.1\\/27017/127.0.0.1/$(cat port)}" ;;
  "run --rm") PATH="$PWD/$(printf '%s\\n' "$@" | grep -A1 -x -e --entrypoint=sh | tail -1):/usr/bin:/bin" exec sh -c "\${@: -1}" ;;
  *) echo "unexpected: $*" >&2; exit 1 ;;
esac
`;
const EXEC = `
import { spawn } from "node:child_process";
const child = spawn("bash", ["-c", process.argv[2]], { stdio: "pipe" });
process.stdin.pipe(child.stdin).on("error", () => {});
child.stdout.pipe(process.stdout);
child.on("close", (code) => process.exit(code));
`;
writeFileSync(join(folder, "exec.mjs"), EXEC);
const bin = join(folder, "bin");
mkdirSync(bin);
writeFileSync(join(bin, "docker"), ENGINE);
chmodSync(join(bin, "docker"), 0o755);
process.env["PATH"] = bin + delimiter + process.env["PATH"];

/** An image whose `mongod` says its release; the name is its id. */
function image(release: string): string {
  const id = `mongo-${release}`;
  mkdirSync(join(folder, id), { recursive: true });
  writeFileSync(join(folder, id, "mongod"), `#!/bin/sh\necho "db version v${release}"\n`);
  chmodSync(join(folder, id, "mongod"), 0o755);
  writeFileSync(
    join(folder, `image-${id}.json`),
    JSON.stringify([{ Id: id, RepoTags: [`mongo:${release}`] }]),
  );
  return id;
}

const servers = new Set<Mongod>();
afterEach(async () => {
  await Promise.all([...servers].map((server) => server.stop()));
  servers.clear();
});

/** The container with a server of a release, on data that a release before it may have written. */
async function runs(release: string, data: FeatureDocument): Promise<Mongod> {
  const server = new Mongod(release, data, { user: ADMIN.name, password: PASSWORD });
  servers.add(server);
  writeFileSync(join(folder, "port"), String(await server.listen()));
  writeFileSync(
    join(folder, "container.json"),
    JSON.stringify([{ Name: `/${CONTAINER}`, Image: image(release), State: { Running: true } }]),
  );
  return server;
}

/** What `up` runs. */
async function raise(wanted: string, password = PASSWORD) {
  const { exitCode, stdout, stderr } = await execa(
    process.execPath,
    [join(projectRoot, "programs/database/database-features.ts")],
    {
      input: JSON.stringify({
        ...{ container: CONTAINER, wanted },
        admin: { ...ADMIN, password },
      }),
      reject: false,
      timeout: 60_000,
    },
  );
  return { exitCode, output: stdout + stderr };
}

async function assertRaised(wanted: string): Promise<void> {
  assert.deepEqual(await raise(wanted), { exitCode: 0, output: "" });
}

async function assertFails(wanted: string, sentence: string): Promise<void> {
  const { exitCode, output } = await raise(wanted);
  assert.equal(output, sentence);
  assert.equal(exitCode, 1);
}

const question = () => ({
  ...{ dockerHost: undefined, owner: ours("d"), container: CONTAINER },
  admin: { name: ADMIN.name, passwords: ["the-next-password", PASSWORD] },
});
/** What `preview`, `up` and plain `pulumi up` ask before they touch anything. */
const step = (release: string, wanted?: string) =>
  refusedStep(new Docker(), { ...question(), image: image(release), wanted });
const look = (wanted: string) => lookAtFeatures(new Docker(), { ...question(), wanted });

const raised = ({ asked }: Mongod) =>
  asked.filter((command) => "setFeatureCompatibilityVersion" in command);

describe("a mongod's features over the wire", () => {
  it("go from 4.4 to 8.2, release by release, and the data is read by each next one", async () => {
    const data: FeatureDocument = { version: "4.4" };
    let server = await runs("4.4.29", data);
    for (const [release, features] of [
      ["5.0.31", "5.0"],
      ["6.0.19", "6.0"],
      ["7.0.14", "7.0"],
      ["8.0.4", "8.0"],
      ["8.2.1", "8.2"],
    ] as const) {
      const before = data.version;
      assert.equal(await step(release), undefined, release);
      await server.stop();
      server = await runs(release, data);
      assert.deepEqual(data, { version: before });
      assert.deepEqual(await look(features), {
        verdict: "raise",
        sentence: `the data of ${CONTAINER} gets the features of MongoDB ${features} in place of ${before}: earlier releases can't read it afterwards`,
      });
      assert.deepEqual(data, { version: before });
      await assertRaised(features);
      assert.deepEqual(data, { version: features });
      // Only from 7.0 on is it confirmed; before, the field is an error.
      assert.deepEqual(raised(server), [
        {
          setFeatureCompatibilityVersion: features,
          ...(Number(features) >= 7 && { confirm: true }),
        },
      ]);
      assert.deepEqual(await look(features), { verdict: "done" });
      await assertRaised(features);
      assert.equal(raised(server).length, 1);
    }
  });

  it("are not raised by anything but the command: a release starts on the data of the one before", async () => {
    const server = await runs("7.0.14", { version: "6.0" });
    await assertRaised("6.0");
    assert.deepEqual(raised(server), []);
    assert.deepEqual(server.data, { version: "6.0" });
  });

  for (const [running, features, next, sentence] of [
    ["6.0.19", "6.0", "8.0.4", /Go one by one: MongoDB 7\.0, then MongoDB 8\.0; run/],
    ["8.0.4", "8.0", "7.0.14", /MongoDB does not go back to an earlier release/],
    ["8.0.4", "7.0", "7.0.14", /MongoDB does not go back to an earlier release/],
    ["7.0.14", "6.0", "8.0.4", /is still 6\.0: MongoDB 8\.0 would not start with it\. .*"7\.0"/],
    ["4.4.29", "4.2", "5.0.31", /is still 4\.2: MongoDB 5\.0 would not start with it\. .*"4\.4"/],
    ["8.0.4", "7.0", "8.2.1", /is still 7\.0: MongoDB 8\.2 would not start with it\. .*"8\.0"/],
  ] as const) {
    it(`refuse the image ${next} after ${running} with ${features}, on which it would not start`, async () => {
      const server = await runs(running, { version: features });
      assert.match((await step(next)) ?? "", sentence);
      assert.deepEqual(raised(server), []);
      if (next !== "7.0.14" || features !== "7.0") {
        assert.throws(
          () => new Mongod(next, { version: features }, { user: "a", password: "b" }),
          /Invalid feature compatibility version value/,
        );
      }
    });
  }

  it("are refused where they would go back, too far, or to a release between", async () => {
    const server = await runs("7.0.14", { version: "7.0" });
    await assertFails(
      "6.0",
      `cybexp:database.featureCompatibility is 6.0, but the data of ${CONTAINER} has the features of 7.0: they are not taken back. Set it to "7.0", or remove it; ${PAGE}`,
    );
    await assertFails(
      "8.0",
      `cybexp:database.featureCompatibility is 8.0, but ${CONTAINER} runs MongoDB 7.0.14: first set cybexp:database.image to MongoDB 8.0 and run \`up\`, and raise this once you are sure that it works; ${PAGE}`,
    );
    await server.stop();
    const newer = await runs("8.2.1", { version: "8.0" });
    await assertFails(
      "8.1",
      `cybexp:database.featureCompatibility is 8.1, but ${CONTAINER} runs MongoDB 8.2.1, and its data has the features of 8.0: set it to "8.2" or "8.0"; ${PAGE}`,
    );
    assert.deepEqual([...raised(server), ...raised(newer)], []);
  });

  it("are not raised in the same `up` as the image", async () => {
    await runs("6.0.19", { version: "6.0" });
    assert.equal(
      await step("7.0.14", "7.0"),
      `cybexp:database.featureCompatibility is 7.0, but ${CONTAINER} runs MongoDB 6.0.19: first set cybexp:database.image to MongoDB 7.0 and run \`up\`, and raise this once you are sure that it works; ${PAGE}`,
    );
  });

  it("are raised by who knows the password, and nothing shows it", async () => {
    const server = await runs("7.0.14", { version: "6.0" });
    const { exitCode, output } = await raise("7.0", "another-password");
    assert.equal(output, `${CONTAINER}: no answer about its features: Authentication failed.`);
    assert.equal(exitCode, 1);
    assert.deepEqual(server.data, { version: "6.0" });
    assert.equal(server.logins.good, 0);
    assert.ok(server.logins.bad > 0);
  });
});

describe("raising features, when the server says no", () => {
  for (const [trouble, words, data] of [
    ["notPrimary", "not primary", { version: "6.0" }],
    [
      "cannotUpgrade",
      "Cannot upgrade: the collection KMS.old is in the way; run `up` again, and MongoDB continues where it stopped",
      { version: "6.0", targetVersion: "7.0" },
    ],
    [
      "interrupted",
      "interrupted at shutdown; run `up` again, and MongoDB continues where it stopped",
      { version: "6.0", targetVersion: "7.0" },
    ],
  ] as const) {
    it(`passes on its sentence: ${trouble}`, async () => {
      const server = await runs("7.0.14", { version: "6.0" });
      server.trouble = trouble;
      await assertFails(
        "7.0",
        `${CONTAINER}: MongoDB does not raise its featureCompatibilityVersion from 6.0 to 7.0: ${words}`,
      );
      assert.deepEqual(server.data, data);
    });
  }

  it("knows the errors of a mongod that is asked wrongly", async () => {
    const asked = async (release: string, version: string, command: object) => {
      const server = await runs(release, { version });
      const target = { dockerHost: undefined, container: CONTAINER, user: ADMIN.name };
      try {
        await withMongo({ ...target, password: PASSWORD }, (client) =>
          client.db("admin").command(command),
        );
        return 0;
      } catch (error) {
        return error instanceof MongoServerError ? error.code : error;
      } finally {
        await server.stop();
      }
    };
    const set = (version: string) => ({ setFeatureCompatibilityVersion: version });
    assert.equal(await asked("7.0.14", "6.0", set("7.0")), 7369100);
    assert.equal(await asked("6.0.19", "5.0", { ...set("6.0"), confirm: true }), 40415);
    assert.equal(await asked("7.0.14", "6.0", { ...set("8.0"), confirm: true }), 4926900);
    assert.equal(await asked("8.0.4", "7.0", { ...set("7.3"), confirm: true }), 5147403);
  });
});

describe("a raise that is interrupted in the middle", () => {
  const data: FeatureDocument = { version: "6.0" };
  const middle = { version: "6.0", targetVersion: "7.0" };
  const way = `the data of ${CONTAINER} is on its way from 6.0 to 7.0, which was interrupted`;

  it("fails the `up`, which says that the next one continues", async () => {
    const server = await runs("7.0.14", data);
    server.trouble = "dies";
    await assertFails(
      "7.0",
      `${CONTAINER}: the connection ended while MongoDB raised its featureCompatibilityVersion from 6.0 to 7.0; run \`up\` again, and MongoDB continues where it stopped`,
    );
    assert.deepEqual(data, middle);
  });

  it("is not taken for what it was before, nor given to another release", async () => {
    const server = await runs("7.0.14", data);
    await assertFails(
      "6.0",
      `cybexp:database.featureCompatibility is 6.0, but ${way}. Set it to "7.0", and \`up\` finishes that; ${PAGE}`,
    );
    assert.equal(
      await step("8.0.4"),
      `the image mongo:8.0.4 is MongoDB 8.0.4, and the data of ${CONTAINER} is MongoDB's (7.0.14), whose featureCompatibilityVersion is on its way from 6.0 to 7.0, which was interrupted: set cybexp:database.featureCompatibility to "7.0" and run \`up\` with the present image first; ${PAGE}`,
    );
    assert.equal(await step("7.0.16"), undefined);
    assert.deepEqual(raised(server), []);
    assert.deepEqual(data, middle);
  });

  it("is finished by the next `up`, also by a later patch of the release", async () => {
    const server = await runs("7.0.16", data);
    assert.deepEqual(await look("7.0"), {
      verdict: "raise",
      sentence: `${way}: it gets the features of MongoDB 7.0, and earlier releases can't read it afterwards`,
    });
    await assertRaised("7.0");
    assert.deepEqual(data, { version: "7.0" });
    assert.equal(raised(server).length, 1);
    assert.equal(await step("8.0.4"), undefined);
  });
});

describe("a way back that somebody began by hand", () => {
  const back = { version: "6.0", targetVersion: "6.0", previousVersion: "7.0" };

  it("is not finished by the stack, but taken up again", async () => {
    const server = await runs("7.0.14", { ...back });
    await assertFails(
      "6.0",
      `cybexp:database.featureCompatibility is 6.0, but the data of ${CONTAINER} is on its way back from 7.0 to 6.0, which was interrupted. Set it to "7.0", and \`up\` finishes that; ${PAGE}`,
    );
    assert.deepEqual(server.data, back);
    await assertRaised("7.0");
    assert.deepEqual(server.data, { version: "7.0" });
  });

  it("can't be taken up before 7.0, as the server says", async () => {
    await runs("6.0.19", { version: "5.0", targetVersion: "5.0", previousVersion: "6.0" });
    await assertFails(
      "6.0",
      `${CONTAINER}: MongoDB does not raise its featureCompatibilityVersion from 5.0 to 6.0: cannot set featureCompatibilityVersion to '6.0' while featureCompatibilityVersion is 'downgrading from 6.0 to 5.0'; run \`up\` again, and MongoDB continues where it stopped`,
    );
  });
});
