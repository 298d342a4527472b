/** Calendar days, in the form of ISO 8601. */
import { z } from "zod";
import { Fault } from "./fault.ts";

/** Pulumi reads an unquoted day in a stack's file as a timestamp. As text, it ends as Go prints it. */
const MIDNIGHT = " 00:00:00 +0000 UTC";

const day = z.preprocess(
  (raw) =>
    typeof raw === "string" && raw.endsWith(MIDNIGHT) ? raw.slice(0, -MIDNIGHT.length) : raw,
  z.iso.date(),
);

/** A day such as 2026-12-31. It stays text, and compares as text. */
export function parseDay(raw: unknown): string | Fault {
  const { success, data } = day.safeParse(raw);
  return success
    ? data
    : new Fault("Allowed: a day in the form YYYY-MM-DD.", "Write, for example, 2026-12-31.");
}
