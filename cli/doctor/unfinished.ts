/** Checks that the last run that changed the stack finished. */
import { npmRun } from "../../programs/npmRun.ts";
import type { Session } from "../../stack/session.ts";
import type { Finding } from "./finding.ts";

/** What `pulumi stack history --json` says about a run. */
export interface PastRun {
  readonly kind: string;
  readonly result: string;
}

/** Our commands, by Pulumi's name for the kind of their runs. */
const COMMANDS: Readonly<Record<string, string>> = { update: "up", destroy: "down" };

/**
 * What the last run left to do; undefined if it succeeded.
 *
 * @param runs The latest first. A refresh in between does not count.
 */
export function unfinishedRun(stack: string, runs: readonly PastRun[]): string | undefined {
  const last = runs.find(({ kind }) => Object.hasOwn(COMMANDS, kind));
  const command = last && COMMANDS[last.kind];
  return command === undefined || last?.result === "succeeded"
    ? undefined
    : `the last \`${command}\` did not finish, so what runs differs from the config: \`${npmRun(command, stack)}\` continues from where it ended`;
}

/** The last runs that changed the stack or looked at it, the latest first. */
export async function lastRuns({ stack, ask }: Pick<Session, "stack" | "ask">): Promise<PastRun[]> {
  const page = ["--page-size", "10", "--stack", stack];
  return JSON.parse(await ask(["stack", "history", "--json", ...page])) as PastRun[];
}

/** The process limit, which a container gets in the last step of its creation. */
const LIMITS_RULE = "5.29";

/** Leaves out the findings that are only consequences of an unfinished run. */
export function withoutConsequences(findings: readonly Finding[]): Finding[] {
  return findings.filter(
    ({ level, about, text }) =>
      level !== "fault" ||
      !(about === "open ports" || text.includes(`(CIS Docker ${LIMITS_RULE})`)),
  );
}
