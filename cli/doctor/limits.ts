/** Which limits were hit, and which key to raise. */
import {
  ACME_CHALLENGE,
  COLLECTOR_DOOR,
  COLLECTOR_GATE,
  databaseRole,
  isRole,
  isService,
  type Role,
} from "../../names/docker.ts";
import type { LimitEvents } from "../../programs/limits/limitEvents.ts";
import type { Finding } from "./finding.ts";

/** One container, its limits, and what hit them. */
export interface LimitFacts {
  readonly name: string;
  readonly role: string;
  /** MiB. */
  readonly memory: number;
  readonly pids: number;
  /** Whether the container's main process was last ended for lack of memory, according to the engine. */
  readonly oomKilled: boolean;
  readonly events: LimitEvents | undefined;
}

/** What the proxy has refused for lack of room since yesterday. */
export interface Refusals {
  readonly largeBodies: number;
  /** By door. */
  readonly requests: Readonly<Record<string, number>>;
}

/** Containers whose limits no key sets. */
type Fixed = typeof ACME_CHALLENGE | typeof COLLECTOR_DOOR | typeof COLLECTOR_GATE;
const FIXED: readonly Role[] = [ACME_CHALLENGE, COLLECTOR_DOOR, COLLECTOR_GATE] satisfies Fixed[];
const isFixed = (role: Role): role is Fixed => FIXED.includes(role);

/** Where the config has a container's limits. */
const KEYS: Readonly<Record<Exclude<Role, Fixed>, string>> = {
  kms: "cybexp:kms.resources",
  "kms-db": "cybexp:database.resources.kms",
  backend: "cybexp:backend.resources",
  "backend-db": "cybexp:database.resources.backend",
  proxy: "cybexp:proxy.resources",
  kapow: "cybexp:kapow.resources",
  acme: "cybexp:certificates.acme.resources",
  collector: "cybexp:collector[].resources",
};
const keyOf = (role: string): string | undefined =>
  isRole(role) && !isFixed(role) ? KEYS[role] : undefined;

export function limitFindings(
  containers: readonly LimitFacts[],
  { largeBodies, requests }: Refusals,
): Finding[] {
  const notes = [
    ...containers.flatMap(hitBy),
    ...(largeBodies === 0
      ? []
      : [
          `the proxy has refused ${count(largeBodies, "large body", "large bodies")} since yesterday, because it had no room for more at once: raise cybexp:proxy.resources.bodies`,
        ]),
    ...Object.entries(requests).map(
      ([door, number]) =>
        `the proxy has refused ${count(number, "request")} to the ${door} since yesterday, because too many were running at once: raise ${keyOf(door) ?? door}.pids and .memory${isService(door) ? `, and ${KEYS[databaseRole(door)]}.pids` : ""}`,
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
          `${name} exceeded its ${memory} MiB of memory and was killed${oomKills > 0 ? ` (${count(oomKills, "process", "processes")} since it was started)` : ""}: raise ${key}.memory`,
        ]
      : []),
    ...(refusedProcesses > 0
      ? [
          `${name} reached its limit of ${pids} processes and threads (${count(refusedProcesses, "time")} since it was started): raise ${key}.pids`,
        ]
      : []),
  ];
}

/** Counts the refusals in the proxy's log. */
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
