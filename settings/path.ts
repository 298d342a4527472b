/** Paths of configuration keys, and safe lookups along them. */
import { quote } from "./show.ts";

export type Path = readonly PropertyKey[];

/** A path as people write it: `cybexp:users[2].password`. Odd keys are quoted: `cybexp:kms["a.b"]`. */
export function formatPath(path: Path): string {
  const [first, ...rest] = path;
  const root =
    first === undefined
      ? "cybexp"
      : `cybexp:${isPlain(first) ? String(first) : quote(String(first))}`;
  return root + rest.map(formatStep).join("");
}

function formatStep(step: PropertyKey): string {
  if (typeof step === "number") {
    return `[${step}]`;
  }
  return isPlain(step) ? `.${String(step)}` : `[${quote(String(step))}]`;
}

function isPlain(step: PropertyKey): boolean {
  return /^[\w-]{1,64}$/.test(String(step));
}

/** The path of a setting in a stack's file: a key there has the project's name before it. */
export const inFile = ([first, ...rest]: Path): Path => [`cybexp:${String(first)}`, ...rest];

/** What the raw configuration has at a path; undefined where it doesn't go so far. */
export function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) {
      return undefined;
    }
    value = (value as Record<PropertyKey, unknown>)[step];
  }
  return value;
}
