import { readFileSync } from "node:fs";
import { fromPulumi } from "../settings/fromPulumi.ts";
import { type Path, valueAt } from "../settings/path.ts";
import { SettingsError } from "../settings/problem.ts";
import { nearest } from "../settings/nearest.ts";
import type { RawConfig } from "../settings/rawConfig.ts";
import { checkReadable, readPart, readSettings } from "../settings/read.ts";
import { schema } from "../settings/schema.ts";
import { plainSecrets, valuesIn } from "../settings/secrecy.ts";
import { along, docOf } from "../settings/tree.ts";
import type { Settings } from "../settings/types.ts";
import { UserError } from "../programs/errors.ts";
import { stackConfig, stackFile } from "./configFile.ts";

/** Stands for a value that only Pulumi can decrypt. It is valid as a password and as nothing else. */
const ENCRYPTED = "encrypted in the stack's file";

const PREFIX = "cybexp:";

/** Runs the CLI and returns its standard output. */
type Ask = (args: readonly string[]) => Promise<string>;

/** A stack's settings, as far as they can be read without Pulumi. */
export interface StackSettings {
  readonly production: boolean;
  /** All settings; undefined if anything but passwords is encrypted. */
  readonly known: Settings | undefined;
  /**
   * All settings. Pulumi decrypts whatever is encrypted and not a password, so the stack must exist.
   *
   * @throws UserError with the same report as the program's
   */
  read(session: { readonly ask: Ask }): Promise<Settings>;
}

/**
 * Reads a stack's settings from its file, so that a mistake is reported before anything is installed,
 * built or changed. Encrypted values are checked once Pulumi can decrypt them; passwords are assumed to
 * be valid.
 *
 * @throws UserError with the same report as the program's
 */
export function settingsOf(stack: string): StackSettings {
  refuseStrayKeys(stack);
  requireReadable(stack, stackConfig(stack));
  const file = rawConfig(stack);
  const known = reported(() => {
    if (secretPaths(stackConfig(stack)).every(isPassword)) {
      return readSettings(file);
    }
    checkReadable(file, ENCRYPTED);
    return undefined;
  });
  return {
    production: readPart(file.values).settings.production === true,
    known,
    read: async ({ ask }) => known ?? reportedSettings(file, await ask(showing(stack))),
  };
}

/** The stack's config with every encrypted key decrypted, for code that reads it key by key. */
export async function readableConfig(
  stack: string,
  { ask }: { readonly ask: Ask },
): Promise<Readonly<Record<string, unknown>>> {
  const config = stackConfig(stack);
  return secretPaths(config).every(isPassword)
    ? config
    : { ...config, ...withPrefix(decrypted(await ask(showing(stack))).values) };
}

/** The passphrase of backups, in clear: it must stay in this process. Undefined if the config has none. */
export async function passphraseOf({
  stack,
  ask,
}: {
  readonly stack: string;
  readonly ask: Ask;
}): Promise<string | undefined> {
  const found = valueAt(decrypted(await ask(showing(stack))).values, ["backup", "passphrase"]);
  return typeof found === "string" ? found : undefined;
}

/**
 * Requires the keys in clear that are read before anything can be decrypted: where the state is, whether
 * the stack is a production stack, and on which engine it runs.
 *
 * @throws UserError when one of these is encrypted
 */
export function requireReadable(stack: string, config: Readonly<Record<string, unknown>>): void {
  const early = ["cybexp:state", "cybexp:production", "docker:host"];
  const [found] = early.filter((key) => secretPaths({ [key]: config[key] }, "").length > 0);
  if (found !== undefined) {
    throw new UserError(
      `${found} in Pulumi.${stack}.yaml is encrypted, but it is needed before anything can be decrypted: ` +
        "write it in clear; it is not a secret",
    );
  }
}

/** Whether a secret at this path is a password, which only the program needs to know. */
export function isPassword(path: Path): boolean {
  const schemas = along(path);
  const last = schemas.at(-1);
  return schemas.length === path.length + 1 && last !== undefined
    ? docOf(last)?.type === "secret text"
    : false;
}

/** Where a config has encrypted values, as paths below `cybexp:`. */
export function secretPaths(
  config: Readonly<Record<string, unknown>>,
  prefix: string = PREFIX,
): Path[] {
  const found: Path[] = [];
  for (const [key, value] of Object.entries(config)) {
    if (key.startsWith(prefix)) {
      replaceSecrets(value, [key.slice(prefix.length)], (path) => found.push(path));
    }
  }
  return found;
}

function rawConfig(stack: string): RawConfig {
  const secretKeys = new Set<string>();
  const values: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(stackConfig(stack))) {
    if (key.startsWith(PREFIX)) {
      const name = key.slice(PREFIX.length);
      values[name] = replaceSecrets(value, [name], () => secretKeys.add(name));
    }
  }
  const file = readFileSync(stackFile(stack), "utf8");
  return {
    stack,
    values,
    secretKeys,
    file: valuesIn(file),
    plainSecrets: plainSecrets(file),
  };
}

/** Makes Pulumi print the config in clear. Its output must go nowhere else. */
function showing(stack: string): string[] {
  return ["config", "--json", "--show-secrets", "--stack", stack];
}

function decrypted(shown: string): Pick<RawConfig, "values" | "secretKeys"> {
  const entries = Object.entries(
    JSON.parse(shown) as Record<string, { value?: string; secret?: boolean }>,
  )
    .filter(([key]) => key.startsWith(PREFIX))
    .map(([key, entry]) => [key.slice(PREFIX.length), entry] as const);
  return {
    values: Object.fromEntries(
      entries.map(([name, { value }]) => [name, fromPulumi(value ?? "")] as const),
    ),
    secretKeys: new Set(entries.filter(([, { secret }]) => secret).map(([name]) => name)),
  };
}

function reportedSettings(file: RawConfig, shown: string): Settings {
  return reported(() => readSettings({ ...file, ...decrypted(shown) }));
}

function withPrefix(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [PREFIX + name, value]));
}

function reported<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof SettingsError ? new UserError(error.message) : error;
  }
}

/** Refuses misspelt keys. Otherwise only the settings that are missing without them would be reported. */
function refuseStrayKeys(stack: string): void {
  const known = Object.keys(schema.shape).map((name) => `cybexp:${name}`);
  const problems = Object.keys(stackConfig(stack)).flatMap((key) => {
    const [space, name] = key.includes(":") ? key.split(":") : ["", key];
    if (space === "cybexp" || (space !== "" && nearest(String(space), ["cybexp"]) === undefined)) {
      return []; // Ours, and checked by the schema; or another program's.
    }
    const wanted = `cybexp:${name}`;
    const meant = known.includes(wanted) ? wanted : nearest(wanted, known);
    return meant === undefined ? [] : [`${key} is not a known key. Did you mean ${meant}?`];
  });
  if (problems.length > 0) {
    throw new UserError(`Pulumi.${stack}.yaml: ${problems.join("\n       ")}`);
  }
}

function replaceSecrets(value: unknown, path: Path, found: (path: Path) => void): unknown {
  if (Array.isArray(value)) {
    return value.map((item, index) => replaceSecrets(item, [...path, index], found));
  }
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value);
    if (entries.length === 1 && entries[0]?.[0] === "secure") {
      found(path);
      return ENCRYPTED;
    }
    return Object.fromEntries(
      entries.map(([key, item]) => [key, replaceSecrets(item, [...path, key], found)]),
    );
  }
  return value;
}
