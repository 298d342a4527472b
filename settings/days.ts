/** Days of the calendar, as ISO 8601 writes them. */
import { Fault } from "./fault.ts";

/** A day such as 2026-12-31; it stays text, and compares as text. */
export function parseDay(raw: unknown): string | Fault {
  const fault = new Fault(
    "Allowed: a day as year-month-day, such as 2026-12-31.",
    "Write such a day.",
  );
  // Pulumi takes a day without quotes in a stack's file for a moment, and writes that as Go does.
  const text = typeof raw === "string" ? raw : "";
  const [, day] = /^(\d{4}-\d{2}-\d{2})(?: 00:00:00 \+0000 UTC)?$/.exec(text) ?? [];
  if (day === undefined) {
    return fault;
  }
  const time = new Date(`${day}T00:00:00Z`);
  // 2026-02-30 parses as a day of March.
  return !Number.isNaN(time.getTime()) && time.toISOString().startsWith(day) ? day : fault;
}
