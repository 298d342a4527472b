/** Passwords that an operator supplies. */
import { Fault } from "./fault.ts";

const LEAST = 20;
/** bcrypt, for one, silently ignores everything beyond it. */
const MOST = 72;

/**
 * A supplied password. ASCII, because clients disagree on how other letters are encoded in HTTP basic
 * authentication; a colon is fine there (RFC 7617).
 */
export function parsePassword(raw: unknown): string | Fault {
  const allowed = `Allowed: ${LEAST} to ${MOST} characters of printable ASCII, no space at either end.`;
  const remedy = "Supply another one, or leave the key out to have one generated.";
  if (typeof raw === "number") {
    return new Fault(`This is a number, not text. ${allowed}`, "Put it in quotes.");
  }
  if (typeof raw !== "string") {
    return new Fault(`This is not text. ${allowed}`, remedy);
  }
  if (raw.length < LEAST || raw.length > MOST) {
    const length = raw.length === 1 ? "1 character" : `${raw.length} characters`;
    return new Fault(`The password has ${length}. ${allowed}`, remedy);
  }
  if (!/^[\x20-\x7e]*$/.test(raw)) {
    return new Fault(
      `The password has a character that is not printable ASCII. ${allowed}`,
      remedy,
    );
  }
  return raw.trim() === raw
    ? raw
    : new Fault(`The password starts or ends with a space. ${allowed}`, remedy);
}
