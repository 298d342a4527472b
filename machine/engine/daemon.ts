import { execa } from "execa";
import { spawn } from "node:child_process";
import { existsSync, openSync, closeSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "../../programs/errors.ts";
import { step } from "../progress.ts";

/** Long enough for a first start, which creates the storage and the network rules. */
const START_TIMEOUT_MS = 60_000;

export interface DaemonOptions {
  /** The file that its output is appended to. @default "/var/log/dockerd.log" */
  readonly log?: string;
  /** The command that runs dockerd, such as ["nice", "dockerd"]. @default ["dockerd"] */
  readonly command?: readonly [string, ...string[]];
  /** Further arguments of dockerd. Its default pid file is /var/run/docker.pid. */
  readonly args?: readonly string[];
  /** Whether systemd starts it. @default whether systemd runs this machine */
  readonly systemd?: boolean;
}

/**
 * Starts this machine's own engine and waits until it answers. systemd starts it, if it runs here;
 * otherwise it is a process in a session of its own that outlives us.
 *
 * @param answers Whether the engine answers.
 */
export async function startDaemon(
  answers: () => Promise<boolean>,
  options: DaemonOptions = {},
): Promise<void> {
  const systemd = options.systemd ?? existsSync("/run/systemd/system");
  await step(`Starting the Docker engine${systemd ? " through systemd" : ""}`, () =>
    systemd ? startService(answers) : startProcess(answers, options),
  );
}

async function startService(answers: () => Promise<boolean>): Promise<void> {
  const result = await execa("systemctl", ["start", "docker"], { reject: false });
  if (result.failed || !(await becomesTrue(answers, () => true))) {
    throw new UserError(
      `The Docker engine did not start (${result.stderr.split("\n")[0] || "no answer"}): ` +
        "see `systemctl status docker`.",
    );
  }
}

async function startProcess(
  answers: () => Promise<boolean>,
  { log = "/var/log/dockerd.log", command = ["dockerd"], args = [] }: DaemonOptions,
): Promise<void> {
  const output = openSync(log, "a", 0o640);
  const [program, ...leading] = command;
  const daemon = spawn(program, [...leading, ...args], {
    cwd: "/",
    detached: true, // a session of its own: Ctrl-C here must not stop the engine
    stdio: ["ignore", output, output],
  });
  closeSync(output);
  let running = true;
  daemon.on("error", () => (running = false));
  daemon.on("exit", () => (running = false));
  daemon.unref();
  if (!(await becomesTrue(answers, () => running))) {
    throw new UserError(`The Docker engine did not start (${await lastError(log)}): see ${log}.`);
  }
}

/** Whether the test succeeds before the time is up or hope is lost. */
async function becomesTrue(test: () => Promise<boolean>, hope: () => boolean): Promise<boolean> {
  const end = performance.now() + START_TIMEOUT_MS;
  while (performance.now() < end) {
    const hopeful = hope();
    if (await test()) {
      return true;
    }
    if (!hopeful) {
      return false;
    }
    await sleep(200);
  }
  return false;
}

async function lastError(log: string): Promise<string> {
  const lines = (await readFile(log, "utf8")).trim().split("\n");
  const line = lines.findLast((text) => /failed|error|fatal/i.test(text)) ?? lines.at(-1) ?? "";
  return line.trim() || "no output";
}
