import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { parse, YAMLParseError } from "yaml";
import { UserError } from "../programs/errors.ts";
import { createFile } from "../machine/files.ts";
import { localDir, projectRoot } from "../machine/paths.ts";
import { isEmbedded, type StateStore } from "./backend.ts";
import type { Toolchain } from "../machine/toolchain.ts";

/** Pulumi's own rule for stack names. */
const STACK_NAME = /^[A-Za-z0-9_.-]{1,100}$/;

/** The stack that STACK names. @default "dev" */
export function stackName(env: NodeJS.ProcessEnv = process.env): string {
  const name = env["STACK"] || "dev";
  requireStackName(name, `STACK=${JSON.stringify(name)}`);
  return name;
}

/**
 * @param shown What the message calls it.
 * @throws UserError when Pulumi would refuse the name
 */
export function requireStackName(name: string, shown = JSON.stringify(name)): void {
  if (!STACK_NAME.test(name)) {
    throw new UserError(
      `${shown} is not a valid stack name: use 1 to 100 letters, digits, ".", "_" and "-"`,
    );
  }
}

/** The stack's config file. */
export function stackFile(stack: string): string {
  const file = join(projectRoot, `Pulumi.${stack}.yaml`);
  if (!existsSync(file)) {
    throw new UserError(
      `there is no stack ${stack}: Pulumi.${stack}.yaml is missing; \`npm run env -- ${stack}\` creates it`,
    );
  }
  return file;
}

/** The config in the stack's file, for what must be known before Pulumi runs. */
export function stackConfig(stack: string): Record<string, unknown> {
  const file = stackFile(stack);
  let content: unknown;
  try {
    content = parse(readFileSync(file, "utf8"), { logLevel: "error" });
  } catch (error) {
    // The parser's own message quotes the line, which may contain a password.
    const place = error instanceof YAMLParseError ? error.linePos?.[0].line : undefined;
    throw new UserError(
      `${file} is not valid YAML${place === undefined ? "" : `: see line ${place}`}`,
    );
  }
  const config = (content as { config?: unknown } | null)?.config;
  return typeof config === "object" && config !== null ? (config as Record<string, unknown>) : {};
}

/** Where the embedded backend keeps the state of this clone's stacks. */
export const stateDir = join(localDir, "state");

/**
 * The environment of the Pulumi CLI: our Node first, our PULUMI_HOME, and the stack's backend. Where the
 * operator chose no backend or passphrase, this clone's own is used. The machine's ~/.pulumi is not touched.
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
    // Pulumi doesn't write its metadata files atomically: a kill in between makes the state unreadable.
    PULUMI_BACKEND_URL: store.url ?? `${pathToFileURL(stateDir).href}?metadata=skip`,
    // See withCleanStackFile.
    ...(isEmbedded(store) && { PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER: "true" }),
    ...(dockerHost !== undefined && { DOCKER_HOST: dockerHost }),
    ...(isEmbedded(store) && passphrase(env)),
  };
}

/** The operator's passphrase, or else a generated one in a file that only this user can read. */
function passphrase(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const chosen = env["PULUMI_CONFIG_PASSPHRASE"] ?? env["PULUMI_CONFIG_PASSPHRASE_FILE"];
  if (chosen !== undefined) {
    return {};
  }
  const file = join(localDir, "passphrase");
  if (!existsSync(file)) {
    mkdirSync(localDir, { recursive: true, mode: 0o700 });
    // Atomic, because half a passphrase would lock everybody out of the state. Another run's is as good.
    createFile(file, randomBytes(24).toString("base64url"));
  }
  return { PULUMI_CONFIG_PASSPHRASE_FILE: file };
}
