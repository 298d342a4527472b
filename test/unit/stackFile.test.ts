import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { describe, it, type TestContext } from "node:test";
import { onlySaltDiffers } from "../../stack/cleanConfigFile.ts";
import type * as StackFile from "../../stack/cleanConfigFile.ts";
import { copyProject } from "./stackCopy.ts";

/** As an operator writes it: with comments, blank lines and plain values of every type. */
const WRITTEN = `# The lab's stack.
config:
  cybexp:kms:   # two spaces too many
    image: cybexp-demo/kms:1
    listen: 5002

  cybexp:throwaway: true
  cybexp:users:
    - name: 'collector'
`;

/** As Pulumi saves it again: the salt, and plain values as text. */
const SALTED = `encryptionsalt: v1:abc:v1:def
# The lab's stack.
config:
  cybexp:kms:
    image: cybexp-demo/kms:1
    listen: 5002
  cybexp:throwaway: "true"
  cybexp:users:
    - name: collector
`;

describe("whether only the salt of a stack file differs", () => {
  for (const [what, before, after, verdict] of [
    ["Pulumi saved it with a salt", WRITTEN, SALTED, true],
    ["it was empty", "", "encryptionsalt: x\n", true],
    ["it had no config", "# nothing\n", "encryptionsalt: x\nconfig: {}\n", true],
    ["nothing differs", WRITTEN, WRITTEN, false],
    ["it has no salt", WRITTEN, SALTED.replace(/^encryptionsalt.*\n/, ""), false],
    ["a value changed", WRITTEN, SALTED.replace("5002", "5003"), false],
    ["a value's type changed below a key", WRITTEN, SALTED.replace("5002", '"5002"'), false],
    ["a key was added", WRITTEN, `${SALTED}  cybexp:new: 1\n`, false],
    ["a key was removed", `${WRITTEN}  cybexp:new: 1\n`, SALTED, false],
    ["another top-level key came", WRITTEN, `${SALTED}secretsprovider: passphrase\n`, false],
    [
      "a secret needs the salt",
      `${WRITTEN}  cybexp:a:\n    secure: v1:x\n`,
      `${SALTED}  cybexp:a:\n    secure: v1:x\n`,
      false,
    ],
    ["it is not valid YAML", WRITTEN, "encryptionsalt: [\n", false],
    ["it was no YAML", "a: [\n", SALTED, false],
    ["it is cut off", WRITTEN, "", false],
  ] as const) {
    it(`${verdict ? "is so" : "is not so"} when ${what}`, () => {
      assert.equal(onlySaltDiffers(before, after), verdict);
    });
  }
});

/** A Pulumi that does nothing but save the stack file. */
const saves = (file: string, text: string) => () => Promise.resolve(writeFileSync(file, text));

