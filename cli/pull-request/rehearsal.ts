/** A stack's file as it is rehearsed: with throw-away secrets, at addresses and with images to be had here. */
import { parse, stringify } from "yaml";
import { formatPath } from "../../settings/path.ts";
import { isProgramText } from "../../settings/kapow.ts";
import type { Endpoint } from "../../settings/types.ts";
import { UserError } from "../../programs/errors.ts";
import { isPassword, secretPaths } from "../../stack/settings.ts";
import { type Map, mapAt, placeAll } from "./listeners.ts";

/** What takes the place of the real thing. The same for the base and the head, so that only what differs shows. */
export interface Substitutes {
  /** The value of `encryptionsalt`. */
  readonly salt: string;
  /** A throw-away secret, encrypted, for an encrypted one: another for another. */
  secret(encrypted: string): string;
  /** The image for a role's, by the name of its key, such as `database`. */
  image(key: string, reference: string): string;
  /** Where it listens. */
  place(original: Endpoint): Endpoint;
}

/** Keys of the config that say where and how a real stack is kept, and what it lost: no part of a rehearsal. */
const LEFT_OUT = ["cybexp:lost", "cybexp:state", "cybexp:production"];

/**
 * The stack's file for a rehearsal. Of the file's own keys only the config is kept, and of that only
 * what the program itself reads.
 *
 * @throws UserError for a file that is not valid YAML, or has a part encrypted as a whole.
 */
export function rehearsal(stackFile: string, substitutes: Substitutes): string {
  const config: Map = {};
  for (const [key, value] of Object.entries(configOf(stackFile))) {
    if (key.startsWith("cybexp:") && !LEFT_OUT.includes(key)) {
      requirePasswordsOnly(key, value);
      config[key] = withSecrets(value, substitutes);
    }
  }
  placeAll(config, (original) => substitutes.place(original));
  substituteImages(config, substitutes);
  return stringify({ encryptionsalt: substitutes.salt, config });
}

/** @throws UserError for what is encrypted and no password: nothing can stand in for it. */
function requirePasswordsOnly(key: string, value: unknown): void {
  const found = secretPaths({ [key]: value }).find((path) => !isPassword(path));
  if (found !== undefined) {
    throw new UserError(
      found.length === 1
        ? `${key} is encrypted as a whole: what is in it can't be rehearsed; encrypt its secret values one by one`
        : `${formatPath(found)} is encrypted: it can't be rehearsed; encrypt passwords alone`,
    );
  }
}

/** The config in a stack's file, as it stands there. */
export function configOf(stackFile: string): Map {
  let content: unknown;
  try {
    content = parse(stackFile, { logLevel: "error" });
  } catch {
    // Not the parser's message: it quotes the line, and a password may be in it.
    throw new UserError("the stack's file is not valid YAML");
  }
  return mapAt(content, "config");
}

/** The images that a config names, by their keys. */
export function imagesOf(config: Map): { readonly key: string; readonly reference: string }[] {
  return Object.entries(config).flatMap(([name, value]) => {
    const reference = (value as Map | null)?.["image"];
    return name.startsWith("cybexp:") && typeof reference === "string"
      ? [{ key: name.slice("cybexp:".length), reference }]
      : [];
  });
}

/** What a rehearsal leaves out and the change touches, such as `cybexp:state`. */
export function leftOut(before: string, after: string): string[] {
  const [old, next] = [parse(before) as Map, parse(after) as Map].map((file) => ({
    ...file,
    ...configOf(stringify(file)),
  })) as [Map, Map];
  const rehearsed = (key: string) => key.startsWith("cybexp:") && !LEFT_OUT.includes(key);
  return [...new Set([...Object.keys(old), ...Object.keys(next)])]
    .filter((key) => key !== "config" && key !== "encryptionsalt" && !rehearsed(key))
    .filter((key) => JSON.stringify(old[key]) !== JSON.stringify(next[key]))
    .sort();
}

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
  for (const { key, reference } of imagesOf(config)) {
    const map = config[`cybexp:${key}`] as Map;
    map["image"] = substitutes.image(key, reference);
    if (key === "kapow" && map["image"] !== reference) {
      substituteKapow(map);
    }
  }
}

/** Kapow!'s own program may call what only its own image has: the demo image gets the health check's route. */
function substituteKapow(map: Map): void {
  const { init, healthRoute } = map;
  if (typeof init === "string" && typeof healthRoute === "string") {
    const original = isProgramText(init) ? init : `the image's ${init}`;
    map["program"] = "kapow";
    map["init"] = [
      "#!/bin/sh -e",
      `kapow route add ${healthRoute} -c 'kapow set /response/body well'`,
      // So that a change of the real one shows.
      ...original.split("\n").map((line) => `# ${line}`),
      "",
    ].join("\n");
  }
}
