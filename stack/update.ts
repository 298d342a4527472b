import { spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { projectRoot } from "../machine/paths.ts";
import { forwardSignals } from "../machine/signals.ts";
import { UpdateReport } from "./updateReport.ts";

export interface Update {
  /** Whether it got to the end, and all went well. */
  readonly ok: boolean;
  /** How many resources were changed, if Pulumi got to the end. */
  readonly changes: number;
  /** What went wrong, one sentence each. */
  readonly failures: readonly string[];
  /** Those of them that are a container's, with its name in Docker. */
  readonly unwell: ReadonlyMap<string, string>;
  /** Whether it was told to stop. */
  readonly interrupted: boolean;
}

/** How often Pulumi's events are looked for. */
const POLL_MS = 100;

/** How long it may be silent before it is said what it is at. */
const SILENCE_MS = 15_000;

/**
 * Runs `pulumi up` or `destroy` and tells what changes, a line each.
 *
 * Pulumi writes its events to a file and not to a pipe: if this process is killed, it does not die of
 * the broken pipe in the middle of its work. The file has no name, so that nobody else reads it, and
 * it is gone with the two processes: the events' debug messages have secrets in them.
 *
 * @param onStart Told the process id.
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
    // A group of its own: Ctrl-C reaches it once, through us. A second SIGINT would make it give up
    // in the middle.
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
    onFirst: () => say("- Stopping: what is under way is finished first"),
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

/** Below it a run's events may not have had room. */
const LITTLE_MIB = 1;

/** Pulumi ended well, and what it told of it is not all there. */
function cutOff(folder: string): string {
  const { bavail, bsize } = statfsSync(folder);
  const why =
    (bavail * bsize) / 2 ** 20 < LITTLE_MIB
      ? `no space left on device: ${folder} is full. Make room`
      : `Pulumi's events in ${folder} are cut off. See whether that disk works`;
  return `it can't be told what changed: ${why}, and run it again`;
}

/** What Pulumi said last, or else how it ended. */
function lastWords(errors: string, code: number, killedBy: NodeJS.Signals | null): string[] {
  const words = wordsOf(errors);
  if (words.length > 0) {
    return words;
  }
  return killedBy === null
    ? [`Pulumi ended with exit code ${code}, and said nothing`]
    : [`Pulumi was killed (${killedBy}), perhaps for want of memory: \`dmesg\` tells`];
}

/** What stops Pulumi before it has a resource to speak of. */
export function wordsOf(errors: string): string[] {
  const text = errors.replace(/^error: /gm, "").trim();
  if (/incorrect passphrase/.test(text)) {
    return [
      "incorrect passphrase: PULUMI_CONFIG_PASSPHRASE is not the one that this stack's secrets are encrypted with",
    ];
  }
  return text === "" ? [] : [text];
}

/** A file that only its open descriptors lead to. */
function nameless(): number {
  const folder = mkdtempSync(join(tmpdir(), "cybexp-events-"));
  try {
    return openSync(join(folder, "events"), "w+", 0o600);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What the file has from a position on. */
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
      say(`  still at it: ${report.underWay || "looking at what is there"}`);
      lastWord = performance.now();
    }
    await Promise.race([end, sleep(POLL_MS)]);
  }
  drain();
  return code;
}
