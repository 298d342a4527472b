/** The door for `npm run ...`, in a project of its own with a stand-in for npm. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, it, type TestContext } from "node:test";
import { projectRoot } from "../../machine/paths.ts";

const LOCK = '{"lockfileVersion": 3}';
const LOCK_DIGEST = `${createHash("sha256").update(LOCK).digest("hex")} with dev`;

/** Makes this Node take itself for an old one. */
const OLD = [
  "--import",
  'data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"22.17.9"}})',
];

function project(t: TestContext, prefix = "cybexp-start-") {
  const root = realpathSync(mkdtempSync(join(tmpdir(), prefix)));
  t.after(() => rmSync(root, { recursive: true }));
  const file = (...names: string[]) => join(root, ...names);
  for (const folder of ["cli", "bin", "node_modules"]) {
    mkdirSync(file(folder));
  }
  copyFileSync(join(projectRoot, "cli", "start.mjs"), file("cli", "start.mjs"));
  writeFileSync(file("package.json"), '{"type": "module"}');
  writeFileSync(file("package-lock.json"), LOCK);
  writeFileSync(
    file("cli", "main.ts"),
    "const said: string[] = process.argv.slice(1);\nconsole.log(JSON.stringify(said));\n",
  );
  const script = (path: string, body: string) =>
    writeFileSync(path, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  const npm = (body: string) => script(file("bin", "npm"), `echo "npm $*"\n${body}`);
  npm("mkdir -p node_modules");

  const start = (nodeArgs: string[], args: string[]) =>
    spawn(process.execPath, [...nodeArgs, file("cli", "start.mjs"), ...args], {
      cwd: root,
      env: { ...process.env, PATH: [file("bin"), process.env["PATH"]].join(delimiter) },
      stdio: ["ignore", "pipe", "pipe"],
    });
  const run = async (args: string[] = [], nodeArgs: string[] = []) => {
    const child = start(nodeArgs, args);
    const exit = once(child, "exit") as Promise<[number | null]>;
    const [stdout, stderr, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      exit,
    ]);
    return { code, stdout, stderr };
  };
  const stamp = file("node_modules", ".cybexp-lockfile");
  const installed = () => writeFileSync(stamp, LOCK_DIGEST);
  /** A Node that came as a dependency. */
  const carry = (body: string) => {
    const folder = file("node_modules", `node-${process.platform}-${process.arch}`, "bin");
    mkdirSync(folder, { recursive: true });
    script(join(folder, "node"), body);
  };
  const main = file("cli", "main.ts");
  return { file, npm, start, run, stamp, installed, carry, main };
}

const NPM_CI =
  "npm ci --include=dev --include=optional --ignore-scripts --no-audit --no-fund --loglevel=error\n";

describe("the door for npm run", () => {
  it("starts at once if the dependencies are there", async (t) => {
    const { run, installed, main } = project(t);
    installed();
    assert.deepEqual(await run(["up", "--x", "a b"]), {
      code: 0,
      stdout: `${JSON.stringify([main, "up", "--x", "a b"])}\n`,
      stderr: "",
    });
  });

  it("installs what the lockfile names, without install scripts, once", async (t) => {
    const { run, stamp, main } = project(t);
    const first = await run();
    assert.equal(first.code, 0);
    assert.equal(first.stdout, `${NPM_CI}${JSON.stringify([main])}\n`);
    assert.match(
      first.stderr,
      /^- Installing the dependencies \(npm ci\) \.\.\.\n {2}done in \d+\.\d s\n$/,
    );
    assert.equal(readFileSync(stamp, "utf8"), LOCK_DIGEST);
    assert.equal((await run()).stdout, `${JSON.stringify([main])}\n`);
  });

  it("installs again after an install without development dependencies", async (t) => {
    const { run, stamp } = project(t);
    // As the one before wrote it, whatever NODE_ENV was.
    writeFileSync(stamp, LOCK_DIGEST.replace(" with dev", ""));
    assert.ok((await run()).stdout.startsWith(NPM_CI));
    assert.equal(readFileSync(stamp, "utf8"), LOCK_DIGEST);
  });

  it("starts whatever the folder is called", async (t) => {
    const { run, installed, main } = project(t, "a b#c%2Fd?é-");
    installed();
    const { code, stdout, stderr } = await run(["up"]);
    assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
    assert.equal(stdout, `${JSON.stringify([main, "up"])}\n`);
  });

  it("installs again when the lockfile has changed", async (t) => {
    const { run, file, installed } = project(t);
    installed();
    writeFileSync(file("package-lock.json"), "{}");
    assert.ok((await run()).stdout.startsWith(NPM_CI));
  });

  it("stops when npm fails, and doesn't record it as done", async (t) => {
    const { run, npm, stamp } = project(t);
    npm("echo 'npm error network' >&2; exit 3");
    const { code, stdout, stderr } = await run();
    assert.equal(code, 1);
    assert.equal(stdout, NPM_CI);
    assert.equal(
      stderr,
      "- Installing the dependencies (npm ci) ...\nnpm error network\n" +
        "error: npm could not install the dependencies: see its message above\n",
    );
    assert.ok(!existsSync(stamp));
  });

  it("leaves linked dependencies alone", async (t) => {
    const { run, file } = project(t);
    rmSync(file("node_modules"), { recursive: true });
    mkdirSync(file("theirs"));
    writeFileSync(file("theirs", "kept"), "");
    symlinkSync(file("theirs"), file("node_modules"));
    const { code, stderr } = await run();
    assert.equal(code, 0);
    assert.equal(stderr, "");
    assert.deepEqual(readdirSync(file("theirs")), ["kept"]);
  });

  it("hands over to the Node dependency if this one is too old", async (t) => {
    const { run, installed, carry, main } = project(t);
    installed();
    carry('echo "carried $*"; exit 7');
    assert.deepEqual(await run(["up", "-y"], OLD), {
      code: 7,
      stdout: `carried ${main} up -y\n`,
      stderr: "",
    });
  });

  it("fails when that Node is killed", async (t) => {
    const { run, installed, carry } = project(t);
    installed();
    carry("kill -9 $$");
    assert.equal((await run([], OLD)).code, 1);
  });

  it("passes a signal on to that Node", async (t) => {
    const { start, installed, carry } = project(t);
    installed();
    // It interrupts its parent itself, as early as anybody can.
    carry(
      'trap "echo interrupted; exit 5" INT; echo ready; kill -INT $PPID; for i in $(seq 300); do sleep 0.1; done',
    );
    const child = start(OLD, []);
    const exit = once(child, "exit") as Promise<[number | null]>;
    const [said, [code]] = await Promise.all([text(child.stdout), exit]);
    assert.equal(said, "ready\ninterrupted\n");
    assert.equal(code, 5);
  });

  it("says what to install if there is no such Node", async (t) => {
    const { run, installed } = project(t);
    installed();
    assert.deepEqual(await run([], OLD), {
      code: 1,
      stdout: "",
      stderr:
        `error: Node 22.17.9 is too old, and npm has no newer one for ${process.platform}-${process.arch}: ` +
        "install Node 22.18 or newer\n",
    });
  });
});
