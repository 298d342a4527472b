/** The attributes of a user of the KMS: what a policy of CP-ABE asks for. */
import { Fault } from "./fault.ts";

const LONGEST = 64;

/** What the KMS makes of an attribute. (It spells user names alike, but leaves their case.) */
export const kmsAttribute = (text: string): string =>
  text.replaceAll("/", "__").replaceAll(" ", "_").toUpperCase();

/**
 * An attribute as the KMS stores it. What no policy could name is refused: the KMS would make a key with it, and
 * the first record with such a policy would be lost.
 */
export function parseAttribute(raw: unknown): string | Fault {
  const allowed = `Allowed: 1 to ${LONGEST} letters, digits and - . ? ! @ # $ % ^ & * \\, without ! in front.`;
  const example = "Write another one, for example research or re-search.";
  if (typeof raw === "number") {
    return new Fault(`This is a number, not text. ${allowed}`, "Put it in quotes.");
  }
  if (typeof raw !== "string") {
    return new Fault(allowed, example);
  }
  if (/[_ /]/.test(raw)) {
    return new Fault(
      `The KMS makes _ of a space and of /, and CYBEX-P's policy parser takes what follows _ for a number: no policy could name this attribute. ${allowed}`,
      example,
    );
  }
  if (raw.startsWith("!")) {
    return new Fault(`In a policy, ! in front means "not". ${allowed}`, example);
  }
  return /^[A-Za-z0-9\-.\\?!@#$^&*%]+$/.test(raw) && raw.length <= LONGEST
    ? kmsAttribute(raw)
    : new Fault(allowed, example);
}
