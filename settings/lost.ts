/** The volumes and keys that the operator has given up for good: `cybexp:lost`. */
import { Fault } from "./fault.ts";
import { nearest } from "./nearest.ts";
import { KEY_FILES, keptParts, MARK, UNMARKED } from "./keptParts.ts";

/** `PART@MARK`: a kept volume, or the KMS's keys, and the mark that the error about it shows. */
export function parseLoss(raw: unknown): string | Fault {
  const parts = [...Object.keys(keptParts), KEY_FILES];
  const allowed = `Allowed: one of ${parts.join(", ")}, an @, and the mark of what is lost (12 hex digits, or ${UNMARKED}).`;
  const copy = "Copy it from the error that names what is lost.";
  const [part = "", mark = "", ...rest] = typeof raw === "string" ? raw.split("@") : [];
  if (!parts.includes(part)) {
    const meant = nearest(part, parts);
    return new Fault(allowed, meant === undefined ? copy : `Did you mean ${meant}@${mark}?`);
  }
  return rest.length === 0 && (mark === UNMARKED || MARK.test(mark))
    ? `${part}@${mark}`
    : new Fault(allowed, copy);
}
