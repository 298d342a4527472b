import { execa } from "execa";
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { hasStateHere, requireRoom } from "./stateBackup.ts";
import { isDemoImage } from "../settings/images.ts";
import { Docker } from "../programs/docker/docker.ts";
import { requireImage } from "../programs/images/pull.ts";
import { UserError } from "../programs/errors.ts";
import { localDir, projectRoot } from "../machine/paths.ts";
import { forwardSignals } from "../machine/signals.ts";
import { type Engine, ensureEngine } from "../machine/engine.ts";
import { ensureImages } from "../machine/images.ts";
import { pulumiEnvironment, stackConfig, stackName, stateDir } from "./configFile.ts";
import { requireRest } from "./leftBehind.ts";
import type { AtRest } from "./runLock.ts";
import { clearTheWay } from "./recovery.ts";
import { withoutDebugMessages, writesDebugMessages } from "./debugMessages.ts";
import { lockStack, noLock, type RunLock } from "./runLock.ts";
import { withCleanStackFile } from "./cleanConfigFile.ts";
import { requireReadable } from "./settings.ts";
import { isEmbedded, type StateStore, storeOf } from "./backend.ts";
import { ensureToolchain, type Toolchain } from "../machine/toolchain.ts";
import type { Captured, Session } from "./session.ts";
import { runUpdate, wordsOf } from "./update.ts";

export interface SessionOptions {
  /** @default the stack that STACK names */
  readonly stack?: string;
  /** Whether the images that the stack's config names are needed. */
  readonly images: boolean;
  /** Set nothing up on the machine: an engine that does not answer is an error. @default false */
  readonly asFound?: boolean;
  /** The command, such as "npm run up", if it changes the stack. Only one such run goes on at a time. */
  readonly changes?: string;
  /**
   * The command only looks. It changes neither the engine nor the state, and is refused while a run changes
   * the stack.
   */
  readonly looks?: true;
}

/**
 * Finds the toolchain, the engine and, if asked, the images. Whatever is missing is set up.
 */
export async function openSession(options: SessionOptions): Promise<Session> {
  // Only this user may read the state, the logs and the passphrase.
  process.umask(0o077);
  const stack = options.stack ?? stackName();
  const config = stackConfig(stack);
  requireReadable(stack, config);
  const store = storeOf(stack, config);
  const embedded = isEmbedded(store);
  let lock = noLock;
  const rest = options.looks ? requireRest(stack, embedded) : { died: undefined, locks: 0 };
  if (options.changes !== undefined) {
    lock = await lockStack(stack, options.changes);
    requireRoom(localDir);
    requireRoom(tmpdir(), "a run's records");
    await clearTheWay(stack, { embedded, orphan: lock.orphan });
  }

  const dockerHost = config["docker:host"];
  const toolchain = await ensureToolchain();
  const engine = await ensureEngine({
    ...(typeof dockerHost === "string" && { host: dockerHost }),
    asFound: options.asFound ?? options.looks ?? false,
  });
  if (options.images) {
    await makeImages({ engine, docker: new Docker(engine.host) }, imagesOf(config));
  }

  const env = { ...pulumiEnvironment(toolchain, engine.host, store), PULUMI_STACK: stack };
  if (embedded) {
    // Pulumi does not create it.
    mkdirSync(stateDir, { recursive: true });
  }
  const common = { stack, engine, store, rest, docker: new Docker(engine.host) };
  return sessionIn({ ...common, toolchain, env, embedded, lock });
}

interface Means {
  readonly stack: string;
  readonly engine: Engine;
  readonly store: StateStore;
  readonly rest: AtRest;
  readonly docker: Docker;
  readonly toolchain: Toolchain;
  readonly env: NodeJS.ProcessEnv;
  readonly embedded: boolean;
  /** Whether the state is in a backend of this session's own. */
  readonly elsewhere?: true;
  readonly lock: RunLock;
}

