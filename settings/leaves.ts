/**
 * The types of single values, each with what a report says about a value that doesn't fit. Pulumi hands
 * over numbers and booleans as such, or as text: so for top-level keys and after `pulumi config set`.
 */
import { z } from "zod";
import { Fault, type Parser } from "./fault.ts";

/** What a report says about a value that zod's own type refuses. */
export const refusals = z.registry<{ readonly fault: Fault }>();

/** Whole numbers as people write them: no sign, no leading zero. */
const CANONICAL = /^(0|[1-9]\d*)$/;

const numberOf = (form: RegExp) => (raw: unknown) =>
  typeof raw === "string" && form.test(raw) ? Number(raw) : raw;

export const boolean = () =>
  z
    .union([z.boolean(), z.stringbool({ truthy: ["true"], falsy: ["false"], case: "sensitive" })])
    .register(refusals, {
      fault: new Fault("Allowed: true or false.", "Write true or false, without quotes."),
    });

const whole = (least: number, most: number) =>
  z.preprocess(numberOf(CANONICAL), z.int().min(least).max(most));

/** A whole number from `least` to `most`, both included. */
export const wholeNumber = (least: number, most: number, why = "") =>
  whole(least, most).register(refusals, {
    fault: new Fault(
      `Allowed: a whole number from ${least} to ${most}${why && ` (${why})`}.`,
      "Write a number in this range, without quotes or a unit.",
    ),
  });

/** A TCP port. */
export const port = () =>
  whole(1, 65535).register(refusals, {
    fault: new Fault(
      "Allowed: a port, a whole number from 1 to 65535.",
      "Write a port, for example 5002.",
    ),
  });

/** Processors in steps of a hundredth, which is how Docker counts them. */
export const processors = () =>
  z
    .preprocess(numberOf(/^\d{1,4}(\.\d{1,2})?$/), z.number().min(0.01).max(1024).multipleOf(0.01))
    .register(refusals, {
      fault: new Fault(
        "Allowed: processors from 0.01 to 1024, in steps of 0.01.",
        "Write a number, for example 1.5.",
      ),
    });

/** One word from a fixed list. */
export function oneOf<const W extends readonly [string, ...string[]]>(words: W) {
  const list = words.map((word) => `"${word}"`).join(", ");
  return z.enum(words).register(refusals, {
    fault:
      words.length === 1
        ? new Fault(`Allowed: only ${list}.`, "Write that, or leave the key out.")
        : new Fault(`Allowed: one of ${list}.`, "Write one of them."),
  });
}

/** Text that matches a pattern. */
export const text = (form: RegExp, fault: Fault) =>
  z.string().regex(form).register(refusals, { fault });

/** No value at all. */
export const nothing = (fault: Fault) => z.never().register(refusals, { fault });

/** A value with a grammar of its own, which can be wrong in more than one way. */
export const parsed = <T>(parse: Parser<T>) =>
  z.unknown().transform((raw, context): T => {
    const value = parse(raw);
    if (value instanceof Fault) {
      context.addIssue({ code: "custom", params: { fault: value } });
      return z.NEVER;
    }
    return value;
  });

/** Digits of 2^256: more than any range that the services can use. */
const MOST_DIGITS = 78;

/**
 * A whole number of any size. Above 2^53 it must be written as quoted digits, and stays a string of
 * digits: a YAML number of that size is read as a float, and loses its last digits.
 */
export function parseBigNumber(raw: unknown): number | string | Fault {
  if (typeof raw === "number" && Number.isSafeInteger(raw) && raw >= 0) {
    return raw;
  }
  if (typeof raw === "number" && Number.isInteger(raw) && raw > 0) {
    return new Fault(
      "A number of this size loses its last digits unless it is quoted.",
      'Write all its digits in quotes, such as "18446744073709551615".',
    );
  }
  if (typeof raw === "string" && CANONICAL.test(raw) && raw.length <= MOST_DIGITS) {
    return Number.isSafeInteger(Number(raw)) ? Number(raw) : raw;
  }
  return new Fault(
    `Allowed: a whole number of at most ${MOST_DIGITS} digits, without a sign.`,
    'Write its digits, in quotes if it is above 9007199254740991, such as "18446744073709551615".',
  );
}
