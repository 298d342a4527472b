/** Runs a rehearsal's programs, and passes signals on so that they end cleanly. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { UserError } from "../../programs/errors.ts";
import { forwardSignals } from "../../machine/signals.ts";

export interface ChildOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** Gets each line of output. */
  readonly onLine: (line: string) => void;
}

/**
 * While it exists, a signal does not end this process. It is passed on to the running program, so that
 * afterwards everything can be removed.
 */
export class Children {
  readonly #release: () => boolean;
  #current: { kill(signal: NodeJS.Signals): boolean } | undefined;
  #interrupted = false;

  constructor() {
    this.#release = forwardSignals(
      {
        kill: () => {
          this.#interrupted = true;
          return this.#current?.kill("SIGINT") ?? false;
        },
      },
      { onFirst: () => void process.stderr.write("- Stopping after everything is removed\n") },
    );
  }

  get interrupted(): boolean {
    return this.#interrupted;
  }

  /** @throws UserError after a signal */
  check(): void {
    if (this.#interrupted) {
      throw new UserError("interrupted");
    }
  }

  /** Runs a program until it ends, in a process group of its own, and returns its exit code. */
  run(file: string, args: readonly string[], { cwd, env, onLine }: ChildOptions): Promise<number> {
    this.check();
    const child = spawn(file, args, {
      cwd,
      env,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#current = child;
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on("line", onLine);
    }
    return new Promise<number>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => resolve(code ?? 1));
    }).finally(() => (this.#current = undefined));
  }

  /** From now on, a signal ends this process again. */
  release(): void {
    this.#release();
  }
}
