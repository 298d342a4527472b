import type { ChildProcess } from "node:child_process";

/** One Ctrl-C may arrive twice: from the terminal and through npm. */
const SAME_MS = 1000;

/** How often the launcher is looked for. */
const WATCH_MS = 500;

/** The exit code of what a signal ended, as shells have it for Ctrl-C. */
export const INTERRUPTED = 130;

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Who passes signals on, so that they don't end this process. */
const forwarding = new Set<(signal: NodeJS.Signals) => void>();

/**
 * Lets a signal end this process in order (what registers for its exit is done), unless it is being
 * passed on to a child; and takes the death of the process that started this one for a hang-up: a run
 * that nobody sees must not go on.
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
  // With the terminal gone, nobody reads; the work is still to be ended in order.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", () => undefined);
  }
}

/**
 * Passes SIGINT, SIGTERM and SIGHUP on to a child, each as one SIGINT, which Pulumi takes as "finish
 * what is under way and stop"; a second one, later, as "stop now". Returns how to end that, which
 * tells whether there was a signal.
 *
 * @param shared The child is in the terminal's foreground group with us and gets Ctrl-C by itself.
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
