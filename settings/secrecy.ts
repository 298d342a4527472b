/** What a report must not show. */
import { parse } from "yaml";
import { type Finding, finding } from "./fault.ts";
import { formatPath, type Path, valueAt } from "./path.ts";
import { isPemText } from "./pemText.ts";
import type { RawConfig } from "./rawConfig.ts";
import { HIDDEN, quote, show } from "./show.ts";
import { along, docOf } from "./tree.ts";

/** Searching for shorter secrets is no use: they would be found everywhere. */
const SHORTEST = 4;

/** Levels of a secret's own structure that are searched for text. */
const DEEPEST = 8;

/** Text that looks like a secret: keys, tokens, password hashes, URIs and pairs with a password. */
const SECRET_FORM =
  /-----BEGIN|^eyJ[\w-]*\.|^\$\w+\$|^\{\w+\}.|:\/\/[^/]*@|^[^/]*:[^/]*@(?!sha256:)|^(?:[0-9a-f]{2}){16,}$|\bsecure:/i;

/** What no secret looks like, by the type of its key. */
const HARMLESS: Readonly<Record<string, RegExp>> = {
  "whole number": /^-?\d{1,7}$/,
  date: /^\d{4}-\d\d-\d\d$/,
};

/** Hides what is or may be a secret from a report about one raw configuration. */
export class Redactor {
  readonly #raw: RawConfig;
  readonly #secrets: readonly string[];

  constructor(raw: RawConfig) {
    this.#raw = raw;
    this.#secrets = knownSecrets(raw);
  }

  /** The value at a path as a report may show it; undefined where there is none. */
  value(path: Path, shown?: string): string | undefined {
    const value = valueAt(this.#raw.values, path);
    if (value === undefined) {
      return undefined;
    }
    // The content of a map or a list is never shown.
    if (typeof value !== "object" && this.#isSecretAt(path, shown ?? value)) {
      return HIDDEN;
    }
    return shown === undefined ? show(value) : quote(shown);
  }

  /** A path. Someone may have written a secret in place of a key's name. */
  path(path: Path): string {
    return formatPath(
      path.map((step, index) => {
        // A key of the schema's is no secret, whatever value has the same text.
        const isKnown = along(path.slice(0, index + 1)).length > index + 1;
        return !isKnown && this.#holdsSecret(String(step)) ? HIDDEN : step;
      }),
    );
  }

  #isSecretAt(path: Path, value: unknown): boolean {
    if (this.#raw.secretKeys.has(String(path[0])) && !this.#isInClear(path)) {
      return true;
    }
    const schemas = along(path);
    const last = schemas.length > path.length ? schemas.at(-1) : undefined;
    const doc = last && docOf(last);
    if (doc?.secret !== true && HARMLESS[doc?.type ?? ""]?.test(String(value))) {
      return false;
    }
    const secret = schemas
      .map((found) => docOf(found)?.secret)
      .findLast((mark) => mark !== undefined);
    if (secret === true) {
      return true;
    }
    // The text of an unknown key may be a password under a mistyped name.
    const unknown = schemas.length <= path.length;
    return typeof value === "string" && (unknown || this.#looksSecret(value));
  }

  /** Pulumi calls a whole key secret if one value in it is. The file tells which one. */
  #isInClear(path: Path): boolean {
    return isScalar(valueAt(this.#raw.file, path));
  }

  #looksSecret(value: string): boolean {
    return SECRET_FORM.test(value) || this.#holdsSecret(value);
  }

  #holdsSecret(text: string): boolean {
    return this.#secrets.some((secret) => text.includes(secret));
  }
}

