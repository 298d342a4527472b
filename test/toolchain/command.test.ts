import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { commandsProgram, makeSandbox, SECRET_SIGNATURE, type Sandbox } from "./sandbox.ts";

type Commands = Record<string, Record<string, unknown>>;

let sandbox: Sandbox;
const use = (commands: Commands) => sandbox.write("commands.json", JSON.stringify(commands));
const path = (file: string) => join(sandbox.folder, file);

/** The lines that the commands have written since the last look, in no order. */
function ran(): string[] {
  const lines = existsSync(path("log")) ? readFileSync(path("log"), "utf8") : "";
  writeFileSync(path("log"), "");
  return lines.split("\n").filter(Boolean).sort();
}

const isSecret = (value: unknown) =>
  typeof value === "object" && value !== null && Object.values(value).includes(SECRET_SIGNATURE);

/** The first version of the commands, whose changes the tests then look at. */
const first: Commands = {
  updating: {
    create: 'echo "updating created" >> log; echo one; echo warned >&2',
    update: 'echo "updating updated from $PULUMI_COMMAND_STDOUT/$PULUMI_COMMAND_STDERR" >> log; echo two',
    delete: 'echo "updating deleted from $PULUMI_COMMAND_STDOUT in $PLACE" >> log',
    environment: { PLACE: "before" },
  },
  recreating: {
    create: 'echo "recreating created $V" >> log',
    environment: { V: "1" },
    addPreviousOutputInEnv: false,
  },
  triggered: {
    create: 'echo "triggered created $V" >> log',
    delete: 'echo "triggered deleted $V" >> log',
    environment: { V: "old" },
    triggers: [1, { deep: ["x"] }],
  },
  secretive: { create: "cat; echo $OPEN", stdin: { secret: "hush-hush" }, environment: { OPEN: "1" }, logging: "none" },
  elsewhere: { create: 'process.stdout.write(`${process.cwd()}\\n\\n`)', dir: "/", interpreter: ["node", "-e"] },
  nothing: {},
};

/** One change for each way in which a command can change. */
const second: Commands = {
  ...first,
  updating: { ...first["updating"], environment: { PLACE: "after" } },
  recreating: { ...first["recreating"], environment: { V: "2" } },
  triggered: { ...first["triggered"], environment: { V: "new" }, triggers: [2] },
};

describe("command:local:Command", () => {
  before(async () => {
    sandbox = await makeSandbox(commandsProgram);
    use(first);
  });
  after(() => sandbox.remove());

  it("is not run by a preview, and refuses what it can't do", async () => {
    use({ ...first, refused: { create: "true", assetPaths: ["*"], logging: "loud" } });
    const { exitCode, text } = await sandbox.pulumi("preview");
    use(first);
    assert.notEqual(exitCode, 0);
    assert.match(text, /property assetPaths .* is not supported by this build of the command plugin/);
    assert.match(text, /property logging .* must be stdout, stderr, stdoutAndStderr or none/);
    assert.deepEqual(ran(), []);
  });

  it("runs create with its environment, folder, interpreter and input", async () => {
    const { exitCode, text } = await sandbox.pulumi("up", "--yes", "--skip-preview");
    assert.equal(exitCode, 0, text);
    assert.deepEqual(ran(), ["recreating created 1", "triggered created old", "updating created"]);
    const state = await sandbox.state();
    const outputs = (name: string) => state[name]?.outputs ?? assert.fail(name);
    assert.deepEqual(outputs("updating"), {
      ...first["updating"],
      addPreviousOutputInEnv: true,
      stdout: "one",
      stderr: "warned",
    });
    assert.equal(outputs("elsewhere")["stdout"], "/\n", "one line feed is cut off, not all");
    assert.deepEqual(outputs("nothing"), { addPreviousOutputInEnv: true, stdout: "", stderr: "" });
    assert.match(state["updating"]?.id ?? "", /^updating[0-9a-f]{8}$/);
    assert.match(text, /one/, "output is logged unless logging says otherwise");
  });

  it("keeps a secret input secret, and with it all that the command wrote", async () => {
    const { outputs } = (await sandbox.state())["secretive"] ?? assert.fail();
    assert.deepEqual(
      ["stdin", "stdout", "stderr", "environment", "create"].map((name) => isSecret(outputs[name])),
      [true, true, true, false, false],
    );
    const { text } = await sandbox.pulumi("stack", "export", "--show-secrets");
    assert.match(text, /hush-hush1/, "the command did get it");
    assert.doesNotMatch((await sandbox.pulumi("stack", "export")).text, /hush-hush/);
  });

  it("changes nothing when nothing changed, nor after a refresh", async () => {
    const { exitCode, text } = await sandbox.pulumi("preview", "--refresh", "--expect-no-changes");
    assert.equal(exitCode, 0, text);
    assert.deepEqual(ran(), []);
  });

  it("updates with update or else create, and replaces on a trigger", async () => {
    use(second);
    const { exitCode, text } = await sandbox.pulumi("up", "--yes", "--skip-preview");
    assert.equal(exitCode, 0, text);
    assert.match(text, /~ 2 updated\s+\+-1 replaced/);
    assert.deepEqual(ran(), [
      "recreating created 2",
      "triggered created new",
      "triggered deleted old", // with the inputs that it was created with
      "updating updated from one/warned",
    ]);
    assert.equal((await sandbox.state())["updating"]?.outputs["stdout"], "two");
  });

  it("fails with the command and what it wrote, and keeps the old inputs", async () => {
    use({ ...second, updating: { ...second["updating"], update: "echo told; echo why >&2; exit 3" } });
    const { exitCode, text } = await sandbox.pulumi("up", "--yes", "--skip-preview");
    assert.notEqual(exitCode, 0);
    assert.match(
      text,
      /error: .*exit status 3: running "echo told; echo why >&2; exit 3":\n\s+(told\n\s+why|why\n\s+told)\n/,
    );
    const inputs = (await sandbox.state())["updating"]?.outputs ?? {};
    assert.match(String(inputs["update"]), /^echo "updating updated/);
    assert.deepEqual(ran(), []);
  });

  it("deletes with the inputs and outputs that it has", async () => {
    const { exitCode, text } = await sandbox.pulumi("destroy", "--yes", "--skip-preview");
    assert.equal(exitCode, 0, text);
    assert.deepEqual(ran(), ["triggered deleted new", "updating deleted from two in after"]);
  });
});
