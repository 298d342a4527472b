/** Which limits were hit, and what to set where. */
import { ACME_CHALLENGE, databaseRole, isRole, isService, type Role } from "../../names/docker.ts";
import type { LimitEvents } from "../../programs/limits/limitEvents.ts";
import type { Finding } from "./finding.ts";

/** One container that runs, its limits, and what hit them. */
export interface LimitFacts {
  readonly name: string;
  readonly role: string;
  /** MiB. */
  readonly memory: number;
  readonly pids: number;
  /** By the engine: the last end of the container's main process. */
  readonly oomKilled: boolean;
  readonly events: LimitEvents | undefined;
}

/** What the proxy refused for want of room since yesterday. */
export interface Refusals {
  readonly largeBodies: number;
  /** By door. */
  readonly requests: Readonly<Record<string, number>>;
}

/** Where the config has a container's limits. */
const KEYS: Readonly<Record<Exclude<Role, typeof ACME_CHALLENGE>, string>> = {
  kms: "cybexp:kms.resources",
  "kms-db": "cybexp:database.resources.kms",
  backend: "cybexp:backend.resources",
  "backend-db": "cybexp:database.resources.backend",
  proxy: "cybexp:proxy.resources",
  kapow: "cybexp:kapow.resources",
  acme: "cybexp:certificates.acme.resources",
};
const keyOf = (role: string): string | undefined =>
  isRole(role) && role !== ACME_CHALLENGE ? KEYS[role] : undefined;

export function limitFindings(
  containers: readonly LimitFacts[],
  { largeBodies, requests }: Refusals,
): Finding[] {
  const notes = [
    ...containers.flatMap(hitBy),
    ...(largeBodies === 0
      ? []
      : [
          `the proxy refused ${count(largeBodies, "large body", "large bodies")} since yesterday: it has no room for more at once; raise cybexp:proxy.resources.bodies`,
        ]),
    ...Object.entries(requests).map(
      ([door, number]) =>
        `the proxy refused ${count(number, "request")} to the ${door} since yesterday: it has as many under way as it may; raise ${keyOf(door) ?? door}.pids and .memory${isService(door) ? `, and ${KEYS[databaseRole(door)]}.pids` : ""}`,
    ),
  ];
  return notes.length === 0
    ? [{ level: "good", about: "limits", text: "none was hit" }]
    : notes.map((text) => ({ level: "note", about: "limits", text }));
}

function hitBy({ name, role, memory, pids, oomKilled, events }: LimitFacts): string[] {
  const { oomKills = 0, refusedProcesses = 0 } = events ?? {};
  const key = keyOf(role) ?? "its limits";
  return [
    ...(oomKilled || oomKills > 0
      ? [
          `${name} took more than its ${memory} MiB of memory and was killed${oomKills > 0 ? ` (${count(oomKills, "process", "processes")} since it was started)` : ""}: raise ${key}.memory`,
        ]
      : []),
    ...(refusedProcesses > 0
      ? [
          `${name} reached its limit of ${pids} processes and threads (${count(refusedProcesses, "time")} since it was started): raise ${key}.pids`,
        ]
      : []),
  ];
}

/** The refusals in the lines of the proxy's log. */
export function refusalsIn(log: string): Refusals {
  const requests: Record<string, number> = {};
  let largeBodies = 0;
  for (const line of log.split("\n")) {
    if (/"refused":"large bodies"/.test(line)) {
      largeBodies += 1;
    } else if (/"refused":"requests"/.test(line)) {
      const door = /"door":"([a-z0-9-]+)"/.exec(line)?.[1] ?? "";
      requests[door] = (requests[door] ?? 0) + 1;
    }
  }
  return { largeBodies, requests };
}

const count = (number: number, one: string, many = `${one}s`) =>
  `${number} ${number === 1 ? one : many}`;
