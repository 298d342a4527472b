/** Whether the last run that changed the stack got to its end. */
import { npmRun } from "../../programs/npmRun.ts";
import type { Finding } from "./finding.ts";

/** What `pulumi stack history --json` tells of a run. */
export interface PastRun {
  readonly kind: string;
  readonly result: string;
}

/** Our commands, by the kind that Pulumi gives their runs. */
const COMMANDS: Readonly<Record<string, string>> = { update: "up", destroy: "down" };

/**
 * What is left to do of the last run; undefined where it ended well.
 *
 * @param runs The latest first. A refresh in between finishes nothing.
 */
export function unfinishedRun(stack: string, runs: readonly PastRun[]): string | undefined {
  const last = runs.find(({ kind }) => Object.hasOwn(COMMANDS, kind));
  const command = last && COMMANDS[last.kind];
  return command === undefined || last?.result === "succeeded"
    ? undefined
    : `the last \`${command}\` did not finish, so what runs is not what the config says: \`${npmRun(command, stack)}\` goes on from where it ended`;
}

/** The last step that a container gets when it is made: its limit of processes. */
const LIMITS_RULE = "5.29";

/** Without what is only as an unfinished run left it: it is neither the config's fault nor anybody's. */
export function withoutConsequences(findings: readonly Finding[]): Finding[] {
  return findings.filter(
    ({ level, about, text }) =>
      level !== "fault" ||
      !(about === "open ports" || text.includes(`(CIS Docker ${LIMITS_RULE})`)),
  );
}
