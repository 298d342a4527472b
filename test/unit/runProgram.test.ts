/** What a program of programs/ does with its input, its time and its failures. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { describe, it } from "node:test";
import { projectRoot } from "../../machine/paths.ts";

const SECRET = "s3cret-0123456789";
const INPUT = { user: { name: "a", password: SECRET } };

/** Runs a program with this body and input as Pulumi would. */
async function runBody(body: string, input: object | string | null = INPUT, limitSeconds = 20) {
  const script = `
    import { setTimeout as sleep } from "node:timers/promises";
    import { z } from "zod";
    import { UserError } from "./programs/errors.ts";
    import { runProgram } from "./programs/program.ts";
    const schema = z.object({ user: z.object({ name: z.string(), password: z.string() }) });
    await runProgram(schema, ${limitSeconds}, async (input, signal) => { ${body} });
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    cwd: projectRoot,
    stdio: "pipe",
  });
  // With null, whoever started it neither writes nor ends.
  if (input !== null) {
    child.stdin.end(typeof input === "string" ? input : JSON.stringify(input));
  }
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "exit") as Promise<[number | null]>,
  ]);
  child.stdin.destroy();
  return { code, stdout, stderr };
}

describe("a program that Pulumi starts", { concurrency: 2 }, () => {
  it("gets its input, and prints nothing on success", async () => {
    const body = `if (input.user.password !== "${SECRET}") throw new UserError("not the input");`;
    assert.deepEqual(await runBody(body), { code: 0, stdout: "", stderr: "" });
  });

  it("prints only a UserError's sentence", async () => {
    assert.deepEqual(await runBody('throw new UserError("the door is open");'), {
      code: 1,
      stdout: "",
      stderr: "the door is open\n",
    });
  });

  it("gives up in time, and stops what obeys the signal", async () => {
    assert.deepEqual(await runBody("await sleep(30_000, undefined, { signal });", INPUT, 0.2), {
      code: 1,
      stdout: "",
      stderr: "gave up after 0.2 s\n",
    });
  });

  it("gives up a little later on what ignores it", async () => {
    assert.deepEqual(await runBody("await sleep(30_000);", INPUT, 0.1), {
      code: 1,
      stdout: "",
      stderr: "gave up after 0.1 s\n",
    });
  });

  it("also gives up when its input never ends", async () => {
    assert.deepEqual(await runBody("", null, 0.1), {
      code: 1,
      stdout: "",
      stderr: "gave up after 0.1 s\n",
    });
  });

  describe("never shows its input", () => {
    for (const [what, input, expected] of [
      ["in a value of the wrong type", { user: { name: 5, password: SECRET } }, "user.name"],
      [
        "where the secret itself is wrong",
        { user: { name: "a", password: [SECRET] } },
        "user.password",
      ],
      ["where it is somewhere else", { password: SECRET }, "user"],
    ] as const) {
      it(what, async () => {
        assert.deepEqual(await runBody("", input), {
          code: 1,
          stdout: "",
          stderr: `unexpected input at ${expected}\n`,
        });
      });
    }

    for (const [what, input, body] of [
      ["that is no JSON", `{"user": {"password": ${SECRET}`, ""],
      ["in a bug's message", INPUT, "throw new Error(input.user.password);"],
      [
        "in a bug's message that looks like a trace",
        INPUT,
        'throw new Error("x\\n    at " + input.user.password);',
      ],
      ["in what is thrown and is no error", INPUT, "throw input.user.password;"],
      [
        "in a bug that nobody awaits",
        INPUT,
        "void Promise.reject(new Error(input.user.password)); await sleep(500);",
      ],
      [
        "in a bug in a callback",
        INPUT,
        "setTimeout(() => { throw new Error(input.user.password); }); await sleep(500);",
      ],
    ] as const) {
      it(what, async () => {
        const { code, stdout, stderr } = await runBody(body, input);
        assert.equal(code, 1);
        assert.equal(stdout, "");
        assert.ok(!stderr.includes(SECRET), stderr);
        assert.match(stderr, /^[^\n]+\n$/, "one sentence");
      });
    }
  });

  it("names the place of its own bug", async () => {
    const { stderr } = await runBody("input.user.nosuch.thing;");
    assert.match(stderr, /^internal error: TypeError {4}at .+\n$/);
  });
});
