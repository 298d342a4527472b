import type { Docker } from "../programs/docker/docker.ts";
import type { Engine } from "../machine/engine.ts";
import type { StateStore } from "./backend.ts";
import type { AtRest } from "./runLock.ts";
import type { Update } from "./update.ts";

/** Everything that a command needs to work on one stack. */
export interface Session {
  readonly stack: string;
  readonly engine: Engine;
  readonly docker: Docker;
  /** Whether the state is this clone's own. */
  readonly embedded: boolean;
  /** Whether this clone's own state has the stack; undefined where the state is kept elsewhere. */
  readonly hasState: () => boolean | undefined;
  /** Where the state is kept. */
  readonly store: StateStore;
  /** What a command that only looks found of earlier runs. */
  readonly rest: AtRest;
  /** The same stack with its state in another place, for a preview that must not create a state. */
  inBackend(url: string): Session;
  /** Runs the CLI, which may prompt the operator, and returns its exit code. */
  pulumi(args: readonly string[]): Promise<number>;
  /** Runs the CLI's `up` or `destroy` and prints what it changes. */
  update(args: readonly string[]): Promise<Update>;
  /** Runs the CLI and returns its standard output. A failure is a UserError with the CLI's message. */
  ask(args: readonly string[]): Promise<string>;
  /** Runs the CLI and returns everything that it wrote, whatever its exit code. */
  capture(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Captured>;
  /** The same as `ask`, with a JSON document on standard input. */
  tell(args: readonly string[], document: unknown): Promise<string>;
}

/** The result of a run of the CLI. */
export interface Captured {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}
