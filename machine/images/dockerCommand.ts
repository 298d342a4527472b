import { execa } from "execa";
import { createInterface } from "node:readline";
import { type Engine, dockerEnv } from "../engine.ts";
import { UserError } from "../../programs/errors.ts";

export interface DockerResult {
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

export interface DockerOptions {
  /** Give a failure back instead of throwing it. */
  readonly mayFail?: boolean;
  /** Told every line of output as it comes. */
  readonly onLine?: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** Runs `docker` against one engine. */
export type DockerCommand = (
  args: readonly string[],
  options?: DockerOptions,
) => Promise<DockerResult>;

export function dockerCommand(engine: Engine): DockerCommand {
  return async (args, options = {}) => {
    const child = execa("docker", args, {
      env: dockerEnv(engine),
      stdin: "ignore",
      all: true,
      reject: false,
      ...(options.signal && { cancelSignal: options.signal }),
    });
    if (options.onLine) {
      createInterface({ input: child.all }).on("line", options.onLine);
    }
    const { failed, stdout, stderr, all } = await child;
    if (failed && !options.mayFail) {
      const words = all.trim().split("\n").slice(-15).join("\n");
      throw new UserError(`docker ${args[0]} failed: ${words || "no output"}`);
    }
    return { ok: !failed, stdout, stderr };
  };
}
