/** Checks the engine itself: its version and its clock. */
import type { Finding } from "./finding.ts";

/** With a larger difference, new certificates and tokens of one machine are not yet valid on the other. */
const CLOCK_SECONDS = 30;

export interface EngineFacts {
  readonly version: string;
  /** The engine's clock less this machine's, in seconds. */
  readonly clockAhead: number;
}

/** What an engine's version and clock mean for a stack on it. */
export function engineFindings({ version, clockAhead }: EngineFacts): Finding[] {
  const about = "engine";
  const findings: Finding[] = [{ level: "good", about, text: `Docker ${version} answers` }];
  if (Number.parseInt(version, 10) < 28) {
    findings.push({
      level: "note",
      about,
      text: `before Docker 28, machines in the same network segment can reach ports that are published on loopback (moby#45610): upgrade, or add the firewall rule in docs/guide.md, "What is not covered"`,
    });
  }
  if (Math.abs(clockAhead) > CLOCK_SECONDS) {
    const seconds = Math.round(Math.abs(clockAhead));
    findings.push({
      level: "fault",
      about: "clock",
      text: `the engine's clock is ${seconds} s ${clockAhead > 0 ? "ahead of" : "behind"} this machine's, so new certificates and tokens may not be valid yet: synchronise both (NTP)`,
    });
  }
  return findings;
}
