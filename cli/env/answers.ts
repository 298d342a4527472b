/** Makes the config of a new environment from flags, a prompt and defaults. */
import { Fault } from "../../settings/fault.ts";
import { UserError } from "../../programs/errors.ts";
import type { Taken } from "./ports.ts";
import type { Prompt } from "./prompt.ts";
import { questions } from "./questions.ts";
import type { Question } from "./question.ts";
import { answered } from "./values.ts";
import type { Values } from "./question.ts";

/** The answers given by flags, by the flags' names. */
export type Flags = Readonly<Record<string, string>>;

/**
 * Asks for what the flags leave open. Without a prompt, it uses the defaults.
 *
 * @throws UserError when a flag's value is wrong, or answers without a default are missing
 */
export async function collectAnswers(
  flags: Flags,
  taken: readonly Taken[],
  prompt: Prompt | undefined,
): Promise<Values> {
  let values: Values = {};
  for (const question of questions) {
    const flag = flags[question.flag];
    if (flag !== undefined) {
      values = fromFlag(values, question, flag);
    } else if (prompt !== undefined && isAsked(question, values, taken)) {
      values = (await fromPrompt(values, question, taken, prompt)) ?? missing(flags, taken, true);
    } else {
      const fallback = question.fallback?.(values, taken);
      if (fallback === undefined && isAsked(question, values, taken)) {
        missing(flags, taken, false);
      }
      values = fallback === undefined ? values : fromFlag(values, question, fallback);
    }
  }
  return values;
}

function isAsked(question: Question, values: Values, taken: readonly Taken[]): boolean {
  return question.asked?.(values, taken) ?? true;
}

function fromFlag(values: Values, question: Question, answer: string): Values {
  const next = answered(values, question, answer);
  if (next instanceof Fault) {
    throw new UserError(`--${question.flag}: ${next.reason} ${next.remedy}`);
  }
  return next;
}

/** Asks until the answer is valid; undefined if the input ends first. */
async function fromPrompt(
  values: Values,
  question: Question,
  taken: readonly Taken[],
  prompt: Prompt,
): Promise<Values | undefined> {
  const fallback = question.fallback?.(values, taken);
  const shown = fallback === undefined || fallback === "" ? "" : ` [${fallback}]`;
  for (;;) {
    const hint = question.hint?.(values, taken) ?? "";
    const text = await prompt.ask(`${question.text}${hint}${shown}:`);
    if (text === undefined) {
      return undefined;
    }
    const answer = text === "" ? fallback : text;
    const next =
      answer === undefined
        ? new Fault("There is no default.", "Type an answer, or press Ctrl-C.")
        : answered(values, question, answer);
    if (!(next instanceof Fault)) {
      return next;
    }
    prompt.say(`  ${next.reason} ${next.remedy}`);
  }
}

/**
 * Names the missing flags.
 *
 * @param ended Whether the input ended, so that questions with a default were left open, too.
 */
function missing(flags: Flags, taken: readonly Taken[], ended: boolean): never {
  let values: Values = {};
  const needed: string[] = [];
  for (const question of questions) {
    const answer = flags[question.flag] ?? question.fallback?.(values, taken);
    if (answer !== undefined) {
      values = fromFlag(values, question, answer);
    } else if (isAsked(question, values, taken)) {
      needed.push(`--${question.flag}`);
    }
  }
  const list = [...needed, ...(ended ? ["--yes (for the defaults of the rest)"] : [])].join(", ");
  throw new UserError(
    `nothing was written, because answers are missing: add ${list}, or run this in a terminal, where it asks`,
  );
}
