import { execa } from "execa";
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { Docker } from "./lib/docker.ts";
import { UserError } from "./lib/errors.ts";
import { projectRoot } from "./lib/paths.ts";
import { forwardSignals } from "./lib/signals.ts";
import { type Engine, ensureEngine } from "./engine.ts";
import { ensureImages } from "./images.ts";
import { isEmbedded, pulumiEnvironment, stackConfig, stackName, stateDir } from "./stack.ts";
import { withCleanStackFile } from "./stackFile.ts";
import { ensureToolchain } from "./toolchain.ts";

/** All that a command needs to work on one stack, found or made. */
export interface Session {
  readonly stack: string;
  readonly engine: Engine;
  readonly docker: Docker;
  /** Whether the state is this clone's own. */
  readonly embedded: boolean;
  /** Runs the CLI and shows its output. */
  pulumi(args: readonly string[], options?: { interactive?: boolean }): Promise<number>;
  /** Runs the CLI and gives its standard output; a failure is a UserError with the CLI's words. */
  ask(args: readonly string[]): Promise<string>;
  /** The same with a JSON document on its standard input. */
  tell(args: readonly string[], document: unknown): Promise<string>;
}

/**
 * The toolchain, the engine and, if wanted, the images that the stack's config names; each is looked
 * for first and made only when it is missing.
 */
export async function openSession(options: { images: boolean }): Promise<Session> {
  // State, logs and the passphrase are for this user alone.
  process.umask(0o077);
  const stack = stackName();
  const config = stackConfig(stack);

  const dockerHost = config["docker:host"];
  const toolchain = await ensureToolchain();
  const engine = await ensureEngine(typeof dockerHost === "string" ? { host: dockerHost } : {});
  if (options.images) {
    await ensureImages(engine, imagesOf(config));
  }

  const env = pulumiEnvironment(toolchain, engine.host);
  const embedded = isEmbedded();
  if (embedded) {
    // Pulumi does not make it.
    mkdirSync(stateDir, { recursive: true });
  }
  const quietly = (args: readonly string[], input = "") =>
    withCleanStackFile(stack, embedded, async () => {
      const result = await execa(toolchain.pulumi, [...args, "--non-interactive"], {
        cwd: projectRoot,
        env,
        extendEnv: false,
        input,
        reject: false,
      });
      if (result.exitCode !== 0) {
        throw new UserError(result.stderr.replace(/^error: /, "").trim());
      }
      return result.stdout;
    });
  return {
    stack,
    engine,
    docker: new Docker(engine.host),
    embedded,
    pulumi: (args, { interactive = false } = {}) =>
      withCleanStackFile(stack, embedded, () => run(toolchain.pulumi, args, env, interactive)),
    ask: (args) => quietly(args),
    tell: (args, document) => quietly(args, JSON.stringify(document)),
  };
}

/** Every image that the stack's config names: `image` of the keys that have one. */
export function imagesOf(config: Readonly<Record<string, unknown>>): string[] {
  const images = Object.values(config).flatMap((value) => {
    const image = (value as { image?: unknown } | null)?.image;
    return typeof image === "string" ? [image] : [];
  });
  return [...new Set(images)];
}

/**
 * The CLI in a process group of its own, so that Ctrl-C reaches it once, through us: a second SIGINT
 * would make it give up in the middle. An interactive one shares ours, to be able to ask.
 */
function run(
  pulumi: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  interactive: boolean,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(pulumi, args, {
      cwd: projectRoot,
      env,
      detached: !interactive,
      stdio: [interactive ? "inherit" : "ignore", "inherit", "inherit"],
    });
    const stop = forwardSignals(child, interactive && process.stdin.isTTY);
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      stop();
      resolve(signal ? 1 : (code ?? 1));
    });
  });
}
