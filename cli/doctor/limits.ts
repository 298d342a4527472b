/** Which limits were hit, and which key to raise. */
import { databaseRole, isService, type Role } from "../../names/docker.ts";
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

/** What the proxy has refused since yesterday for lack of room, or for its size. */
export interface Refusals {
  readonly largeBodies: number;
  /** By door. */
  readonly requests: Readonly<Record<string, number>>;
  /** By door: bodies larger than it ever takes, of callers who say who they are. */
  readonly tooLarge: Readonly<Record<string, number>>;
}

/** Where the config has a container's limits. */
const KEYS = {
  kms: "cybexp:kms.resources",
  "kms-db": "cybexp:database.resources.kms",
  backend: "cybexp:backend.resources",
  "backend-db": "cybexp:database.resources.backend",
  proxy: "cybexp:proxy.resources",
  kapow: "cybexp:kapow.resources",
  acme: "cybexp:certificates.acme.resources",
  collector: "cybexp:collector[].resources",
} as const satisfies Partial<Record<Role, string>>;
const keyOf = (role: string): string | undefined => (KEYS as Partial<Record<string, string>>)[role];

export function limitFindings(
  containers: readonly LimitFacts[],
  { largeBodies, requests, tooLarge }: Refusals,
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
    ...Object.entries(tooLarge).map(
      ([door, number]) =>
        `the ${door} was sent ${count(number, "body", "bodies")} since yesterday that ${number === 1 ? "was" : "were"} larger than it takes, and the proxy refused ${number === 1 ? "it" : "them"} (413): ${whatOfSize(door)}`,
    ),
  ];
  return notes.length === 0
    ? [{ level: "good", about: "limits", text: "none was hit" }]
    : notes.map((text) => ({ level: "note", about: "limits", text }));
}

/** No key raises these limits. */
function whatOfSize(door: string): string {
  switch (door) {
    case "backend":
      return "have the sender split its records, since MongoDB stores no document above 16 MiB";
    case "kms":
      return "the KMS is only sent logins and attributes, so find out who sends it anything else";
    default:
      return "have the sender send less at once";
  }
}

/** Fewer may be gone a moment later: a health check has just ended, for example. */
const MANY_ZOMBIES = 10;

function hitBy({ name, role, memory, pids, oomKilled, events }: LimitFacts): string[] {
  const { oomKills = 0, refusedProcesses = 0, zombies = 0 } = events ?? {};
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
    ...(zombies >= MANY_ZOMBIES
      ? [
          `${name} has ${zombies} processes that have ended and that its main process does not collect (zombies), and they count towards its limit of ${pids}: \`docker restart ${name}\` clears them`,
        ]
      : []),
  ];
}

/** Counts the refusals in the proxy's log, line by line. */
export class RefusalCount implements Refusals {
  largeBodies = 0;
  readonly requests: Record<string, number> = {};
  readonly tooLarge: Record<string, number> = {};

  add(line: string): void {
    if (/"refused":"large bodies"/.test(line)) {
      this.largeBodies += 1;
    } else if (/"refused":"requests"/.test(line)) {
      increment(this.requests, line);
    } else if (/"user":"[^"].*"status":"413","refused":"",.*"upstream_status":""/.test(line)) {
      increment(this.tooLarge, line);
    }
  }
}

function increment(counts: Record<string, number>, line: string): void {
  const door = /"door":"([a-z0-9-]+)"/.exec(line)?.[1] ?? "";
  counts[door] = (counts[door] ?? 0) + 1;
}

const count = (number: number, one: string, many = `${one}s`) =>
  `${number} ${number === 1 ? one : many}`;
