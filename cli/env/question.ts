import type { Parser } from "../../settings/fault.ts";
import type { Path } from "../../settings/path.ts";
import type { Taken } from "./ports.ts";

/** The config for the file, without the prefix `cybexp:`. */
export type Values = Readonly<Record<string, unknown>>;

/** Whether the new stack is a production stack. */
export const isProduction = (values: Values) => values["production"] === true;

/** One question about a new environment. */
export interface Question {
  /** The flag's name, without its dashes. */
  readonly flag: string;
  /** Where the answer goes in the config. */
  readonly paths: readonly Path[];
  readonly text: string;
  /** What helps to answer it. */
  hint?(values: Values, taken: readonly Taken[]): string;
  /** Whether to ask it. If not, its default is used, if there is one. @default always */
  asked?(values: Values, taken: readonly Taken[]): boolean;
  /** The answer for Enter; undefined if an answer is required, or the key stays out. */
  fallback?(values: Values, taken: readonly Taken[]): string | undefined;
  /** The value for the config; undefined leaves the key out. @default the settings' own parser */
  readonly parse?: Parser<unknown>;
}
