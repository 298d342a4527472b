/** What the doctor found, for Prometheus. */
import { gauge } from "./prometheusText.ts";

export interface LookMetrics {
  readonly stack: string;
  /** When it was looked at. */
  readonly time: Date;
  readonly warnings: number;
  readonly errors: number;
  /** Undefined where none is needed. */
  readonly backup:
    | {
        /** When the newest one was begun; undefined if there is none. */
        readonly newest: Date | undefined;
        /** Older ones are too old. */
        readonly warnDays: number;
      }
    | undefined;
}

const DAY = 86_400;
const seconds = (time: Date): number => Math.floor(time.getTime() / 1000);

/** Beside the ends of certificates: how many findings there are, and how old the newest backup is. */
export function doctorMetrics({ stack, time, warnings, errors, backup }: LookMetrics): string {
  return [
    gauge("cybexp_doctor_last_run_timestamp_seconds", "When the doctor looked at the stack.", [
      { labels: { stack }, value: seconds(time) },
    ]),
    gauge("cybexp_doctor_findings", "How many warnings and errors the doctor found.", [
      { labels: { level: "warning", stack }, value: warnings },
      { labels: { level: "error", stack }, value: errors },
    ]),
    ...(backup === undefined
      ? []
      : [
          gauge(
            "cybexp_backup_newest_timestamp_seconds",
            "When the newest backup was begun; 0 if there is none.",
            [{ labels: { stack }, value: backup.newest ? seconds(backup.newest) : 0 }],
          ),
          gauge("cybexp_backup_warn_seconds", "A backup that is older than this is too old.", [
            { labels: { stack }, value: backup.warnDays * DAY },
          ]),
        ]),
  ].join("");
}
