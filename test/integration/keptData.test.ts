/**
 * A stack that keeps its data, and what happens to that data by other hands: nothing is made anew in
 * silence, by our commands or by plain Pulumi, and what comes back from a copy serves on.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { execa } from "execa";
import { untar } from "../../programs/docker/archive.ts";
import { ensureToolchain } from "../../machine/toolchain.ts";
import { docker, Project, type Result } from "./project.ts";
import { snapshot } from "./snapshot.ts";

const LOOKS = ["preview", "doctor", "drift"];

let project: Project;
const volume = (part = "kms-secrets") => `cybexp-${project.stack}-${part}`;

/** Runs the CLI itself, past our commands, as an operator may. */
async function plain(...args: string[]): Promise<Result> {
  const { pulumi, home } = await ensureToolchain();
  const stackFile = project.readStackFile();
  const { exitCode, all, stdout } = await execa(pulumi, [...args, "--non-interactive"], {
    cwd: project.dir,
    env: {
      PULUMI_HOME: home,
      PULUMI_BACKEND_URL: `file://${join(project.dir, ".cybexp", "state")}?metadata=skip`,
      PULUMI_CONFIG_PASSPHRASE_FILE: join(project.dir, ".cybexp", "passphrase"),
      PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER: "true",
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
      PULUMI_SKIP_UPDATE_CHECK: "true",
      PULUMI_STACK: project.stack,
    },
    all: true,
    reject: false,
  });
  // Pulumi writes its salt into it, whatever comes of the run.
  project.writeStackFile(project.stack, stackFile);
  return { code: exitCode ?? -1, output: all, stdout };
}

/** What is in the volume, as an archive. */
const copyOf = (): Buffer =>
  execFileSync("docker", ["cp", `cybexp-${project.stack}-kms:/secrets/.`, "-"], {
    maxBuffer: 1 << 24,
  });

/** Puts such an archive back into the volume, which no container has. */
function restore(archive: Buffer): void {
  const image = docker("inspect", "--format", "{{.Image}}", `cybexp-${project.stack}-proxy`);
  const args = ["--rm", "--interactive", "--network=none", "--user=0:0", `--volume=${volume()}:/v`];
  execFileSync(
    "docker",
    ["run", ...args, "--entrypoint=tar", image, "-xpf", "-", "--numeric-owner", "-C", "/v"],
    { input: archive, stdio: ["pipe", "ignore", "pipe"] },
  );
}

