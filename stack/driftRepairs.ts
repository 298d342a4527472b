import { nameIn } from "../names/resources.ts";
import { UserError } from "../programs/errors.ts";
import { here } from "../programs/npmRun.ts";

/** A resource that must be replaced, and why. */
export interface Drift {
  readonly urn: string;
  readonly why: string;
  /** Other resources that are replaced with it. */
  readonly with?: readonly string[];
  /** "again": `up` runs a program again. "by hand": `up` can't repair it. @default the resource is replaced */
  readonly mend?: "again" | "by hand";
}

/**
 * The flags that make `pulumi up` and `preview` replace the resources. Reports why on standard error.
 *
 * @throws UserError for what they can't repair
 */
export function repairs(drift: readonly Drift[]): string[] {
  const hopeless = drift.filter(({ mend }) => mend === "by hand").map(({ why }) => why);
  if (hopeless.length > 0) {
    throw new UserError(hopeless.join("\n       "));
  }
  for (const { urn, why, mend } of drift) {
    const name = nameIn(urn);
    const what = mend === "again" ? `Running ${name} again` : `Creating ${name} again`;
    process.stderr.write(`- ${what}: ${why}\n`);
  }
  return drift.flatMap(({ urn, with: more = [] }) =>
    [urn, ...more].flatMap((each) => ["--replace", each]),
  );
}

/** The end of a sentence that has said what is wrong. */
export function remedyFor({ mend }: Drift, made: string): string {
  return mend === "by hand"
    ? ""
    : `; \`${here("up")}\` ${mend === "again" ? "repairs that" : made}`;
}
