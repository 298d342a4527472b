/** Turns an issue from zod into what the report says: what is wrong, what is allowed, and what to do. */
import type { z } from "zod";
import { Fault, type Finding } from "./fault.ts";
import type { KeyDoc } from "./keyDoc.ts";
import { nearest } from "./nearest.ts";
import { formatPath, type Path, valueAt } from "./path.ts";
import { docOf, faultOf, itemOf, keysOf, schemaAt } from "./tree.ts";

/** What an issue from zod means to whoever wrote the values. */
export function explain(issue: z.core.$ZodRawIssue, values: unknown): Finding[] {
  const { path = [] } = issue;
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({
      path: [...path, key],
      fault: unknownKey(path, key),
    }));
  }
  const found = schemaAt(path);
  return [{ path, fault: refusal(found, valueAt(values, path), issue) }];
}

/** Why a key can't have a value. */
export function refusal(found: z.core.$ZodType, raw: unknown, issue?: z.core.$ZodRawIssue): Fault {
  const isValue = keysOf(found) === undefined && itemOf(found) === undefined;
  if (isValue && raw === undefined) {
    return missing(docOf(found));
  }
  const { fault } = (issue?.params ?? {}) as { readonly fault?: Fault };
  return fault ?? faultOf(found) ?? wrongShape(found);
}

function unknownKey(path: Path, key: string): Fault {
  const known = Object.keys(keysOf(schemaAt(path)) ?? {});
  const meant = nearest(key, known);
  if (meant !== undefined) {
    return new Fault("This key is not known.", `Did you mean ${formatPath([...path, meant])}?`);
  }
  const elsewhere = placesOf(key).map((place) => formatPath(place));
  return elsewhere.length > 0
    ? new Fault("This key is not known here.", `Move it to ${elsewhere.join(" or ")}.`)
    : new Fault("This key is not known.", `Remove it. Known here: ${known.join(", ")}.`);
}

/** Where else in the configuration a key with this name belongs. */
function placesOf(name: string): Path[] {
  const search = (found: z.core.$ZodType, path: Path): Path[] =>
    Object.entries(keysOf(found) ?? {}).flatMap(([key, child]) => [
      ...(key === name ? [[...path, key]] : []),
      ...search(child, [...path, key]),
    ]);
  return search(schemaAt([]), []);
}

function missing({ example }: Partial<KeyDoc> = {}): Fault {
  return new Fault(
    "A value is required; this key has no default.",
    example === undefined ? "Set it." : `Set it, for example to ${example}.`,
  );
}

/** For a value that should be a map or a list, and for an empty list. */
function wrongShape(found: z.core.$ZodType): Fault {
  const { example, allowed } = docOf(found) ?? {};
  const remedy =
    example === undefined ? "Write its keys below it." : `Write, for example, ${example}.`;
  return itemOf(found) === undefined
    ? new Fault(`Allowed: a map of ${Object.keys(keysOf(found) ?? {}).join(", ")}.`, remedy)
    : new Fault(
        `Allowed: a list${allowed === undefined ? "" : " with at least one item"}.`,
        remedy,
      );
}
