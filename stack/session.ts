import type { Docker } from "../programs/docker/docker.ts";
import type { Engine } from "../machine/engine.ts";
import type { StateStore } from "./backend.ts";
import type { AtRest } from "./runLock.ts";
import type { Update } from "./update.ts";

/** All that a command needs to work on one stack, found or made. */
export interface Session {
  readonly stack: string;
  readonly engine: Engine;
  readonly docker: Docker;
  /** Whether the state is this clone's own. */
  readonly embedded: boolean;
  /** Where the state is kept. */
  readonly store: StateStore;
  /** What was seen of earlier runs by a command that only looks. */
  readonly rest: AtRest;
  /** The same stack with another state: of a preview that must not make one. */
  inBackend(url: string): Session;
  /** Runs the CLI, which may ask the operator, and gives its exit code. */
  pulumi(args: readonly string[]): Promise<number>;
  /** Runs the CLI's `up` or `destroy` and tells what it changes. */
  update(args: readonly string[]): Promise<Update>;
  /** Runs the CLI and gives its standard output; a failure is a UserError with the CLI's words. */
  ask(args: readonly string[]): Promise<string>;
  /** Runs the CLI and gives all that it wrote, whatever its exit code. */
  capture(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Captured>;
  /** The same as `ask` with a JSON document on its standard input. */
  tell(args: readonly string[], document: unknown): Promise<string>;
}

/** What a run of the CLI came to. */
export interface Captured {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}
