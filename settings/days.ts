/** Days of the calendar, as ISO 8601 writes them. */
import { Fault } from "./fault.ts";

/** A day such as 2026-12-31; it stays text, and compares as text. */
export function parseDay(raw: unknown): string | Fault {
  const fault = new Fault(
    "Allowed: a day as year-month-day, such as 2026-12-31.",
    "Write such a day.",
  );
  if (typeof raw !== "string" || !/^\d{4}-\d{2}-\d{2}$/.test(raw)) {
    return fault;
  }
  const time = new Date(`${raw}T00:00:00Z`);
  // 2026-02-30 parses as a day of March.
  return !Number.isNaN(time.getTime()) && time.toISOString().startsWith(raw) ? raw : fault;
}
