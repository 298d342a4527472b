/** Values that a preview can't know yet. */
import { UnknownValueError } from "@pulumi/policy";

/** In place of a value that is known only once it has been made. */
export const UNKNOWN = Symbol("unknown");

export type Properties = Readonly<Record<string, unknown>>;

/**
 * The properties of a resource as plain data. What is unknown is UNKNOWN there, and not an error that
 * ends the rule at the first look at it, as the policy SDK has it.
 */
export function plain(properties: object): Properties {
  return Object.fromEntries(Object.keys(properties).map((key) => [key, read(properties, key)]));
}

function read(holder: object, key: string | number): unknown {
  let value: unknown;
  try {
    value = (holder as Record<string | number, unknown>)[key];
  } catch (error) {
    if (error instanceof UnknownValueError) {
      return UNKNOWN;
    }
    throw error;
  }
  if (Array.isArray(value)) {
    const { length } = value as unknown[];
    return Array.from({ length }, (_, index) => read(value as unknown[], index));
  }
  return typeof value === "object" && value !== null ? plain(value) : value;
}

/** The text, or "" for what is absent, unknown or none. */
export const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

/** The list's known items, or none. */
export const listOf = (value: unknown): readonly unknown[] =>
  Array.isArray(value) ? value.filter((item) => item !== UNKNOWN) : [];

/** The list's items that are objects. */
export const objectsOf = (value: unknown): readonly Properties[] =>
  listOf(value).filter((item): item is Properties => typeof item === "object" && item !== null);
