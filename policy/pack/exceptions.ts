/** Named exceptions: resources that a rule leaves alone, each with its reason. */
import type { Resource, SettingsSchema } from "./rule.ts";
import { objectsOf, textOf } from "./unknown.ts";

/** Picks resources: by logical name, or by a label of the container, as `key=value`. */
export interface Selector {
  readonly name?: string;
  readonly label?: string;
}

export interface Exception extends Selector {
  readonly reason: string;
}

const selector = {
  name: { type: "string", minLength: 1 },
  label: { type: "string", pattern: "^[^=]+=.+$" },
} as const;

/** The setting `exceptions` that every rule has. */
export const exceptionsSchema = {
  exceptions: {
    description:
      "Resources that the rule ignores, each with its reason. Name one by its resource name or, for a container, by a label as key=value.",
    type: "array",
    items: {
      type: "object",
      properties: { ...selector, reason: { type: "string", minLength: 10 } },
      required: ["reason"],
      minProperties: 2,
      additionalProperties: false,
    },
    default: [],
  },
} as const satisfies SettingsSchema;

/** The schema of a setting that picks resources. */
export const selectorsSchema = {
  type: "array",
  items: { type: "object", properties: selector, minProperties: 1, additionalProperties: false },
} as const;

/** Whether one of the selectors picks the resource; all that a selector names must be so. */
export function isPicked(resource: Resource, selectors: readonly Selector[]): boolean {
  return selectors.some(
    ({ name, label }) =>
      (name !== undefined || label !== undefined) &&
      (name === undefined || name === resource.name) &&
      (label === undefined || labelsOf(resource).includes(label)),
  );
}

/** A container's labels that are known, as `key=value`. */
export function labelsOf({ props }: Resource): readonly string[] {
  return objectsOf(props["labels"]).map(({ label, value }) => `${textOf(label)}=${textOf(value)}`);
}
