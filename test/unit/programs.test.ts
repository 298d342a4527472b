/** The commands in a state: what they say, and that they start the programs wherever the package is. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { execa } from "execa";
import { moduleFrom } from "../../components/program.ts";
import { projectRoot } from "../../machine/paths.ts";
import { commandOf, PROGRAMS, programOf, type ProgramName } from "../../names/programs.ts";

const NAMES = Object.keys(PROGRAMS) as ProgramName[];

describe("a command in a state", () => {
  it("names the program, and no path or version", () => {
    assert.equal(commandOf("deliver"), `node -e "import('cybexp-pulumi/run')" deliver`);
  });

  it("is recognised, as are those of earlier versions", () => {
    for (const name of NAMES) {
      const found = [
        commandOf(name),
        commandOf(name, "./node_modules/a/node_modules/cybexp-pulumi/dist/programs/run.js"),
        `node programs/${PROGRAMS[name]}.ts`,
        `node node_modules/cybexp-pulumi/dist/programs/${PROGRAMS[name]}.js`,
        `node node_modules/.pnpm/cybexp-pulumi@0.1.0_a+b@3/node_modules/cybexp-pulumi/dist/programs/${PROGRAMS[name]}.js`,
      ];
      assert.deepEqual(found.map(programOf), Array(5).fill(name));
    }
    for (const other of [undefined, "", "node deliver.js", "node programs/deliver.ts", "deliver"]) {
      assert.equal(programOf(other), undefined);
    }
  });

  it("still has the programs and files that old states run when a resource goes", () => {
    assert.deepEqual(
      [PROGRAMS["collector-close"], PROGRAMS["database-rest"]],
      ["collector/close", "database/database-rest"],
    );
  });
});

describe("a program's command", () => {
  let root: string;
  before(() => (root = realpathSync(mkdtempSync(join(tmpdir(), "cybexp-layout's #$HOME-")))));
  after(() => rmSync(root, { recursive: true, force: true }));

  /** A package at a place, with what a command needs of it. */
  function install(...place: string[]): string {
    const folder = join(root, ...place);
    mkdirSync(join(folder, "programs"), { recursive: true });
    const exports = { "./run": "./programs/run.js" };
    const manifest = { name: "cybexp-pulumi", type: "module", exports };
    writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
    writeFileSync(
      join(folder, "programs", "run.js"),
      `process.stdin.on("data", (text) => console.log(import.meta.filename, process.argv[1], String(text)))`,
    );
    return folder;
  }
  const link = (target: string, ...place: string[]) => {
    mkdirSync(dirname(join(root, ...place)), { recursive: true });
    symlinkSync(target, join(root, ...place));
  };
  const own = (folder: string) => join(folder, "programs", "run.js");

  /** Runs it in a folder as Pulumi does; returns its text. */
  async function started(folder: string, installed: string): Promise<string> {
    mkdirSync(folder, { recursive: true });
    const command = commandOf("deliver", moduleFrom(folder, own(installed)));
    const { stdout } = await execa("/bin/sh", ["-c", command], { cwd: folder, input: "input" });
    assert.equal(stdout, `${own(installed)} deliver input`);
    return command;
  }

  it("is the same with every package manager", async () => {
    const flat = install("npm", "node_modules", "cybexp-pulumi");
    const hoisted = install("workspaces", "node_modules", "cybexp-pulumi");
    const isolated = ["0.1.0", "0.2.0"].map((version) => {
      const at = `cybexp-pulumi@${version}_@pulumi+command@1.2.1`;
      const stored = install(version, "node_modules", ".pnpm", at, "node_modules", "cybexp-pulumi");
      link(stored, version, "node_modules", "cybexp-pulumi");
      return { stored, folder: join(root, version) };
    });
    assert.deepEqual(
      [
        await started(join(root, "npm"), flat),
        await started(join(root, "workspaces", "packages", "app"), hoisted),
        ...(await Promise.all(isolated.map(({ folder, stored }) => started(folder, stored)))),
      ],
      Array(4).fill(commandOf("deliver")),
    );
  });

  it("has a path where only another package depends on this one", async () => {
    const nested = install("nested", "node_modules", "other", "node_modules", "cybexp-pulumi");
    assert.equal(
      await started(join(root, "nested"), nested),
      `node -e "import('./node_modules/other/node_modules/cybexp-pulumi/programs/run.js')" deliver`,
    );
    const beside = await started(join(root, "elsewhere"), nested);
    assert.match(beside, /^node -e "import\('\.\/\.\.\/nested\//);
    // Quotes, variables and fragments in the path reach neither the shell nor the URL.
    const outside = await started(tmpdir(), nested);
    assert.match(outside, /cybexp-layout%27s%20%23%24HOME-/);
  });

  it("has a path where Node finds another copy", async () => {
    install("two", "node_modules", "cybexp-pulumi");
    const nested = install("two", "node_modules", "other", "node_modules", "cybexp-pulumi");
    assert.match(await started(join(root, "two"), nested), /\/other\//);
  });

  it("runs the programs of this repository, which are TypeScript", async () => {
    const { exitCode, stderr } = await run("container-limits", "{}");
    assert.match(stderr, /^unexpected input at /);
    assert.equal(exitCode, 1);
  });

  it("says so if the package has no such program", async () => {
    const { exitCode, stderr } = await run("constructor", "{}");
    assert.deepEqual(
      [exitCode, stderr],
      [
        1,
        'this version of cybexp-pulumi has no program "constructor": install the version that the stack was deployed with, or a newer one',
      ],
    );
  });

  const run = (program: string, input: string) =>
    execa("/bin/sh", ["-c", commandOf(program as ProgramName)], {
      ...{ cwd: projectRoot, input, reject: false },
    });
});
