/** Prints on standard error what is being done and how long it took. */

const seconds = (ms: number) =>
  ms < 10_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 1000)} s`;

/** How often a long step prints that it is still working. */
const HEARTBEAT_MS = 15_000;

export interface Step {
  /** Sets what the step is doing now. The next heartbeat shows it. */
  detail(text: string): void;
}

/**
 * Runs one long step: prints its title, a heartbeat with the last detail while it runs, and its time at
 * the end. Don't call it for a step that is already done, so that nothing is printed.
 *
 * @example await step("Building the demo image kms", async () => { ... });
 */
export async function step<T>(title: string, work: (step: Step) => Promise<T>): Promise<T> {
  const start = performance.now();
  let last = "";
  const say = (text: string) => process.stderr.write(`${text}\n`);
  say(`- ${title} ...`);
  const heartbeat = setInterval(() => {
    say(`  still working after ${seconds(performance.now() - start)}${last ? `: ${last}` : ""}`);
  }, HEARTBEAT_MS);
  try {
    const result = await work({ detail: (text) => (last = text) });
    say(`  done in ${seconds(performance.now() - start)}`);
    return result;
  } catch (error) {
    say(`  failed after ${seconds(performance.now() - start)}`);
    throw error;
  } finally {
    clearInterval(heartbeat);
  }
}
