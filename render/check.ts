/**
 * Guards for text that another program will parse: a value must not break out of its place. Settings are
 * validated long before; these guards protect every other caller, too.
 */

/** A host name (RFC 1123). */
export const HOST_NAME =
  /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/;

/** Returns the text when it matches, else throws a RangeError that names what is allowed. */
export function matching(what: string, text: string, pattern: RegExp, allowed: string): string {
  if (!pattern.test(text)) {
    throw new RangeError(`${what} is ${JSON.stringify(text)}, but must be ${allowed}`);
  }
  return text;
}

/** Returns the number when it is a whole one within the bounds, else throws a RangeError. */
export function wholeNumber(what: string, value: number, least: number, most: number): number {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(
      `${what} is ${value}, but must be a whole number from ${least} to ${most}`,
    );
  }
  return value;
}

/** Like `matching`, for a text that is secret: the message leaves the value out. */
export function matchingSecret(
  what: string,
  text: string,
  pattern: RegExp,
  allowed: string,
): string {
  if (!pattern.test(text)) {
    throw new RangeError(`${what} must be ${allowed}; its value is secret and not shown`);
  }
  return text;
}
