/** Yes-or-no values and whole numbers, as Pulumi hands them over: typed, or as text. */
import { Fault, type Parser } from "./fault.ts";

/** Whole numbers as people write them: no sign, no leading zero. */
const CANONICAL = /^(0|[1-9]\d*)$/;

/** true or false; `pulumi config set` and top-level keys give them as text. */
export function parseBoolean(raw: unknown): boolean | Fault {
  if (raw === true || raw === "true") {
    return true;
  }
  if (raw === false || raw === "false") {
    return false;
  }
  return new Fault("Allowed: true or false.", "Write true or false, without quotes.");
}

/** A number within bounds, both allowed; `pulumi config set --path` may give it as text. */
export function wholeNumber(least: number, most: number, why = ""): Parser<number> {
  return (raw) => {
    const value = typeof raw === "string" && CANONICAL.test(raw) ? Number(raw) : raw;
    if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most) {
      const allowed = `Allowed: a whole number from ${least} to ${most}${why && ` (${why})`}.`;
      return new Fault(allowed, "Write such a number, without quotes or unit.");
    }
    return value;
  };
}

/** Digits of 2^256: more than any range that the services can use. */
const MOST_DIGITS = 78;

/**
 * A whole number of any size. Above 2^53 it must come as quoted digits, and stays a string of digits:
 * a YAML number of that size is read as a float and has lost its last digits already.
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
    'Write its digits; in quotes if it is above 9007199254740991, such as "18446744073709551615".',
  );
}

/** One word of a fixed list. */
export function oneOf<const T extends string>(allowed: readonly T[]): Parser<T> {
  return (raw) => {
    const found = allowed.find((word) => word === raw);
    const list = allowed.map((word) => `"${word}"`).join(", ");
    return (
      found ??
      new Fault(
        `Allowed: ${allowed.length === 1 ? "only " : "one of "}${list}.`,
        allowed.length === 1 ? "Write that, or leave the key out." : "Write one of them.",
      )
    );
  };
}