/** The keys, by name: their digests. */
async function keys(): Promise<Record<string, string>> {
  const digest = (content: Buffer) => createHash("sha256").update(content).digest("hex");
  return Object.fromEntries(
    (await untar(copyOf()))
      .map(({ path, content }) => [path.replace(/^.*\//, ""), digest(content)] as const)
      .filter(([name]) => /^(DE_key|ORE_key|cpabe-[mp]k)/.test(name)),
  );
}

function lose(): void {
  docker("rm", "--force", `cybexp-${project.stack}-kms`);
  docker("volume", "rm", volume());
}

/** What could make it anew does nothing, and says the sentence. */
async function assertRefused(
  sentence: RegExp,
  commands: readonly string[] = ["up"],
): Promise<void> {
  const there = snapshot(project);
  for (const command of commands) {
    const { code, output } = await project.npm(command);
    assert.equal(code, command === "drift" ? 2 : 1, `${command}: ${output}`);
    assert.match(output, sentence, command);
    assert.deepEqual(snapshot(project), there, command);
  }
  for (const args of [["preview"], ["up", "--yes", "--skip-preview"]]) {
    const { code, output } = await plain(...args);
    assert.notEqual(code, 0, output);
    assert.match(output, sentence, args[0]);
    assert.doesNotMatch(output, /^\s+at .*:\d+|serializing/m);
    // Pulumi writes its state whatever comes of it.
    assert.deepEqual({ ...snapshot(project), state: there["state"] }, there, args[0]);
  }
}

const setLost = (...lost: string[]) =>
  project.configure((config) => (config["cybexp:lost"] = lost));

async function up(): Promise<string> {
  const { code, output } = await project.npm("up");
  assert.equal(code, 0, output);
  return output;
}

async function previewed(): Promise<string> {
  const { code, output } = await project.npm("preview");
  assert.equal(code, 0, output);
  return output;
}

describe("a stack that keeps its data", () => {
  let copy: Buffer;
  let made: Record<string, string>;
  let mark: string;

  before(async () => {
    project = await Project.create();
    project.configure((config) => (config["cybexp:throwaway"] = false));
    await up();
    copy = copyOf();
    made = await keys();
    mark =
      (await untar(copy)).find(({ path }) => path.endsWith(".cybexp-volume"))?.content.toString() ??
      "";
  });
  after(() => project.remove());

  it("has four keys and a mark, and looking changes nothing", async () => {
    assert.equal(Object.keys(made).length, 4);
    assert.match(mark, /^[0-9a-f]{12}$/);
    const there = snapshot(project);
    for (const command of LOOKS) {
      const { code, output } = await project.npm(command);
      assert.equal(code, 0, output);
      assert.deepEqual(snapshot(project), there, command);
    }
  });

  it("makes no new keys when their volume is gone", async () => {
    lose();
    const sentence = new RegExp(
      `[tT]he volume ${volume()} with the KMS's keys is gone from the engine `,
    );
    await assertRefused(sentence, ["up", ...LOOKS]);
    const there = snapshot(project);
    for (const command of ["preview", "up", "refresh"]) {
      const { code, output } = await project.npm("pulumi", command);
      assert.equal(code, 1, output);
      assert.match(output, sentence, command);
      assert.deepEqual(snapshot(project), there, command);
    }
  });

  it("keeps serving with the same keys when the volume is made with the printed command, and filled", async () => {
    const { output } = await project.npm("up");
    const command = /`(docker volume create [^`]*)`/.exec(output)?.[1] ?? assert.fail(output);
    docker(...command.split(" ").slice(1));
    await assertRefused(/is not the one that had the KMS's keys: it has no \.cybexp-volume/);
    restore(copy);
    await up();
    assert.deepEqual(await keys(), made);
  });

  it("makes no new keys when only the keys are gone", async () => {
    docker("rm", "--force", `cybexp-${project.stack}-kms`);
    const image = docker("inspect", "--format", "{{.Image}}", `cybexp-${project.stack}-proxy`);
    const args = ["--rm", "--network=none", "--user=0:0", `--volume=${volume()}:/v`];
    docker("run", ...args, "--entrypoint=sh", image, "-c", "rm /v/*");
    await assertRefused(/has lost the KMS's keys: DE_key\.pem, ORE_key\.bin, cpabe-mk\.binary, /);
    restore(copy);
    await up();
    assert.deepEqual(await keys(), made);
  });

  it("makes new ones when the operator gives up the old ones by their mark, once", async () => {
    lose();
    setLost("kms-secrets@000000000000");
    assert.equal((await project.npm("up")).code, 1);
    setLost(`kms-secrets@${mark}`);
    assert.match(
      await previewed(),
      /: LOSES DATA; .*\n {2}This loses data\n {4}- The KMS's keys in \S+ are given up, as cybexp:lost says\./,
    );
    const used = new RegExp(
      `warning: cybexp:lost has kms-secrets@${mark}: the stack has no such volume any more, so the key has done its work; remove it`,
    );
    assert.match(await up(), used);
    const renewed = await keys();
    assert.deepEqual(Object.keys(renewed).sort(), Object.keys(made).sort());
    assert.notDeepEqual(renewed, made);
    assert.match(await previewed(), used);

    // The key that is left over permits nothing more.
    lose();
    await assertRefused(/is gone from the engine/);
  });

  it("is not removed without asking, and keeps its volumes", async () => {
    const { code, output } = await project.npm("down");
    assert.equal(code, 1);
    assert.match(
      output,
      new RegExp(
        `^error: ${project.stack} is not a throw-away stack, and there is no terminal to ask at: run \`STACK=${project.stack} npm run down -- --yes\` to remove it\\.`,
      ),
    );
    const down = await project.npm("down", "--yes");
    assert.equal(down.code, 0, down.output);
    assert.deepEqual(
      project.leftovers(),
      ["backend-db-data", "kms-db-data"].map((part) => `volume ${volume(part)}`),
    );
  });
});
