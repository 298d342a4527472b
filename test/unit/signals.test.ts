import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { describe, it, type TestContext } from "node:test";
import { projectRoot } from "../../machine/paths.ts";
import { forwardSignals, INTERRUPTED } from "../../machine/signals.ts";

type Signal = "SIGINT" | "SIGTERM" | "SIGHUP";

/** Forwards to a child that only notes what it gets, with a clock of the test's own. */
function forward(t: TestContext, options?: Parameters<typeof forwardSignals>[1]) {
  let now = 0;
  t.mock.method(performance, "now", () => now);
  const passed: string[] = [];
  const child = { kill: (signal: string) => passed.push(`${signal} at ${now}`) };
  const before = process.listeners("SIGINT");
  const stop = forwardSignals(child as unknown as ChildProcess, options);
  const [handler] = process.listeners("SIGINT").filter((one) => !before.includes(one));
  assert.ok(handler);
  for (const signal of ["SIGTERM", "SIGHUP"] as const) {
    assert.ok(process.listeners(signal).includes(handler), `${signal} is forwarded`);
  }
  t.after(() => stop());
  return {
    passed,
    stop,
    handler,
    at: (time: number, signal: Signal) => {
      now = time;
      handler(signal);
    },
  };
}

describe("forwarding signals", () => {
  it("passes one Ctrl-C that arrives twice, from the terminal and through npm, once", (t) => {
    const { at, passed } = forward(t);
    at(5000, "SIGINT");
    at(5002, "SIGINT");
    at(5999, "SIGINT");
    assert.deepEqual(passed, ["SIGINT at 5000"]);
  });

  it("also passes a second one, later", (t) => {
    const { at, passed } = forward(t);
    at(0, "SIGINT");
    at(1000, "SIGINT");
    assert.deepEqual(passed, ["SIGINT at 0", "SIGINT at 1000"]);
  });

  it("counts from the last one that it passed, not from one that it dropped", (t) => {
    const { at, passed } = forward(t);
    at(0, "SIGINT");
    at(900, "SIGINT");
    at(1100, "SIGINT");
    assert.deepEqual(passed, ["SIGINT at 0", "SIGINT at 1100"]);
  });

  it("passes a termination and a hang-up as the signal that Pulumi stops cleanly on", (t) => {
    const { at, passed } = forward(t);
    at(0, "SIGTERM");
    at(1, "SIGINT");
    at(2000, "SIGHUP");
    assert.deepEqual(passed, ["SIGINT at 0", "SIGINT at 2000"]);
  });

  it("leaves Ctrl-C to the terminal for a child that shares it, and passes the rest", (t) => {
    const { at, passed } = forward(t, { shared: true });
    at(0, "SIGINT");
    at(2000, "SIGTERM");
    assert.deepEqual(passed, ["SIGINT at 2000"]);
  });

  it("reports the first one, once", (t) => {
    let told = 0;
    const { at } = forward(t, { onFirst: () => told++ });
    at(0, "SIGINT");
    at(1, "SIGINT");
    at(5000, "SIGINT");
    assert.equal(told, 1);
  });

  it("leaves no handler behind, and says whether there was a signal", (t) => {
    const first = forward(t);
    assert.equal(first.stop(), false);
    first.at(0, "SIGINT");
    assert.equal(first.stop(), true);
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      assert.ok(!process.listeners(signal).includes(first.handler));
    }
  });
});

describe("obeying signals", () => {
  const SCRIPT = `
    import { forwardSignals, obeySignals } from "./machine/signals.ts";
    obeySignals();
    process.on("exit", (code) => console.log("ended with " + code));
    const child = { kill: (signal) => console.log("passed " + signal) };
    const stop = process.env.FORWARD ? forwardSignals(child) : undefined;
    console.log("ready");
    setTimeout(() => { stop?.(); process.exit(7); }, process.env.FORWARD ? 700 : 30_000);
  `;
  const start = (env: NodeJS.ProcessEnv) =>
    spawn(process.execPath, ["--input-type=module", "-e", SCRIPT], {
      cwd: projectRoot,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "inherit"],
    });

  /** Sends a signal when it is ready; its exit code and what it says after that. */
  const interrupt = async (signal: Signal, env: NodeJS.ProcessEnv = {}) => {
    const child = start(env);
    await once(child.stdout, "data");
    child.kill(signal);
    const exit = once(child, "exit") as Promise<[number | null]>;
    const [said, [code]] = await Promise.all([text(child.stdout), exit]);
    return { code, said };
  };

  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    it(`ends in order at ${signal}`, async () => {
      assert.deepEqual(await interrupt(signal), {
        code: INTERRUPTED,
        said: `ended with ${INTERRUPTED}\n`,
      });
    });
  }

  it("keeps running while signals are passed to a child", async () => {
    assert.deepEqual(await interrupt("SIGTERM", { FORWARD: "1" }), {
      code: 7,
      said: "passed SIGINT\nended with 7\n",
    });
  });

  it("treats the death of its parent as a hang-up", async () => {
    // The shell's `wait` keeps it from becoming the program itself.
    const launcher = spawn(
      "sh",
      ["-c", '"$0" --input-type=module -e "$1" & wait', process.execPath, SCRIPT],
      { cwd: projectRoot, stdio: ["ignore", "pipe", "inherit"] },
    );
    await once(launcher.stdout, "data");
    launcher.kill("SIGKILL");
    assert.equal(await text(launcher.stdout), `ended with ${INTERRUPTED}\n`);
  });
});
