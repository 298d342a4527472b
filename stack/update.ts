import { spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { projectRoot } from "../machine/paths.ts";
import { forwardSignals } from "../machine/signals.ts";
import { UpdateReport } from "./updateReport.ts";

export interface Update {
  /** Whether it reached its end and succeeded. */
  readonly ok: boolean;
  /** How many resources were changed, if Pulumi reached its end. */
  readonly changes: number;
  /** One sentence for each failure. */
  readonly failures: readonly string[];
  /** The failures that are about a container, with its name in Docker. */
  readonly unwell: ReadonlyMap<string, string>;
  /** Whether it was interrupted. */
  readonly interrupted: boolean;
}

/** How often to look for Pulumi's events. */
const POLL_MS = 100;

/** After this long without a line, one says what Pulumi is doing. */
const SILENCE_MS = 15_000;

/**
 * Runs `pulumi up` or `destroy` and prints a line for each change.
 *
 * Pulumi writes its events to a file, not to a pipe: if this process is killed, Pulumi does not die of a
 * broken pipe halfway. The file has no name, because the events' debug messages contain secrets: nobody
 * else can read it, and it is gone when both processes are.
 *
 * @param onStart Gets the process id.
 */
export async function runUpdate(
  pulumi: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  onStart: (pid: number) => void,
): Promise<Update> {
  const say = (line: string) => void process.stdout.write(`${line}\n`);
  const events = nameless();
  const errors = nameless();
  const child = spawn(pulumi, [...args, "--json", "--non-interactive"], {
    cwd: projectRoot,
    env,
    // In a group of its own, Ctrl-C reaches it only once, through us. A second SIGINT would make it give
    // up halfway.
    detached: true,
    stdio: ["ignore", events, errors],
  });
  let killedBy: NodeJS.Signals | null = null;
  const ended = new Promise<number>((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      killedBy = signal;
      resolve(code ?? 1);
    });
  });
  const stopForwarding = forwardSignals(child, {
    onFirst: () => say("- Stopping after the current operations have finished"),
  });
  try {
    if (child.pid !== undefined) {
      onStart(child.pid);
    }
    const report = new UpdateReport(say);
    const code = await follow(events, report, ended, say);
    const interrupted = stopForwarding() || report.cancelled;
    const silent = code !== 0 && report.failures.length === 0;
    const failures = [
      ...(silent
        ? lastWords(readFrom(errors, 0).toString("utf8"), code, killedBy)
        : report.failures),
      ...(code === 0 && !report.isWhole && !interrupted ? [cutOff(tmpdir())] : []),
    ];
    const ok = code === 0 && report.isWhole && !interrupted;
    return { ok, changes: report.changes, failures, unwell: report.unwell, interrupted };
  } finally {
    stopForwarding();
    closeSync(events);
    closeSync(errors);
  }
}

/** With less free space, a run's events may have been cut off. */
const LITTLE_MIB = 1;

/** Pulumi succeeded, but its events are incomplete. */
function cutOff(folder: string): string {
  const { bavail, bsize } = statfsSync(folder);
  const why =
    (bavail * bsize) / 2 ** 20 < LITTLE_MIB
      ? `no space left on device: ${folder} is full. Free some space`
      : `Pulumi's events in ${folder} are cut off. Check that disk`;
  return `it is unknown what changed: ${why}, and run it again`;
}

/** Pulumi's last message, or else how it ended. */
function lastWords(errors: string, code: number, killedBy: NodeJS.Signals | null): string[] {
  const words = wordsOf(errors);
  if (words.length > 0) {
    return words;
  }
  return killedBy === null
    ? [`Pulumi ended with exit code ${code} and printed nothing`]
    : [`Pulumi was killed (${killedBy}), perhaps for lack of memory: see \`dmesg\``];
}

/** The message of a Pulumi that stopped before it reached a resource. */
export function wordsOf(errors: string): string[] {
  const text = errors.replace(/^error: /gm, "").trim();
  if (/incorrect passphrase/.test(text)) {
    return [
      "incorrect passphrase: this stack's secrets are encrypted with another one than PULUMI_CONFIG_PASSPHRASE",
    ];
  }
  return text === "" ? [] : [text];
}

/** Opens a file that has no name, only descriptors. */
function nameless(): number {
  const folder = mkdtempSync(join(tmpdir(), "cybexp-events-"));
  try {
    return openSync(join(folder, "events"), "w+", 0o600);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The file's content from a position on. */
function readFrom(file: number, position: number): Buffer {
  const parts: Buffer[] = [];
  for (let end = position; ;) {
    const part = Buffer.alloc(1 << 16);
    const length = readSync(file, part, 0, part.length, end);
    if (length === 0) {
      return Buffer.concat(parts);
    }
    parts.push(part.subarray(0, length));
    end += length;
  }
}

/** Hands each line of the file to the report as it comes, until Pulumi has ended. */
async function follow(
  file: number,
  report: UpdateReport,
  ended: Promise<number>,
  say: (line: string) => void,
): Promise<number> {
  let position = 0;
  let rest = Buffer.alloc(0);
  let told = 0;
  const drain = () => {
    const news = readFrom(file, position);
    position += news.length;
    const lines = Buffer.concat([rest, news]);
    const whole = lines.lastIndexOf(10) + 1;
    rest = lines.subarray(whole);
    for (const line of lines.subarray(0, whole).toString("utf8").split("\n")) {
      report.take(line);
    }
  };

  let code: number | undefined;
  const end = ended.then((value) => (code = value));
  let lastWord = performance.now();
  while (code === undefined) {
    drain();
    if (report.told > told) {
      told = report.told;
      lastWord = performance.now();
    } else if (performance.now() - lastWord > SILENCE_MS) {
      say(`  still working: ${report.underWay || "reading the present state"}`);
      lastWord = performance.now();
    }
    await Promise.race([end, sleep(POLL_MS)]);
  }
  drain();
  return code;
}
