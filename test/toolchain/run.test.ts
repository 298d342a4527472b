/** The function command:local:run: a command that is run at once, in a preview as well. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { makeSandbox, type Sandbox, SECRET_SIGNATURE } from "./sandbox.ts";

/** Runs what run.json says: `args`, and whether the input is made by a resource, or a secret. */
const program = `
import { readFileSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import { local } from "@pulumi/command";

const { args, made, secret } = JSON.parse(readFileSync("run.json", "utf8"));
const stdin = made ? new local.Command("made", { create: "echo made" }).stdout : args.stdin;
const input = secret ? pulumi.secret(stdin) : stdin;
const found = local.runOutput({ ...args, ...(input !== undefined && { stdin: input }) });
export const stdout = found.stdout;
export const stderr = found.stderr;
export const isSecret = pulumi.isSecret(found.stdout);
`;

interface Run {
  readonly args: Record<string, unknown>;
  readonly made?: boolean;
  readonly secret?: boolean;
}

let sandbox: Sandbox;
const use = (run: Run) => sandbox.write("run.json", JSON.stringify(run));

/** The lines that the commands have written since the last look. */
function ran(): string[] {
  const log = join(sandbox.folder, "log");
  const lines = existsSync(log) ? readFileSync(log, "utf8") : "";
  writeFileSync(log, "");
  return lines.split("\n").filter(Boolean);
}

async function outputs(): Promise<Record<string, unknown>> {
  const state = await sandbox.state();
  return state["p-s"]?.outputs ?? assert.fail("no stack");
}

describe("command:local:run", () => {
  before(async () => {
    sandbox = await makeSandbox(program);
  });
  after(() => sandbox.remove());

  it("runs in each preview and each update, with folder, interpreter, environment and input", async () => {
    const args = {
      command: 'require("fs").appendFileSync(process.env.LOG, require("fs").readFileSync(0) + process.cwd() + "\\n"); console.log("one\\n"); console.error("two")',
      ...{ interpreter: ["node", "-e"], dir: "/", stdin: "in " },
      environment: { LOG: join(sandbox.folder, "log") },
    };
    use({ args });
    const preview = await sandbox.pulumi("preview");
    assert.equal(preview.exitCode, 0, preview.text);
    assert.deepEqual(ran(), ["in /"]);
    assert.match(preview.text, /two/, "output is logged unless logging says otherwise");
    const up = await sandbox.pulumi("up", "--yes", "--skip-preview");
    assert.equal(up.exitCode, 0, up.text);
    assert.deepEqual(ran(), ["in /"]);
    assert.deepEqual(await outputs(), { stdout: "one\n", stderr: "two", isSecret: false });
  });

  it("prints nothing if told not to, and leaves nothing in the state", async () => {
    use({ args: { command: "echo quiet-word", logging: "none" } });
    const { exitCode, text } = await sandbox.pulumi("up", "--yes", "--skip-preview", "--suppress-outputs");
    assert.equal(exitCode, 0, text);
    assert.doesNotMatch(text, /quiet-word/);
    assert.deepEqual(Object.keys(await sandbox.state()).sort(), ["default_1_2_1", "p-s"]);
  });

  it("is not run while an input is unknown", async () => {
    use({ args: { command: "cat >> log" }, made: true });
    const preview = await sandbox.pulumi("preview");
    assert.equal(preview.exitCode, 0, preview.text);
    assert.deepEqual(ran(), []);
    const up = await sandbox.pulumi("up", "--yes", "--skip-preview");
    assert.equal(up.exitCode, 0, up.text);
    assert.deepEqual(ran(), ["made"]);
  });

  it("keeps the result of a secret input secret", async () => {
    use({ args: { command: "cat", stdin: "hush-hush" }, secret: true });
    const { exitCode, text } = await sandbox.pulumi("up", "--yes", "--skip-preview");
    assert.equal(exitCode, 0, text);
    const { stdout, isSecret } = await outputs();
    assert.equal(isSecret, true);
    assert.ok(Object.values(stdout as object).includes(SECRET_SIGNATURE));
  });

  it("stops a preview with the command and what it wrote, when it fails", async () => {
    use({ args: { command: "echo told; echo why >&2; exit 3" } });
    for (const command of [["preview"], ["up", "--yes", "--skip-preview"]]) {
      const { exitCode, text } = await sandbox.pulumi(...command);
      assert.notEqual(exitCode, 0);
      assert.match(text, /exit status 3: running "echo told; echo why >&2; exit 3":\n\s*(told\n\s*why|why\n\s*told)\n/);
    }
  });

  it("refuses what it can't do", async () => {
    use({ args: { command: "true", assetPaths: ["*"], logging: "loud" } });
    const { exitCode, text } = await sandbox.pulumi("preview");
    assert.notEqual(exitCode, 0);
    assert.match(text, /assetPaths/);
    assert.match(text, /is not supported by this build of the command plugin/);
    assert.match(text, /must be stdout, stderr, stdoutAndStderr or none/);
  });
});
