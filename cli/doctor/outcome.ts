/** What a look at a stack comes to: for a program that reads it, and as an exit code. */
import type { Finding } from "./finding.ts";

/** `unknown`: the doctor could not look. */
export type Verdict = "sound" | "warnings" | "errors" | "unknown";

/** What `--json` writes. docs/doctor.md promises this shape: a field may be added, and none changed. */
export interface DoctorJson {
  readonly version: 1;
  /** Null if it isn't even known which. */
  readonly stack: string | null;
  readonly time: string;
  readonly verdict: Verdict;
  readonly findings: readonly {
    readonly level: "ok" | "warning" | "error";
    readonly check: string;
    /** The sentence that a person reads. */
    readonly text: string;
  }[];
  /** Why the doctor could not look; only then. */
  readonly error?: string;
}

const LEVELS = { good: "ok", note: "warning", fault: "error" } as const;

export function verdictOf(findings: readonly Finding[]): Exclude<Verdict, "unknown"> {
  const has = (level: Finding["level"]) => findings.some((finding) => finding.level === level);
  return has("fault") ? "errors" : has("note") ? "warnings" : "sound";
}

export function asJson(
  stack: string | undefined,
  time: Date,
  looked: readonly Finding[] | { readonly error: string },
): DoctorJson {
  const head = { version: 1, stack: stack ?? null, time: time.toISOString() } as const;
  return "error" in looked
    ? { ...head, verdict: "unknown", findings: [], error: looked.error }
    : {
        ...head,
        verdict: verdictOf(looked),
        findings: looked.map(({ level, about, text }) => ({
          level: LEVELS[level],
          check: about,
          text,
        })),
      };
}

/**
 * The exit code. Warnings are no failure unless that is asked for: an old secret that is still valid during an
 * overlap, for example, is as it should be.
 */
export function exitCodeOf(verdict: Verdict, strict: boolean): number {
  switch (verdict) {
    case "sound":
      return 0;
    case "warnings":
      return strict ? 3 : 0;
    case "errors":
      return 1;
    case "unknown":
      return 2;
  }
}
