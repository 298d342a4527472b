import { execa } from "execa";
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { requireRoom } from "./stateBackup.ts";
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
  /** @default the one that STACK names */
  readonly stack?: string;
  /** Whether the images that the stack's config names are needed. */
  readonly images: boolean;
  /** Nothing on the machine is mended: an engine that does not answer is an error. @default false */
  readonly asFound?: boolean;
  /** The command that changes the stack, such as "npm run up": the only one of its kind at a time. */
  readonly changes?: string;
  /** Not beside a run that changes the stack, and changing nothing, neither on the engine nor in the state. */
  readonly looks?: true;
}

/**
 * The toolchain, the engine and, if wanted, the images; each is looked for first and made only when
 * it is missing.
 */
export async function openSession(options: SessionOptions): Promise<Session> {
  // State, logs and the passphrase are for this user alone.
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
    requireRoom(tmpdir(), "what a run notes down");
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
    // Pulumi does not make it.
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
  readonly lock: RunLock;
}

function sessionIn(means: Means): Session {
  const { stack, engine, store, rest, docker, toolchain, env, embedded, lock } = means;
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
    store,
    rest,
    // With the state's salt in the state, as the clone's own has it: the stack's file stays as it is.
    inBackend: (url) =>
      sessionIn({
        ...means,
        embedded: true,
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

/** Runs the CLI, which asks nothing, in an environment of its own. */
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

/** Makes the demo images that are missing, and looks for the others. */
export async function makeImages(
  { engine, docker }: Pick<Session, "engine" | "docker">,
  images: readonly string[],
): Promise<void> {
  await ensureImages(engine, images);
  await requireImages(docker, images);
}

/** Before anything is changed: each image is on the engine, or in a registry that hands it out. */
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

/** Every image that the stack's config names and its containers run: `image` of the keys that have one. */
export function imagesOf(config: Readonly<Record<string, unknown>>): string[] {
  const { source, acme } = (config["cybexp:certificates"] ?? {}) as Record<string, unknown>;
  const images = [...Object.values(config), ...(source === "acme" ? [acme] : [])].flatMap((value) => {
    const image = (value as { image?: unknown } | null | undefined)?.image;
    return typeof image === "string" ? [image] : [];
  });
  return [...new Set(images)];
}

/**
 * The CLI as it is. In a terminal it shares our process group, to be able to ask; elsewhere it has one
 * of its own, so that a signal to the group reaches it once, through us: a second SIGINT would make it
 * give up in the middle.
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