/** The texts below secret keys, and everything about users except their names and attributes. */
function knownSecrets({ values, secretKeys, file }: RawConfig): string[] {
  const users = valueAt(values, ["users"]);
  const found = Object.keys(values)
    .filter((key) => key !== "users" && secretKeys.has(key))
    .flatMap((key) => texts(valueAt(values, [key]), [key]))
    .filter(({ path }) => typeOf(path) !== "word" && !isScalar(valueAt(file, path)));
  for (const user of Array.isArray(users) ? (users as unknown[]) : [users]) {
    if (typeof user === "object" && user !== null) {
      const said = Object.entries(user).filter(([key]) => key !== "name" && key !== "attributes");
      found.push(...said.flatMap(([key, value]) => texts(value, ["users", key])));
    }
  }
  return found.map(({ text }) => text).filter((text) => text.length >= SHORTEST);
}

const isScalar = (value: unknown) => ["string", "number", "boolean"].includes(typeof value);

function texts(value: unknown, path: Path): { readonly text: string; readonly path: Path }[] {
  if (typeof value === "string" || typeof value === "number") {
    return [{ text: String(value), path }];
  }
  if (typeof value !== "object" || value === null || path.length > DEEPEST) {
    return [];
  }
  const steps = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  return steps.flatMap((step) =>
    texts((value as Record<PropertyKey, unknown>)[step], [...path, step]),
  );
}

/** Secret values that Pulumi does not keep as secrets, valid or not. */
export function secretsInClear({ values, secretKeys, plainSecrets }: RawConfig): Finding[] {
  return secretPlaces(values).flatMap((path) => {
    const value = valueAt(values, path);
    const given = ["string", "number"].includes(typeof value);
    const plain = !secretKeys.has(String(path[0])) || plainSecrets?.includes(formatPath(path));
    return !given || !plain || isNameOfFile(path, value)
      ? []
      : [
          finding(
            path,
            `The ${NOUNS[String(path.at(-1))] ?? "value"} is in plain text in the stack's configuration. It must be a secret.`,
            `Store a new one with: pulumi config set --secret --path '${formatPath(path).replace(/^cybexp:/, "")}'`,
          ),
        ];
  });
}

const NOUNS: Readonly<Record<string, string>> = {
  password: "password",
  privateKey: "private key",
  hmacKey: "HMAC key",
  kms: "connection string",
  backend: "connection string",
  passphrase: "passphrase",
};

/** Whether the value is the path of a file, which may stand in for a secret. */
const isNameOfFile = (path: Path, value: unknown) =>
  typeOf(path)?.endsWith("or path") === true && !isPemText(String(value));

/**
 * The paths of secret values that are in plain text in a stack's file. Pulumi marks a whole key as secret if
 * one value in it is, so only the file tells which one.
 */
export function plainSecrets(stackFileText: string): string[] {
  const values = valuesIn(stackFileText);
  return secretPlaces(values)
    .filter((path) => {
      const value = valueAt(values, path);
      return value !== undefined && value !== null && typeof value !== "object";
    })
    .map((path) => formatPath(path));
}

/** The paths of values that must be stored as secrets. */
function secretPlaces(values: unknown, path: Path = []): Path[] {
  if (typeOf(path)?.startsWith("secret") === true) {
    return [path];
  }
  const value = valueAt(values, path);
  if (typeof value !== "object" || value === null || along(path).length <= path.length) {
    return [];
  }
  const steps = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  return steps.flatMap((step) => secretPlaces(values, [...path, step]));
}

/** The type of a known key, as the reference has it. */
function typeOf(path: Path): string | undefined {
  const schemas = along(path);
  const last = schemas.length > path.length ? schemas.at(-1) : undefined;
  return last && docOf(last)?.type;
}

/** The values as a stack's file has them, by key without the prefix. Encrypted ones are maps there. */
export function valuesIn(stackFileText: string): Record<string, unknown> {
  let file: unknown;
  try {
    file = parse(stackFileText, { logLevel: "silent" });
  } catch {
    return {}; // Pulumi itself refuses such a file before the program runs.
  }
  const config = valueAt(file, ["config"]);
  return typeof config !== "object" || config === null
    ? {}
    : Object.fromEntries(
        Object.entries(config).map(([key, value]: [string, unknown]) => [
          key.replace(/^cybexp:/, ""),
          value,
        ]),
      );
}
