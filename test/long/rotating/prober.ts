import { setTimeout as sleep } from "node:timers/promises";
import { call, type Credential } from "../../integration/client.ts";

/** How often it calls. */
const PAUSE_MS = 200;

export interface ProberOptions {
  readonly urls: readonly string[];
  /** All that it trusts, PEM. */
  readonly ca: string;
  readonly credential: Credential;
}

/**
 * A client that goes on with the password and the authority that it was once given: calls each URL in
 * turn, on a new connection each time.
 */
export class Prober {
  readonly #options: ProberOptions;
  readonly #running: Promise<void>;
  readonly #problems: string[] = [];
  #stopped = false;
  #calls = 0;

  constructor(options: ProberOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  /** How many calls it made, and what went wrong. */
  async stop(): Promise<{ calls: number; problems: readonly string[] }> {
    this.#stopped = true;
    await this.#running;
    return { calls: this.#calls, problems: this.#problems };
  }

  async #run(): Promise<void> {
    const { urls, ca, credential } = this.#options;
    while (!this.#stopped) {
      const url = urls[this.#calls++ % urls.length] ?? "";
      const at = new Date().toISOString();
      try {
        const { status } = await call(url, { ca, credential });
        if (status !== 200) {
          this.#problems.push(`${at} ${url}: ${status}`);
        }
      } catch (error) {
        this.#problems.push(
          `${at} ${url}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`,
        );
      }
      await sleep(PAUSE_MS);
    }
  }
}
