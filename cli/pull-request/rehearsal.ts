/** A stack's file for a rehearsal: with throw-away secrets, and with addresses and images that exist here. */
import { parse, stringify } from "yaml";
import { formatPath } from "../../settings/path.ts";
import { isProgramText } from "../../settings/kapow.ts";
import type { Endpoint } from "../../settings/types.ts";
import { UserError } from "../../programs/errors.ts";
import { isPassword, secretPaths } from "../../stack/settings.ts";
import { type Map, mapAt, mapsAt, placeAll } from "./listeners.ts";

/** What replaces the real things. The same for base and head, so that only real differences show. */
export interface Substitutes {
  /** The value of `encryptionsalt`. */
  readonly salt: string;
  /** An encrypted throw-away secret for an encrypted real one. Different ones stay different. */
  secret(encrypted: string): string;
  /** The image to use for a key such as `database`. */
  image(key: string, reference: string): string;
  /** The address and port to listen at. */
  place(original: Endpoint): Endpoint;
}

/** Keys about how the real stack is kept and what it lost. They have no part in a rehearsal. */
const LEFT_OUT = ["cybexp:lost", "cybexp:state", "cybexp:production"];

/** A rehearsal generates its own server certificates, because the real keys and names don't exist here. */
const CERTIFICATES = "cybexp:certificates";
const REAL_CERTIFICATES = ["source", "authorities", "supplied", "acme", "ocspStapling"];

/** It runs databases of its own in place of real ones, with their data as it is. */
const DATABASE = "cybexp:database";
const REAL_DATABASES = ["uri", "ca", "hosts", "left", "featureCompatibility"];
const DATABASE_IMAGE = "cybexp-demo/mongo:1";

const REAL: Readonly<Record<string, readonly string[]>> = {
  [CERTIFICATES]: REAL_CERTIFICATES,
  [DATABASE]: REAL_DATABASES,
};

/**
 * The stack's file for a rehearsal. It keeps only the config, and of that only what the program itself
 * reads.
 *
 * @throws UserError when the file is not valid YAML, or anything but a password is encrypted
 */
export function rehearsal(stackFile: string, substitutes: Substitutes): string {
  const config: Map = {};
  for (const [key, value] of Object.entries(configOf(stackFile))) {
    if (key.startsWith("cybexp:") && !LEFT_OUT.includes(key)) {
      const kept = withoutReal(key, value);
      requirePasswordsOnly(key, kept);
      config[key] = withSecrets(kept, substitutes);
    }
  }
  placeAll(config, (original) => substitutes.place(original));
  substituteImages(config, substitutes);
  return stringify({ encryptionsalt: substitutes.salt, config });
}

/** @throws UserError for an encrypted value that is not a password: nothing can replace it */
function requirePasswordsOnly(key: string, value: unknown): void {
  const found = secretPaths({ [key]: value }).find((path) => !isPassword(path));
  if (found !== undefined) {
    throw new UserError(
      found.length === 1
        ? `${key} is encrypted as a whole, so it can't be rehearsed: encrypt only the passwords in it`
        : `${formatPath(found)} is encrypted, so it can't be rehearsed: encrypt only passwords`,
    );
  }
}

/** The raw config in a stack's file. */
export function configOf(stackFile: string): Map {
  let content: unknown;
  try {
    content = parse(stackFile, { logLevel: "error" });
  } catch {
    // The parser's own message quotes the line, which may contain a password.
    throw new UserError("the stack's file is not valid YAML");
  }
  return mapAt(content, "config");
}

/** The images that a config names, by their keys. */
export function imagesOf(config: Map): { readonly key: string; readonly reference: string }[] {
  return imagesIn(config).map(({ key, reference }) => ({ key, reference }));
}

/** The same, each with the map that has it: collectors are a list. */
function imagesIn(config: Map) {
  return Object.keys(config)
    .filter((name) => name.startsWith("cybexp:"))
    .flatMap((name) =>
      mapsAt(config, name).flatMap((map) => {
        const { image: reference } = map;
        const key = name.slice("cybexp:".length);
        return typeof reference === "string" ? [{ key, reference, map }] : [];
      }),
    );
}

/** The changed keys that a rehearsal leaves out, such as `cybexp:state`. */
export function leftOut(before: string, after: string): string[] {
  const [old, next] = [parse(before) as Map, parse(after) as Map].map((file) => ({
    ...file,
    ...configOf(stringify(file)),
    ...realOnes(configOf(stringify(file))),
  })) as [Map, Map];
  const rehearsed = (key: string) =>
    key.startsWith("cybexp:") &&
    !LEFT_OUT.includes(key) &&
    !Object.keys(REAL).some((name) => key.startsWith(`${name}.`));
  return [...new Set([...Object.keys(old), ...Object.keys(next)])]
    .filter((key) => key !== "config" && key !== "encryptionsalt" && !rehearsed(key))
    .filter((key) => JSON.stringify(old[key]) !== JSON.stringify(next[key]))
    .sort();
}

function withoutReal(name: string, value: unknown): unknown {
  const real = REAL[name];
  if (real === undefined || !isMap(value) || isSecret(value)) {
    return value;
  }
  const kept = Object.entries(value).filter(([key]) => !real.includes(key));
  // In place of databases outside of the stack, which a rehearsal must not touch.
  const image = name === DATABASE && !("image" in value) ? { image: DATABASE_IMAGE } : {};
  return { ...image, ...Object.fromEntries(kept) };
}

/** What a config says of them, each under its whole key. */
function realOnes(config: Map): Map {
  return Object.fromEntries(
    Object.entries(REAL).flatMap(([name, keys]) => {
      const values = mapAt(config, name);
      return keys.filter((key) => key in values).map((key) => [`${name}.${key}`, values[key]]);
    }),
  );
}

const isMap = (value: unknown): value is Map =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function isSecret(value: unknown): value is { secure: string } {
  const entries = typeof value === "object" && value !== null ? Object.entries(value) : [];
  return entries.length === 1 && entries[0]?.[0] === "secure";
}

function withSecrets(value: unknown, substitutes: Substitutes): unknown {
  if (Array.isArray(value)) {
    return value.map((item) => withSecrets(item, substitutes));
  }
  if (isSecret(value)) {
    return { secure: substitutes.secret(String(value.secure)) };
  }
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, withSecrets(item, substitutes)]),
    );
  }
  return value;
}

function substituteImages(config: Map, substitutes: Substitutes): void {
  for (const { key, reference, map } of imagesIn(config)) {
    map["image"] = substitutes.image(key, reference);
    if (key === "kapow" && map["image"] !== reference) {
      substituteKapow(map);
    }
  }
}

/** Kapow!'s program may call what only its own image has, so the demo image gets only the health check's route. */
function substituteKapow(map: Map): void {
  const { init, healthRoute } = map;
  if (typeof init === "string" && typeof healthRoute === "string") {
    const original = isProgramText(init) ? init : `the image's ${init}`;
    map["program"] = "kapow";
    map["init"] = [
      "#!/bin/sh -e",
      `kapow route add ${healthRoute} -c 'kapow set /response/body well'`,
      // So that a change to the real program shows.
      ...original.split("\n").map((line) => `# ${line}`),
      "",
    ].join("\n");
  }
}
