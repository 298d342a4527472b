import { randomBytes } from "node:crypto";
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { parse, YAMLParseError } from "yaml";
import { UserError } from "./lib/errors.ts";
import { localDir, projectRoot } from "./lib/paths.ts";
import { isEmbedded, type StateStore } from "./stateStore.ts";
import type { Toolchain } from "./toolchain.ts";

/** Pulumi's own rule for names of stacks. */
const STACK_NAME = /^[A-Za-z0-9_.-]{1,100}$/;

/** The stack that STACK names. @default "dev" */
export function stackName(env: NodeJS.ProcessEnv = process.env): string {
  const name = env["STACK"] || "dev";
  if (!STACK_NAME.test(name)) {
    throw new UserError(
      `STACK=${JSON.stringify(name)} is no name for a stack: letters, digits, ".", "_" and "-" are`,
    );
  }
  return name;
}

/** The stack's config file. */
export function stackFile(stack: string): string {
  const file = join(projectRoot, `Pulumi.${stack}.yaml`);
  if (!existsSync(file)) {
    throw new UserError(
      `there is no stack ${stack}: Pulumi.${stack}.yaml is missing; \`npm run env -- ${stack}\` makes one`,
    );
  }
  return file;
}

/** The stack's config as its file has it, for what has to be known before Pulumi runs. */
export function stackConfig(stack: string): Record<string, unknown> {
  const file = stackFile(stack);
  let content: unknown;
  try {
    content = parse(readFileSync(file, "utf8"), { logLevel: "error" });
  } catch (error) {
    // Not the parser's message: it quotes the line, and a password may be in it.
    const place = error instanceof YAMLParseError ? error.linePos?.[0].line : undefined;
    throw new UserError(`${file} is no YAML${place === undefined ? "" : `: see line ${place}`}`);
  }
  const config = (content as { config?: unknown } | null)?.config;
  return typeof config === "object" && config !== null ? (config as Record<string, unknown>) : {};
}

/** Where the embedded backend keeps the state of this clone's stacks. */
export const stateDir = join(localDir, "state");

/**
 * The environment of the Pulumi CLI: our Node first, our PULUMI_HOME, the stack's backend and, unless
 * the operator chose one and a passphrase, this clone's own. The machine's ~/.pulumi is not touched.
 */
export function pulumiEnvironment(
  toolchain: Pick<Toolchain, "home" | "origin">,
  dockerHost: string | undefined,
  store: Pick<StateStore, "url">,
  env: NodeJS.ProcessEnv = process.env,
): NodeJS.ProcessEnv {
  return {
    ...env,
    PATH: [dirname(process.execPath), env["PATH"]].join(delimiter),
    PULUMI_HOME: toolchain.home,
    PULUMI_SKIP_UPDATE_CHECK: "true",
    ...(toolchain.origin === "build" && { PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true" }),
    // Its metadata files are not written at once: a kill in between makes the state unreadable.
    PULUMI_BACKEND_URL: store.url ?? `file://${stateDir}?metadata=skip`,
    // See withCleanStackFile.
    ...(isEmbedded(store) && { PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER: "true" }),
    ...(dockerHost !== undefined && { DOCKER_HOST: dockerHost }),
    ...(isEmbedded(store) && passphrase(env)),
  };
}

/** The operator's passphrase, else a generated one in a file that only this user can read. */
function passphrase(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const chosen = env["PULUMI_CONFIG_PASSPHRASE"] ?? env["PULUMI_CONFIG_PASSPHRASE_FILE"];
  if (chosen !== undefined) {
    return {};
  }
  const file = join(localDir, "passphrase");
  if (!existsSync(file)) {
    mkdirSync(localDir, { recursive: true, mode: 0o700 });
    makePassphrase(file);
  }
  return { PULUMI_CONFIG_PASSPHRASE_FILE: file };
}

/** The file appears whole or not at all: half a passphrase would lock everybody out of the state. */
function makePassphrase(file: string): void {
  const draft = `${file}.${process.pid}`;
  try {
    writeFileSync(draft, randomBytes(24).toString("base64url"), { mode: 0o600 });
    linkSync(draft, file);
  } catch (error) {
    // Another run was quicker: its passphrase is as good.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") {
      throw error;
    }
  } finally {
    rmSync(draft, { force: true });
  }
}
