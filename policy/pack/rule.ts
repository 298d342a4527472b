/** What a rule is. Nothing of Pulumi is in here: a rule's decision is a function of plain data. */
import type { PolicyConfigJSONSchema } from "@pulumi/policy/schema.js";
import type { Properties } from "./unknown.ts";

/** A rule's settings: its JSON schema by name, each with its default. */
export type SettingsSchema = Readonly<
  Record<
    string,
    PolicyConfigJSONSchema & { readonly description: string; readonly default: unknown }
  >
>;

export type Settings = Readonly<Record<string, unknown>>;

/** What all rules have. */
interface Description {
  /** Its name in a violation and in the pack's configuration. */
  readonly name: string;
  /** What has to hold, in a sentence. */
  readonly description: string;
  /** Why, in a sentence, with the number of the standard that asks for it. */
  readonly reason: string;
  /** Beside `enforcementLevel`, and `exceptions` where there are some. @default none */
  readonly settings?: SettingsSchema;
}

/** A resource as a rule sees it. */
export interface Resource {
  readonly type: string;
  /** Its logical name in the program. */
  readonly name: string;
  readonly urn: string;
  /** Unknown values are UNKNOWN; secrets are in clear: no rule may put one in its words. */
  readonly props: Properties;
  readonly protect: boolean;
}

/** The same in a stack that is known as a whole. */
export interface StackResource extends Resource {
  /** For each property the URNs of the resources that it is made of. */
  readonly madeOf: Readonly<Record<string, readonly string[]>>;
}

/** Reads a boolean of the stack's own config, such as "cybexp:throwaway"; false if absent. */
export type Flag = (key: string) => boolean;

/** Looks at one resource before it is made or changed: a violation leaves it as it was. */
export interface ResourceRule extends Description {
  readonly types: readonly string[];
  /** Gives a sentence for each violation: what is wrong, and what to do. The subject is the resource. */
  check(resource: Resource, settings: Settings, flag: Flag): readonly string[];
}

export interface Violation {
  readonly urn: string;
  readonly message: string;
}

/**
 * Looks at all resources together: at the end of a preview or of an update, or, where more of them can
 * only make it worse, as each comes, which stops an update in time.
 */
export interface StackRule extends Description {
  /**
   * The types of the resources that it is about, if it is asked as each of them comes. At the end, `up --refresh`
   * also gives it what the program no longer has.
   */
  readonly asTheyCome?: readonly string[];
  checkStack(
    resources: readonly StackResource[],
    settings: Settings,
    flag: Flag,
  ): readonly Violation[];
}

export type Rule = ResourceRule | StackRule;
