/** The changed resources with their properties, for the diff below the summary. */
import type { Inputs, Operation, Step } from "./events.ts";
import { kind } from "./words.ts";

/** The signs of a `diff` block, which GitHub colours. */
const SIGNS: Readonly<Record<Operation, string>> = {
  same: " ",
  create: "+",
  update: "!",
  replace: "!",
  delete: "-",
};

const WORDS: Readonly<Record<Operation, string>> = {
  same: "",
  create: "created",
  update: "updated",
  replace: "REPLACED",
  delete: "removed",
};

/** Pulumi's mark for a secret in an event. */
const SECRET = "4dabf18193072939515e22adb298388d";

/** Pulumi's marks for a value that is known only after the update, one for each type. */
const UNKNOWN =
  /^(04da6b54-80e4-46f7-96ec-b56ff0331ba9|1c4a061d-8072-4f0a-a4cb-0ff528b18fe7|3eeb2bf0-c639-47a8-9e75-3b44932eb421|6a19a0b0-7e62-4c92-b797-7f8e31da9cc2|030794c1-ac77-496b-92df-f27374a8bd58|e48ece36-62e2-4504-bad9-02848725956a|dd056dcd-154b-4c76-9bd3-c8f88648b5ff)$/;

type Mask = (text: string) => string;

/** Longer values are cut, so that the diff is readable. */
const LONGEST = 120;

/**
 * A line for each resource, and below it a line for each property that differs.
 *
 * @param mask Hides secrets. It is applied before a long value is cut, or half a secret could be left.
 */
export function diffOf(steps: readonly Step[], mask: Mask = (text) => text): string[] {
  return [...steps]
    .sort((a, b) => rank(a) - rank(b))
    .flatMap((step) => [
      `${SIGNS[step.op]} ${kind(step.type)} ${step.name} ${WORDS[step.op]}`,
      ...pathsOf(step).flatMap((path) =>
        changesAt(path, valueAt(step.old, path), valueAt(step.next, path), mask),
      ),
    ]);
}

const rank = ({ op }: Step) => ["replace", "delete", "create", "update"].indexOf(op);

/** All ports of a container are shown together, because address and port belong to each other. */
function pathsOf({ differing }: Step): string[] {
  return [...new Set(differing.map((path) => path.replace(/^ports\b.*$/, "ports")))];
}

function changesAt(path: string, before: unknown, after: unknown, mask: Mask): string[] {
  const [left, right] = [mapIn(before), mapIn(after)];
  if (left === undefined || right === undefined) {
    const [old, next] = [show(before, mask), show(after, mask)];
    const same = old === "(none)" ? "another value" : `another ${old}`;
    return [`    ${path}: ${old === next ? same : `${old} => ${next}`}`];
  }
  // Only what differs inside, not the whole.
  return [...new Set([...Object.keys(left), ...Object.keys(right)])]
    .filter((key) => JSON.stringify(left[key]) !== JSON.stringify(right[key]))
    .flatMap((key) => changesAt(`${path} ${key}`, left[key], right[key], mask));
}

/** A map, or a map in JSON, but no list and no secret. */
function mapIn(value: unknown): Inputs | undefined {
  const inner = typeof value === "string" && value.startsWith("{") ? parsed(value) : value;
  const isMap = typeof inner === "object" && inner !== null && !Array.isArray(inner);
  return isMap && !(SECRET in inner) ? (inner as Inputs) : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** The value at a path such as `labels[2].value`. */
function valueAt(inputs: Inputs | undefined, path: string): unknown {
  let value: unknown = inputs;
  for (const [, index, quoted, key] of path.matchAll(/\[(\d+)\]|\["([^"]*)"\]|([^.[\]]+)/g)) {
    value = (value as Record<string, unknown> | null | undefined)?.[index ?? quoted ?? key ?? ""];
  }
  return value;
}

function show(value: unknown, mask: Mask): string {
  if (value === undefined || value === null) {
    return "(none)";
  }
  if (typeof value === "string") {
    return UNKNOWN.test(value)
      ? "(known after the update)"
      : shorten(JSON.stringify(withoutIds(mask(value))));
  }
  if (Array.isArray(value)) {
    return shorten(`[${value.map((item) => show(item, mask)).join(", ")}]`);
  }
  if (typeof value === "object") {
    return SECRET in value ? "[secret]" : showMap(value as Inputs, mask);
  }
  return JSON.stringify(value);
}

function showMap(value: Inputs, mask: Mask): string {
  const { ip, external, internal } = value;
  if (external !== undefined && internal !== undefined) {
    return `${(ip as string) || "0.0.0.0"}:${external as number} -> ${internal as number}`;
  }
  const entries = Object.entries(value).filter(([key]) => key !== "__defaults");
  return shorten(`{${entries.map(([key, item]) => `${key}: ${show(item, mask)}`).join(", ")}}`);
}

/** Hides ids and digests: they say nothing to a reader, and differ each time. */
function withoutIds(text: string): string {
  return /^-----BEGIN /.test(text)
    ? "(PEM)"
    : // An image's digest stays, because it is from the settings.
      text.replace(/(?<!@|@sha256:)\b(sha256:)?(?=[a-f]*\d)[0-9a-f]{12,}\b/g, "(id)");
}

function shorten(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}...` : text;
}
