/** Checks that the containers are still as restricted as `up` made them. */
import { here } from "../../programs/npmRun.ts";
import type { Finding as Violation } from "./cis/audit.ts";
import type { Finding } from "./finding.ts";

/** @param violations The audit's findings about the stack's containers, including accepted exceptions. */
export function hardeningFindings(violations: readonly Violation[]): Finding[] {
  const about = "hardening";
  const faults = violations
    .filter(({ reason }) => reason === undefined)
    .map(({ rule, container, what }) => ({
      level: "fault" as const,
      about,
      text: `${container} ${what} (CIS Docker ${rule}): \`docker rm -f ${container}\`, and \`${here("up")}\` creates it again`,
    }));
  return faults.length > 0
    ? faults
    : [{ level: "good", about, text: "as the CIS Docker Benchmark recommends (docs/cis.md)" }];
}
