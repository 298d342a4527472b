import type { Parser } from "../../settings/fault.ts";
import type { Path } from "../../settings/path.ts";
import type { Taken } from "./ports.ts";

/** The config as the file will have it, without the prefix `cybexp:`. */
export type Values = Readonly<Record<string, unknown>>;

/** Whether it is a production stack that is made. */
export const isProduction = (values: Values) => values["production"] === true;

/** What is asked for a new environment. */
export interface Question {
  /** The flag's name, without its dashes. */
  readonly flag: string;
  /** Where the answer goes in the config. */
  readonly paths: readonly Path[];
  readonly text: string;
  /** What one should know to answer it. */
  hint?(values: Values, taken: readonly Taken[]): string;
  /** Whether it is to be asked; else its default holds, if there is one. @default always */
  asked?(values: Values, taken: readonly Taken[]): boolean;
  /** What Enter means; undefined where there has to be an answer, or nothing to be said. */
  fallback?(values: Values, taken: readonly Taken[]): string | undefined;
  /** The value for the config; undefined leaves the key out. @default what the settings make of it */
  readonly parse?: Parser<unknown>;
}
