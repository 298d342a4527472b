/** Days of the calendar, as ISO 8601 writes them. */
import { z } from "zod";
import { Fault } from "./fault.ts";

/** Pulumi takes a day without quotes in a stack's file for a moment, and writes that as Go does. */
const MIDNIGHT = " 00:00:00 +0000 UTC";

const day = z.preprocess(
  (raw) =>
    typeof raw === "string" && raw.endsWith(MIDNIGHT) ? raw.slice(0, -MIDNIGHT.length) : raw,
  z.iso.date(),
);

/** A day such as 2026-12-31; it stays text, and compares as text. */
export function parseDay(raw: unknown): string | Fault {
  const { success, data } = day.safeParse(raw);
  return success
    ? data
    : new Fault("Allowed: a day as year-month-day, such as 2026-12-31.", "Write such a day.");
}
