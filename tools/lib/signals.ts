import type { ChildProcess } from "node:child_process";

/** One Ctrl-C may arrive twice: from the terminal and through npm. */
const SAME_MS = 1000;

/**
 * Passes SIGINT, SIGTERM and SIGHUP on to a child, each as one SIGINT, which Pulumi takes as "finish
 * what is under way and stop"; a second one, later, as "stop now". Returns how to end that.
 *
 * @param shared The child is in the terminal's foreground group with us and gets Ctrl-C by itself.
 */
export function forwardSignals(child: ChildProcess, shared: boolean): () => void {
  let last = -Infinity;
  const handler = (signal: NodeJS.Signals) => {
    const now = performance.now();
    if (now - last < SAME_MS || (shared && signal === "SIGINT")) {
      return;
    }
    last = now;
    child.kill("SIGINT");
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) {
    process.on(signal, handler);
  }
  return () => {
    for (const signal of signals) {
      process.off(signal, handler);
    }
  };
}
