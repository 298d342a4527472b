import { nameIn } from "../names/resources.ts";
import { UserError } from "../programs/errors.ts";
import { here } from "../programs/npmRun.ts";

/** A resource that is to be made anew, and why. */
export interface Drift {
  readonly urn: string;
  readonly why: string;
  /** Other resources that are made anew with it. */
  readonly with?: readonly string[];
  /** A program that is run again, or what `up` can't mend. @default it is made anew */
  readonly mend?: "again" | "by hand";
}

/**
 * The flags by which `pulumi up` and `preview` make it anew. Says why on standard error.
 *
 * @throws UserError for what they can't mend
 */
export function repairs(drift: readonly Drift[]): string[] {
  const hopeless = drift.filter(({ mend }) => mend === "by hand").map(({ why }) => why);
  if (hopeless.length > 0) {
    throw new UserError(hopeless.join("\n       "));
  }
  for (const { urn, why, mend } of drift) {
    const name = nameIn(urn);
    const what = mend === "again" ? `Running ${name} again` : `Making ${name} anew`;
    process.stderr.write(`- ${what}: ${why}\n`);
  }
  return drift.flatMap(({ urn, with: more = [] }) =>
    [urn, ...more].flatMap((each) => ["--replace", each]),
  );
}

/** The end of a sentence that has told what is wrong. */
export function remedyFor({ mend }: Drift, made: string): string {
  return mend === "by hand" ? "" : `; \`${here("up")}\` ${mend === "again" ? "mends that" : made}`;
}
