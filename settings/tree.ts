/** Lookups in the schema: what a path leads to, and what is documented there. */
import { z } from "zod";
import type { Fault } from "./fault.ts";
import { refusals } from "./leaves.ts";
import type { Path } from "./path.ts";
import { schema as root } from "./schema.ts";
import { type KeyDoc, keyDocs } from "./keyDoc.ts";

/** A key's schema without its wrappers, and what the wrappers say. */
export interface Unwrapped {
  readonly inner: z.core.$ZodType;
  readonly optional: boolean;
  /** The default of a value; undefined where it has none. */
  readonly fallback: unknown;
}

/** Takes `default`, `prefault` and `exactOptional` off a schema. */
export function unwrap(schema: z.core.$ZodType): Unwrapped {
  let inner = schema;
  let optional = false;
  let fallback: unknown;
  for (;;) {
    if (inner instanceof z.ZodDefault) {
      fallback = inner.def.defaultValue;
      inner = inner.def.innerType;
    } else if (inner instanceof z.ZodPrefault) {
      inner = inner.def.innerType;
    } else if (inner instanceof z.ZodExactOptional) {
      optional = true;
      inner = inner.def.innerType;
    } else {
      return { inner, optional, fallback };
    }
  }
}

/** The known keys of a map; undefined for anything else. */
export function keysOf(schema: z.core.$ZodType): Record<string, z.core.$ZodType> | undefined {
  const { inner } = unwrap(schema);
  return inner instanceof z.ZodObject ? inner.shape : undefined;
}

/** The items of a list; undefined for anything else. */
export function itemOf(schema: z.core.$ZodType): z.core.$ZodType | undefined {
  const { inner } = unwrap(schema);
  return inner instanceof z.ZodArray ? inner.element : undefined;
}

/** The documentation of a key. */
export function docOf(schema: z.core.$ZodType): KeyDoc | undefined {
  return keyDocs.get(unwrap(schema).inner as z.ZodType);
}

/** What a report says if zod's own type refuses a value; undefined for maps and lists. */
export function faultOf(schema: z.core.$ZodType): Fault | undefined {
  return refusals.get(unwrap(schema).inner as z.ZodType)?.fault;
}

/** The schemas along a path, the root first. Shorter than the path if the path is unknown. */
export function along(path: Path): z.core.$ZodType[] {
  const schemas: z.core.$ZodType[] = [root];
  for (const step of path) {
    const next = below(schemas.at(-1) ?? root, step);
    if (next === undefined) {
      break;
    }
    schemas.push(next);
  }
  return schemas;
}

/** The schema at a path; if the path is unknown, the last one on the way. */
export function schemaAt(path: Path): z.core.$ZodType {
  return along(path).at(-1) ?? root;
}

function below(schema: z.core.$ZodType, step: PropertyKey): z.core.$ZodType | undefined {
  const keys = keysOf(schema) ?? {};
  if (typeof step === "number") {
    return itemOf(schema);
  }
  return Object.hasOwn(keys, step) ? keys[String(step)] : undefined;
}
