import type { EngineInput } from "../../settings/engineConnection.ts";
import { type ChildResult, runChild } from "./child.ts";
import { UserError } from "../errors.ts";
import { engineEnvironment } from "./engine.ts";

export interface RunOptions {
  /** Sent to standard input. Secrets must go this way. */
  readonly input?: string | Uint8Array;
  /** @default 60 */
  readonly timeoutSeconds?: number;
  readonly signal?: AbortSignal;
  /** Beside what finds the engine, and the environment of this process. */
  readonly env?: NodeJS.ProcessEnv;
  /** Told every line of output as it comes. */
  readonly onLine?: (line: string) => void;
}

/** The engine's command line, for one engine. */
export class Docker {
  /** What `docker` finds the engine by. */
  readonly env: NodeJS.ProcessEnv;

  /** @param engine An address as in DOCKER_HOST, or a connection; the command line's own default if absent. */
  constructor(engine?: EngineInput) {
    this.env = engineEnvironment(engine);
  }

  /**
   * Runs `docker` and returns its standard output.
   *
   * @throws UserError with the engine's own message, if the exit code is not 0
   */
  async run(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const result = await this.attempt(args, options);
    if (result.code !== 0) {
      throw new DockerError(args, result);
    }
    return result.stdout;
  }

  /** The same, where a failure is an answer too: gives what it said, and how it ended. */
  attempt(
    args: readonly string[],
    { timeoutSeconds = 60, env, ...options }: RunOptions = {},
  ): Promise<ChildResult> {
    return runChild("docker", args, {
      ...options,
      env: { ...this.env, ...env },
      timeoutMs: timeoutSeconds * 1000,
    });
  }

  /**
   * A file or folder of a container, running or not, as an archive (see `untar`); undefined if it does not
   * exist.
   */
  async copyOut(container: string, path: string): Promise<Buffer | undefined> {
    const args = ["container", "cp", `${container}:${path}`, "-"];
    const result = await this.attempt(args);
    if (result.code === 0) {
      return result.bytes;
    }
    // Docker's own messages. If another engine words it differently, this fails below.
    if (/could not find the file|no such file|not found in container/i.test(result.stderr)) {
      return undefined;
    }
    throw new DockerError(args, { ...result, stdout: "" });
  }

  /** The last lines that a container wrote, on either stream. */
  async logs(container: string, lines: number): Promise<string> {
    return (await this.attempt(["container", "logs", `--tail=${lines}`, container])).all;
  }

  /** The output of `docker inspect`; undefined if there is no such thing. */
  async inspect<T>(
    kind: "container" | "volume" | "network" | "image",
    name: string,
  ): Promise<T | undefined> {
    try {
      const [found] = JSON.parse(await this.run([kind, "inspect", name])) as T[];
      return found;
    } catch (error) {
      if (error instanceof DockerError && /no such/i.test(error.message)) {
        return undefined;
      }
      throw error;
    }
  }

  /** The ids (containers, networks) or names (volumes) of everything that has all the labels. */
  async labelled(
    kind: "container" | "volume" | "network",
    ...labels: readonly string[]
  ): Promise<string[]> {
    const all = kind === "container" ? ["--all"] : [];
    const filters = labels.map((label) => `--filter=label=${label}`);
    const output = await this.run([kind, "ls", ...all, "--quiet", ...filters]);
    return output.split("\n").filter(Boolean);
  }
}

/** The engine refused or failed. */
export class DockerError extends UserError {
  readonly output: string;

  constructor(args: readonly string[], result: ChildResult) {
    const output = [result.stderr, result.stdout].join("\n").trim();
    const words = output.replace(/^(Error response from daemon|docker): /gm, "").trim();
    const why = result.timedOut
      ? "no answer in time"
      : words || (result.trouble ?? `exit code ${result.code}`);
    // The arguments after the subcommand are of no use to the reader.
    super(`docker ${args.slice(0, 2).join(" ")}: ${why}`);
    this.output = output;
  }
}
