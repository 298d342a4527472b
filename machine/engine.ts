/** Finds the Docker engine that answers, or else installs and starts this machine's own. */
import { execa } from "execa";
import { UserError } from "../programs/errors.ts";
import { aptInstall } from "./engine/apt.ts";
import { startDaemon } from "./engine/daemon.ts";
import {
  chooseHost,
  type ContextEndpoint,
  contextEndpoint,
  engineEnvironment,
  isDefaultHost,
  isLocalHost,
} from "./engine/host.ts";
import { thisMachine } from "./engine/machine.ts";
import { remedyFor, type Trouble } from "./engine/remedy.ts";
import { type EngineVersion, supportedVersion } from "./engine/version.ts";

export interface Engine {
  /** For DOCKER_HOST, e.g. `ssh://user@machine`; undefined for the command line's own default. */
  readonly host: string | undefined;
  /** The engine's version, e.g. "28.2.2". */
  readonly version: string;
  /** Whether it is reached through a socket of this machine. */
  readonly local: boolean;
}

/** An engine that is silent for this long counts as unreachable. */
const ANSWER_TIMEOUT_MS = 20_000;

/**
 * Finds the engine: at the given host, or else DOCKER_HOST, or else the current context, or else the
 * default socket. If none answers, installs and starts the distribution's engine and says so. This takes
 * root on Debian or Ubuntu.
 *
 * @param options.asFound Install and start nothing.
 * @throws UserError with one sentence that says what to install, start or correct
 */
export async function ensureEngine(
  options: { host?: string; asFound?: boolean } = {},
): Promise<Engine> {
  const named = options.host || process.env["DOCKER_HOST"];
  const context = named ? undefined : await currentContext();
  const host = chooseHost({
    configured: options.host,
    environment: process.env["DOCKER_HOST"],
    context: context?.host,
  });
  // From here on, this process, Pulumi and everything that they start use the same engine.
  const env = engineEnvironment(process.env, { host, certPath: context?.certPath });
  delete process.env["DOCKER_CONTEXT"];
  Object.assign(process.env, env);
  let answer = await ask(host);
  if ("trouble" in answer && !options.asFound) {
    await mend(host, answer);
    answer = await ask(host);
  }
  if ("trouble" in answer) {
    throw new UserError(`No Docker engine answers: ${answer.words}`);
  }
  return { host, version: answer.version, local: isLocalHost(host) };
}

/** Installs or starts what is missing, or says what the user must do. */
async function mend(host: string | undefined, { trouble, words }: NoAnswer): Promise<void> {
  const ownEngine = isDefaultHost(host);
  const remedy = remedyFor({
    trouble,
    words,
    host,
    ownEngine,
    machine: thisMachine(),
    daemonInstalled: await isInstalled("dockerd"),
  });
  switch (remedy.do) {
    case "ask":
      throw new UserError(remedy.message);
    case "install":
      await aptInstall(
        remedy.packages,
        remedy.start ? "no Docker engine answers" : "there is no docker program",
        { one: !remedy.start },
      );
      if (!remedy.start || "version" in (await ask(host))) {
        return;
      }
      break;
    case "start":
      break;
  }
  await startDaemon(async () => "version" in (await ask(host)));
}

interface NoAnswer {
  readonly trouble: Trouble;
  readonly words: string;
}

async function ask(host: string | undefined): Promise<{ version: string } | NoAnswer> {
  const result = await execa("docker", ["version", "--format", "{{json .Server}}"], {
    env: host === undefined ? {} : { DOCKER_HOST: host },
    stdin: "ignore",
    timeout: ANSWER_TIMEOUT_MS,
    reject: false,
  });
  if (!result.failed) {
    return { version: supportedVersion(JSON.parse(result.stdout) as EngineVersion) };
  }
  return result.timedOut
    ? { trouble: "no answer", words: `silent for ${ANSWER_TIMEOUT_MS / 1000} s` }
    : { trouble: troubleOf(result.code, result.stderr), words: lastWords(result.stderr) };
}

/** What a failure of the command line means. */
export function troubleOf(code: string | undefined, stderr: string): Trouble {
  if (code === "ENOENT") {
    return "no command line";
  }
  return /permission denied.*docker.*(sock|API)/i.test(stderr) ? "no permission" : "no answer";
}

/** @throws UserError when DOCKER_CONTEXT names a context that does not exist */
async function currentContext(): Promise<ContextEndpoint | undefined> {
  const result = await execa("docker", ["context", "inspect"], { stdin: "ignore", reject: false });
  const named = process.env["DOCKER_CONTEXT"];
  if (result.failed && named && result.code !== "ENOENT") {
    throw new UserError(
      `DOCKER_CONTEXT is "${named}", but there is no such context: \`docker context ls\` lists the existing ones`,
    );
  }
  return result.failed ? undefined : contextEndpoint(result.stdout);
}

async function isInstalled(program: string): Promise<boolean> {
  return !(await execa(program, ["--version"], { reject: false })).failed;
}

function lastWords(stderr: string): string {
  const line = stderr.trim().split("\n").at(-1)?.trim() ?? "";
  // Through ssh: only its own message, not how it was called.
  return line.split("stderr=").at(-1) ?? line;
}
