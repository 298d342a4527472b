import type { ChildProcess } from "node:child_process";

/** One Ctrl-C may arrive twice: from the terminal and through npm. */
const SAME_MS = 1000;

/** How often to check that the launcher is alive. */
const WATCH_MS = 500;

/** The exit code of a process that a signal ended, as in shells after Ctrl-C. */
export const INTERRUPTED = 130;

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Handlers that pass signals on. While there is one, signals don't end this process. */
const forwarding = new Set<(signal: NodeJS.Signals) => void>();

/**
 * Lets a signal end this process cleanly (exit handlers run), unless it is passed on to a child. If the
 * process that started this one dies, that counts as a hang-up: a run that nobody sees must not continue.
 */
export function obeySignals(): void {
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      if (forwarding.size === 0) {
        process.stderr.write("interrupted\n");
        process.exit(INTERRUPTED);
      }
    });
  }
  const launcher = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid !== launcher) {
      clearInterval(watch);
      process.kill(process.pid, "SIGHUP");
    }
  }, WATCH_MS);
  watch.unref();
  // If the terminal is gone, nobody reads the output, but the work must still end cleanly.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", () => undefined);
  }
}

/**
 * Passes SIGINT, SIGTERM and SIGHUP on to a child, each as one SIGINT. For Pulumi, the first one means
 * "finish the current operations and stop", and a later one "stop now". Returns a function that ends the
 * forwarding and returns whether there was a signal.
 *
 * @param shared The child is in the terminal's foreground group with us, so it gets Ctrl-C by itself.
 */
export function forwardSignals(
  child: Pick<ChildProcess, "kill">,
  { shared = false, onFirst }: { shared?: boolean; onFirst?: () => void } = {},
): () => boolean {
  let last = -Infinity;
  const handler = (signal: NodeJS.Signals) => {
    const now = performance.now();
    if (now - last < SAME_MS) {
      return;
    }
    if (last === -Infinity) {
      onFirst?.();
    }
    last = now;
    if (!(shared && signal === "SIGINT")) {
      child.kill("SIGINT");
    }
  };
  forwarding.add(handler);
  for (const signal of SIGNALS) {
    process.on(signal, handler);
  }
  return () => {
    forwarding.delete(handler);
    for (const signal of SIGNALS) {
      process.off(signal, handler);
    }
    return last !== -Infinity;
  };
}

/** The user has interrupted the work, and it was undone. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}

/**
 * Runs work that must not end halfway. The first signal aborts it, so that it can undo what it has done; until it
 * has ended, signals don't end this process.
 *
 * @param onFirst Called once, when the first signal comes.
 */
export async function stoppable<T>(
  onFirst: () => void,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const handler = () => {
    if (!controller.signal.aborted) {
      onFirst();
      controller.abort(new Interrupted("interrupted"));
    }
  };
  forwarding.add(handler);
  for (const signal of SIGNALS) {
    process.on(signal, handler);
  }
  try {
    return await work(controller.signal);
  } catch (error) {
    // A terminal's Ctrl-C also ends the programs that the work has started.
    throw controller.signal.aborted ? controller.signal.reason : error;
  } finally {
    forwarding.delete(handler);
    for (const signal of SIGNALS) {
      process.off(signal, handler);
    }
  }
}
