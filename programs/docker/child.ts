/**
 * Runs a program until it ends. It uses Node's own module: Pulumi starts many short programs, and a library
 * would take longer to load than their work takes.
 */
import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createInterface } from "node:readline";

export interface ChildOptions {
  /** Added to the environment of this process. */
  readonly env?: NodeJS.ProcessEnv;
  /** Sent to standard input. @default nothing */
  readonly input?: string | Uint8Array;
  /** Infinity for no limit. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Told every line of output, on whichever stream, as it comes. */
  readonly onLine?: (line: string) => void;
}

export interface ChildResult {
  /** Undefined if it was killed, or could not be started. */
  readonly code: number | undefined;
  /** Without the newline at the end. */
  readonly stdout: string;
  /** The same, byte for byte, for output that is not text. */
  readonly bytes: Buffer;
  readonly stderr: string;
  /** Both outputs, in the order in which they came. */
  readonly all: string;
  readonly timedOut: boolean;
  /** Why it could not be started, or that it was killed. */
  readonly trouble?: string;
}

/** How long it may take to stop before it is killed. */
const GRACE_MS = 5000;

/** The running children. None of them outlives this process. */
const running = new Set<ChildProcess>();
process.once("exit", () => running.forEach((child) => child.kill()));

/** Ends the child with this process. */
export function bind<C extends ChildProcess>(child: C): C {
  running.add(child);
  child.once("close", () => running.delete(child));
  return child;
}

/** @throws the signal's reason, if the signal ended it */
export async function runChild(
  program: string,
  args: readonly string[],
  { env, input, timeoutMs, signal, onLine }: ChildOptions,
): Promise<ChildResult> {
  signal?.throwIfAborted();
  const child = spawn(program, args, { env: { ...process.env, ...env } });
  running.add(child);
  const stop = () => {
    child.kill();
    setTimeout(() => child.kill("SIGKILL"), GRACE_MS).unref();
    // Its own children may keep its outputs open after it has ended.
    child.once("exit", () => [child.stdout, child.stderr].forEach((stream) => stream.destroy()));
  };
  let timedOut = false;
  const giveUp = () => {
    timedOut = true;
    stop();
  };
  const timer = timeoutMs === Infinity ? undefined : setTimeout(giveUp, timeoutMs);
  signal?.addEventListener("abort", stop, { once: true });
  try {
    const output = collect(child);
    if (onLine) {
      [child.stdout, child.stderr].forEach((input) =>
        createInterface({ input }).on("line", onLine),
      );
    }
    // It may end before it has read all of it: its exit code says what that means.
    child.stdin.on("error", () => {});
    child.stdin.end(input);
    const end = await endOf(child);
    if (signal?.aborted) {
      throw signal.reason;
    }
    return { ...end, ...output(), timedOut };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
    running.delete(child);
  }
}

/** Collects the output, and returns a function that gives it as text. */
function collect({ stdout, stderr }: ChildProcessWithoutNullStreams) {
  const parts = { stdout: [] as Buffer[], stderr: [] as Buffer[], all: [] as Buffer[] };
  stdout.on("data", (part: Buffer) => void (parts.stdout.push(part), parts.all.push(part)));
  stderr.on("data", (part: Buffer) => void (parts.stderr.push(part), parts.all.push(part)));
  const text = (list: Buffer[]) =>
    Buffer.concat(list)
      .toString("utf8")
      .replace(/\r?\n$/, "");
  return () => ({
    stdout: text(parts.stdout),
    bytes: Buffer.concat(parts.stdout),
    stderr: text(parts.stderr),
    all: text(parts.all),
  });
}

function endOf(child: ChildProcess): Promise<Pick<ChildResult, "code" | "trouble">> {
  return new Promise((resolve) => {
    child.on("error", ({ message }) => resolve({ code: undefined, trouble: message }));
    child.on("close", (code, signal) =>
      resolve(code === null ? { code: undefined, trouble: `killed by ${signal}` } : { code }),
    );
  });
}
