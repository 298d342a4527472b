import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runChild } from "../../programs/docker/child.ts";
import { Docker, DockerError } from "../../programs/docker/docker.ts";

const sh = (script: string, options: Partial<Parameters<typeof runChild>[2]> = {}) =>
  runChild("sh", ["-c", script], { timeoutMs: 20_000, ...options });

describe("running a program", () => {
  it("gives its exit code and its output, without the last line break", async () => {
    assert.deepEqual(await sh("echo one; echo; echo two >&2; exit 3"), {
      ...{ code: 3, stdout: "one\n", stderr: "two", timedOut: false },
      ...{ all: "one\n\ntwo", bytes: Buffer.from("one\n\n") },
    });
  });

  it("hands over its input and its environment", async () => {
    const { stdout } = await sh('cat; echo " $WHO $HOME"', { input: "text", env: { WHO: "me" } });
    assert.equal(stdout, `text me ${process.env["HOME"]}`);
  });

  it("accepts a program that ends before it has read its input", async () => {
    const { code, stdout } = await sh("echo enough", { input: Buffer.alloc(8 << 20) });
    assert.deepEqual([code, stdout], [0, "enough"]);
  });

  it("keeps text intact that comes in parts", async () => {
    const { stdout } = await sh("printf '\\303'; sleep 0.2; printf '\\244'");
    assert.equal(stdout, "ä");
  });

  it("stops it when the time is up, whatever it ignores", async () => {
    const start = performance.now();
    const result = await sh("exec sleep 60", { timeoutMs: 200 });
    assert.deepEqual(
      [result.code, result.timedOut, result.trouble],
      [undefined, true, "killed by SIGTERM"],
    );
    const deaf = await sh("trap '' TERM; sleep 60 & wait; wait", { timeoutMs: 200 }).then(
      ({ trouble }) => trouble,
    );
    assert.equal(deaf, "killed by SIGKILL");
    assert.ok(performance.now() - start < 20_000);
  });

  it("stops it on an abort signal, with the signal's reason", async () => {
    const controller = new AbortController();
    const running = sh("exec sleep 60", { signal: controller.signal });
    controller.abort(new Error("enough"));
    await assert.rejects(running, { message: "enough" });
    await assert.rejects(sh("exit 0", { signal: controller.signal }), { message: "enough" });
  });

  it("tells each line as it comes, of both outputs, without a limit of time", async () => {
    const lines: string[] = [];
    const onLine = (line: string) => void lines.push(line);
    const script = "echo one; echo two >&2; printf 'thr'; sleep 0.2; echo ee; printf four";
    const { code, all } = await sh(script, { onLine, timeoutMs: Infinity });
    assert.deepEqual([code, all.split("\n").length], [0, 4]);
    assert.deepEqual(lines.sort(), ["four", "one", "three", "two"]);
  });

  it("tells of a program that is not there", async () => {
    const { code, trouble } = await runChild("no-such-program", [], { timeoutMs: 1000 });
    assert.deepEqual([code, trouble], [undefined, "spawn no-such-program ENOENT"]);
  });

  it("leaves no listener behind", async () => {
    const before = process.listenerCount("exit");
    await Promise.all(Array.from({ length: 20 }, () => sh("exit 0")));
    assert.equal(process.listenerCount("exit"), before);
  });
});

describe("the engine's command line", () => {
  it("fails with the subcommand and its last words", async () => {
    await assert.rejects(new Docker("unix:///nobody/here.sock").run(["volume", "ls"]), (error) => {
      assert.ok(error instanceof DockerError);
      assert.match(error.message, /^docker volume ls: .*unix:\/\/\/nobody\/here\.sock/);
      return true;
    });
  });
});
