/** An environment that `npm run env` made, with its state and its passphrase outside of the clone. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { execa } from "execa";
import { pulumiEnvironment } from "../../stack/configFile.ts";
import { ensureToolchain } from "../../machine/toolchain.ts";
import { freePorts, Project } from "./project.ts";

const outside = mkdtempSync(join(tmpdir(), "cybexp-test-outside-"));
const store = join(outside, "state");
const passphrase = join(outside, "passphrase");
const url = `file://${store}?metadata=skip`;
/** No engine answers there: what is refused with it was refused before anything was looked for. */
const NO_ENGINE = { DOCKER_HOST: "unix:///nonexistent/docker.sock" };

let project: Project;

before(async () => {
  const copy = await Project.create();
  project = copy.withStack(`${copy.stack}-env`);
  mkdirSync(store, { mode: 0o700 });
  writeFileSync(passphrase, "outside of the clone, and of no worth", { mode: 0o600 });
});
after(async () => {
  await project.remove();
  rmSync(outside, { recursive: true });
});

describe("a stack whose state and passphrase are outside of the clone", () => {
  const stateFile = () => join(store, ".pulumi", "stacks", "cybexp", `${project.stack}.json`);

  it("is made by npm run env, without an engine", async () => {
    const [kms, backend, kmsBind, backendBind] = await freePorts(4);
    project.env = NO_ENGINE;
    const { code, output } = await project.npm(
      "env",
      ...[project.stack, "--no-production", "--throwaway", "--yes", "--backend", url],
      ...["--kms-listen", `${kms}`, "--backend-listen", `${backend}`],
      ...["--kms-bind", `127.0.0.1:${kmsBind}`, "--backend-bind", `127.0.0.1:${backendBind}`],
    );
    assert.equal(code, 0, output);
  });

  it("is not previewed without its passphrase, and nothing is made of it", async () => {
    project.env = NO_ENGINE;
    const { code, output } = await project.npm("preview");
    assert.equal(code, 1);
    assert.equal(
      output,
      `error: the secrets of ${project.stack} are encrypted by a passphrase, but none is set: set PULUMI_CONFIG_PASSPHRASE_FILE to a file outside the repository that only you can read\n`,
    );
    assert.ok(!existsSync(stateFile()));
  });

  it("is previewed with it, and a preview leaves nothing behind", async () => {
    const text = project.readStackFile();
    project.env = { PULUMI_CONFIG_PASSPHRASE_FILE: passphrase };
    const { code, output } = await project.npm("preview");
    assert.equal(code, 0, output);
    assert.ok(!existsSync(stateFile()));
    assert.ok(!existsSync(join(project.dir, ".cybexp", "passphrase")));
    assert.equal(project.readStackFile(), text);
  });

  it("has its state there and nothing in the clone", async () => {
    const text = project.readStackFile();
    const { code, output } = await project.npm("pulumi", "stack", "init", project.stack);
    assert.equal(code, 0, output);
    assert.ok(existsSync(stateFile()));
    assert.ok(!existsSync(join(project.dir, ".cybexp", "passphrase")));
    assert.ok(!existsSync(join(project.dir, ".cybexp", "state")));
    // Pulumi adds the salt of the passphrase, and leaves the rest: it is a file to be committed.
    assert.match(project.readStackFile(), /^encryptionsalt: v1:[\w=:+/-]+$/m);
    const commentsOf = (file: string) => file.match(/# .*/g);
    assert.deepEqual(commentsOf(project.readStackFile()), commentsOf(text));
  });

  it("is found by the CLI, unless the operator's environment names another backend", async () => {
    const names = async () => {
      const { stdout } = await project.npm("pulumi", "stack", "ls", "--json");
      return (JSON.parse(stdout) as { name: string }[]).map(({ name }) => name);
    };
    assert.deepEqual(await names(), [project.stack]);
    const other = join(outside, "other");
    mkdirSync(other);
    project.env = { ...project.env, PULUMI_BACKEND_URL: `file://${other}` };
    assert.deepEqual(await names(), []);
  });

  it("is refused as a production stack by the tools, before an engine is looked for", async () => {
    project.configure((config) => {
      config["cybexp:production"] = true;
    });
    project.env = { ...NO_ENGINE, PULUMI_CONFIG_PASSPHRASE_FILE: passphrase };
    for (const command of [["up"], ["preview"], ["pulumi", "up", "--yes"], ["pulumi", "pre"]]) {
      const { code, output } = await project.npm(command[0] ?? "", ...command.slice(1));
      assert.equal(code, 1, output);
      assert.match(
        output,
        new RegExp(`^error: The configuration of stack "${project.stack}" has 5 problems\\.`),
      );
      assert.match(output, /^cybexp:kms\.image = "cybexp-demo\/kms:1"\n {2}This is a demo image/m);
      assert.match(
        output,
        /^cybexp:throwaway = "?true"?\n {2}`destroy` removes the volumes of a throw-away/m,
      );
    }
  });

  it("is refused by the program, too, with plain Pulumi", async () => {
    const toolchain = await ensureToolchain();
    const { exitCode, all } = await execa(
      toolchain.pulumi,
      ["preview", "--stack", project.stack, "--non-interactive", "--color=never"],
      {
        cwd: project.dir,
        env: pulumiEnvironment(
          toolchain,
          undefined,
          { url },
          {
            ...process.env,
            PULUMI_CONFIG_PASSPHRASE_FILE: passphrase,
          },
        ),
        extendEnv: false,
        all: true,
        reject: false,
      },
    );
    assert.notEqual(exitCode, 0);
    assert.match(all, /The configuration of stack ".*" has 5 problems\. Nothing was changed\./);
    assert.match(all, /This is a demo image, built on this machine/);
  });

  it("is refused as a production stack with its passphrase in the repository", async () => {
    const digest = `sha256:${"3f".repeat(32)}`;
    project.configure((config) => {
      for (const key of ["kms", "backend", "database", "proxy"]) {
        Object.assign(config[`cybexp:${key}`] as object, {
          image: `lab.internal/${key}@${digest}`,
        });
      }
      delete config["cybexp:throwaway"];
    });
    const inside = join(project.dir, "passphrase");
    writeFileSync(inside, readFileSync(passphrase), { mode: 0o600 });
    const refusal = (problem: string) =>
      `error: ${project.stack} is a production stack, but PULUMI_CONFIG_PASSPHRASE_FILE (${problem}`;
    for (const command of [["up"], ["preview"], ["pulumi", "preview"]]) {
      project.env = { ...NO_ENGINE, PULUMI_CONFIG_PASSPHRASE_FILE: inside };
      const { code, output } = await project.npm(command[0] ?? "", ...command.slice(1));
      assert.equal(code, 1);
      assert.equal(
        output,
        refusal(
          `${inside}) is in the repository's folder: move it out, or choose a key service (docs/environments.md)\n`,
        ),
      );
    }
    execFileSync("git", ["init", "-q"], { cwd: outside });
    execFileSync("git", ["add", "passphrase"], { cwd: outside });
    project.env = { ...NO_ENGINE, PULUMI_CONFIG_PASSPHRASE_FILE: passphrase };
    const { output } = await project.npm("up");
    assert.ok(output.startsWith(refusal(`${passphrase}) is in a Git repository: `)), output);
  });
});