describe("a run of Pulumi on a stack file", () => {
  const prepare = async (t: TestContext, text = WRITTEN) => {
    const copy = copyProject(t);
    const file = copy.file("Pulumi.a.yaml");
    writeFileSync(file, text);
    const { withCleanStackFile } = await copy.load<typeof StackFile>("stack/cleanConfigFile.ts");
    const now = () => readFileSync(file, "utf8");
    return { copy, file, now, withCleanStackFile };
  };

  it("leaves it as it was, to the byte, and gives the run's result", async (t) => {
    const { file, now, withCleanStackFile } = await prepare(t);
    const result = await withCleanStackFile("a", true, async () => {
      writeFileSync(file, SALTED);
      await Promise.resolve();
      assert.equal(now(), SALTED);
      return 42;
    });
    assert.equal(result, 42);
    assert.equal(now(), WRITTEN);
  });

  it("leaves it as it was after a failure, too", async (t) => {
    const { file, now, withCleanStackFile } = await prepare(t);
    const failure = new Error("no");
    const work = withCleanStackFile("a", true, () => {
      writeFileSync(file, SALTED);
      return Promise.reject(failure);
    });
    await assert.rejects(work, failure);
    assert.equal(now(), WRITTEN);
  });

  it("keeps its permissions, although its own copies are for this user alone", async (t) => {
    const { file, withCleanStackFile } = await prepare(t);
    chmodSync(file, 0o664);
    const umask = process.umask(0o077);
    t.after(() => process.umask(umask));
    await withCleanStackFile("a", true, saves(file, SALTED));
    assert.equal(statSync(file).mode & 0o777, 0o664);
  });

  it("that was killed is repaired by the next", async (t) => {
    const { copy, now, withCleanStackFile } = await prepare(t);
    const child = spawn(
      process.execPath,
      [
        "--input-type=module",
        "-e",
        `import { writeFileSync } from "node:fs";
         import { withCleanStackFile } from "./stack/cleanConfigFile.ts";
         await withCleanStackFile("a", true, async () => {
           writeFileSync("Pulumi.a.yaml", ${JSON.stringify(SALTED)});
           console.log("written");
           await new Promise((resolve) => setTimeout(resolve, 60_000));
         });`,
      ],
      { cwd: copy.root, stdio: ["ignore", "pipe", "inherit"] },
    );
    await once(child.stdout, "data");
    child.kill("SIGKILL");
    await once(child, "exit");
    assert.equal(now(), SALTED);

    let during = "";
    await withCleanStackFile("a", true, () => Promise.resolve((during = now())));
    assert.equal(during, WRITTEN);
    assert.equal(now(), WRITTEN);
  });

  it("keeps what the operator has changed since a run was killed", async (t) => {
    const { file, now, withCleanStackFile } = await prepare(t);
    await withCleanStackFile("a", true, () => Promise.resolve());
    const edited = SALTED.replace("5002", "5003");
    writeFileSync(file, edited);
    await withCleanStackFile("a", true, () => Promise.resolve());
    assert.equal(now(), edited);
  });

  it("keeps what the operator has changed since the last run, comments alone included", async (t) => {
    const { file, now, withCleanStackFile } = await prepare(t);
    await withCleanStackFile("a", true, () => Promise.resolve());
    const edited = `${WRITTEN}# A comment.\n`;
    writeFileSync(file, edited);
    await withCleanStackFile("a", true, saves(file, SALTED));
    assert.equal(now(), edited);
  });

  it("keeps what the run itself has set, with its salt", async (t) => {
    const { file, now, withCleanStackFile } = await prepare(t);
    const set = `${SALTED}  cybexp:a:\n    secure: v1:x\n`;
    await withCleanStackFile("a", true, saves(file, set));
    assert.equal(now(), set);
  });

  it("keeps the salt of a file with secrets of its own", async (t) => {
    const secret = `${SALTED}  cybexp:a:\n    secure: v1:x\n`;
    const { file, now, withCleanStackFile } = await prepare(t, secret);
    await withCleanStackFile("a", true, saves(file, secret));
    assert.equal(now(), secret);
  });

  it("does none of this with a backend that the operator chose", async (t) => {
    const { copy, file, now, withCleanStackFile } = await prepare(t);
    await withCleanStackFile("a", false, saves(file, SALTED));
    assert.equal(now(), SALTED);
    assert.ok(!existsSync(copy.file(".cybexp", "stack-files")));
  });

  it("fails with a sentence if there is no such file", async (t) => {
    const { withCleanStackFile } = await prepare(t);
    const work = withCleanStackFile("nosuch", true, () => assert.fail("must not run"));
    await assert.rejects(work, { name: "UserError", message: /^there is no stack nosuch: / });
  });

  for (const first of ["a", "b"] as const) {
    it(`beside another leaves it as it was, ${first === "a" ? "the first" : "the second"} ending first`, async (t) => {
      const { file, now, withCleanStackFile } = await prepare(t);
      const ends: Record<string, () => void> = {};
      const start = (name: string) =>
        withCleanStackFile("a", true, async () => {
          writeFileSync(file, SALTED);
          await new Promise<void>((resolve) => (ends[name] = resolve));
        });
      const runs = { a: start("a"), b: start("b") };
      ends[first]?.();
      await runs[first];
      const second = first === "a" ? "b" : "a";
      ends[second]?.();
      await runs[second];
      assert.equal(now(), WRITTEN);
    });
  }

  it("beside another keeps no salted copy, whenever the other's Pulumi writes", async (t) => {
    const { copy, now } = await prepare(t);
    // Two processes that start and end runs as fast as they can: what one writes, the other meets.
    const script = `
      import { renameSync, writeFileSync } from "node:fs";
      import { setImmediate as turn } from "node:timers/promises";
      import { withCleanStackFile } from "./stack/cleanConfigFile.ts";
      for (let i = 0; i < 60; i++) {
        await withCleanStackFile("a", true, async () => {
          writeFileSync("salted-" + process.pid, ${JSON.stringify(SALTED)});
          renameSync("salted-" + process.pid, "Pulumi.a.yaml");
          await turn();
        });
      }`;
    const runs = [1, 2].map(() =>
      spawn(process.execPath, ["--input-type=module", "-e", script], {
        cwd: copy.root,
        stdio: "inherit",
      }),
    );
    for (const [code] of await Promise.all(runs.map((run) => once(run, "exit")))) {
      assert.equal(code, 0);
    }
    assert.equal(now(), WRITTEN);
    assert.equal(readFileSync(copy.file(".cybexp", "stack-files", "a.yaml"), "utf8"), WRITTEN);
    assert.deepEqual(
      [...readdirSync(copy.root), ...readdirSync(copy.file(".cybexp", "stack-files"))].filter(
        (name) => name.endsWith(".next"),
      ),
      [],
    );
  });

  it("that removes it, as `pulumi stack rm` does, leaves it removed", async (t) => {
    const { file, withCleanStackFile } = await prepare(t);
    await withCleanStackFile("a", true, () => Promise.resolve(rmSync(file)));
    assert.ok(!existsSync(file));
  });
});