function sessionIn(means: Means): Session {
  const { stack, engine, store, rest, docker, toolchain, env, embedded, elsewhere, lock } = means;
  const capture = (args: readonly string[], more: NodeJS.ProcessEnv = {}, input = "") =>
    withCleanStackFile(stack, embedded, () =>
      runCaptured(toolchain.pulumi, args, { cwd: projectRoot, env: { ...env, ...more }, input }),
    );
  const quietly = async (args: readonly string[], input = "") => {
    const { code, stdout, stderr } = await capture(args, {}, input);
    if (code !== 0) {
      throw new UserError(wordsOf(stderr).join("\n"));
    }
    return stdout;
  };
  return {
    stack,
    engine,
    docker,
    embedded,
    hasState: () => (embedded && !elsewhere ? hasStateHere(stack) : undefined),
    store,
    rest,
    // As with this clone's own state, the salt is in the state, so the stack's file does not change.
    inBackend: (url) =>
      sessionIn({
        ...means,
        embedded: true,
        elsewhere: true,
        env: {
          ...env,
          PULUMI_BACKEND_URL: url,
          PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER: "true",
        },
      }),
    pulumi: (args) =>
      withCleanStackFile(stack, embedded, () => run(toolchain.pulumi, args, env, lock)),
    update: (args) =>
      withCleanStackFile(stack, embedded, () =>
        runUpdate(toolchain.pulumi, args, env, (pid) => lock.setPulumi(pid)),
      ),
    ask: (args) => quietly(args),
    capture: (args, more) => capture(args, more),
    tell: (args, document) => quietly(args, JSON.stringify(document)),
  };
}

interface Surroundings {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly input?: string;
}

/** Runs the CLI without prompts, in an environment of its own. */
export async function runCaptured(
  pulumi: string,
  args: readonly string[],
  { cwd, env, input = "" }: Surroundings,
): Promise<Captured> {
  const { exitCode, stdout, stderr } = await execa(pulumi, [...args, "--non-interactive"], {
    cwd,
    env,
    extendEnv: false,
    input,
    reject: false,
  });
  return { code: exitCode ?? 1, stdout, stderr };
}

/** Builds the demo images that are missing, and checks that the others can be pulled. */
export async function makeImages(
  { engine, docker }: Pick<Session, "engine" | "docker">,
  images: readonly string[],
): Promise<void> {
  await ensureImages(engine, images);
  await requireImages(docker, images);
}

/** Checks, before anything changes, that each image is on the engine or can be pulled. */
async function requireImages(docker: Docker, images: readonly string[]): Promise<void> {
  const pulled = images.filter((image) => !isDemoImage(image));
  const looked = await Promise.allSettled(pulled.map((image) => requireImage(docker, image)));
  const problems = looked.flatMap((look) => {
    if (look.status === "fulfilled") {
      return [];
    }
    if (look.reason instanceof UserError) {
      return [look.reason.message];
    }
    throw look.reason;
  });
  if (problems.length > 0) {
    throw new UserError(problems.join("\n       "));
  }
}

/** Every image that the stack's config names and its containers run: the `image` of each key that has one. */
export function imagesOf(config: Readonly<Record<string, unknown>>): string[] {
  const { source, acme } = (config["cybexp:certificates"] ?? {}) as Record<string, unknown>;
  // The collectors are a list.
  const parts = Object.values(config).flatMap((value) => value as object | object[]);
  const images = [...parts, ...(source === "acme" ? [acme] : [])].flatMap((value) => {
    const image = (value as { image?: unknown } | null | undefined)?.image;
    return typeof image === "string" ? [image] : [];
  });
  return [...new Set(images)];
}

/**
 * Runs the CLI with its own output. In a terminal it shares our process group, so that it can prompt.
 * Elsewhere it has its own group, so that a signal to ours reaches it only once, through us: a second
 * SIGINT would make it give up halfway.
 */
function run(
  pulumi: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  lock: RunLock,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const shared = process.stdin.isTTY;
    const filtered = writesDebugMessages(args);
    const child = spawn(pulumi, args, {
      cwd: projectRoot,
      env,
      detached: !shared,
      stdio: ["inherit", filtered ? "pipe" : "inherit", "inherit"],
    });
    child.stdout?.pipe(withoutDebugMessages()).pipe(process.stdout, { end: false });
    const stop = forwardSignals(child, { shared });
    child.on("error", reject);
    child.on("spawn", () => lock.setPulumi(child.pid ?? 0));
    child.on("close", (code, signal) => {
      stop();
      resolve(signal ? 1 : (code ?? 1));
    });
  });
}
