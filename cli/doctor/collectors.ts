/** What the doctor says of a collector: whether it is let in, what it has in hand, and its keys. */
import { here } from "../../programs/npmRun.ts";
import type { DoorStatus } from "../../render/collectorDoor.ts";
import type { Finding } from "./finding.ts";

/** One collector, as it was found. */
export interface CollectorFacts {
  /** The names of its containers. */
  readonly container: string;
  readonly door: string;
  readonly gate: string;
  /** Where it takes records, as `127.0.0.1:6000`. */
  readonly bind: string;
  readonly drainSeconds: number;
  /** Those of the three whose fault is reported already. */
  readonly ill: readonly string[];
  /** Whether its port is open. */
  readonly isOpen: boolean;
  /** Whether a stand-in of an earlier `up` is there. */
  readonly hasStandIn: boolean;
  /** What its gate says; undefined if it says nothing. */
  readonly status: DoorStatus | undefined;
  /** Seconds since the oldest of its records came. */
  readonly oldest: number | undefined;
  /** What is wrong with its key files, by their names. */
  readonly keys: ReadonlyMap<string, string>;
  /** Why KMS or Backend don't let it in; undefined if they do, or were not asked. */
  readonly trouble: string | undefined;
}

/** A record that waits for longer than this waits for something. */
const PATIENCE = 60;

export function collectorFindings(facts: CollectorFacts): Finding[] {
  const faults = [accessFault(facts), keyFault(facts), stateFault(facts)].filter(
    (text) => text !== undefined,
  );
  const notes = [standInNote(facts), slowNote(facts)].filter((text) => text !== undefined);
  const find = (level: Finding["level"]) => (text: string) => ({
    level,
    about: "collector",
    text: `${facts.container} ${text}`,
  });
  const worse = [...notes.map(find("note")), ...faults.map(find("fault"))];
  return worse.length > 0 || facts.ill.length > 0 ? worse : [find("good")(inHand(facts))];
}

function accessFault({ trouble }: CollectorFacts): string | undefined {
  return trouble === undefined
    ? undefined
    : `is not let in: ${trouble}${/^(401|token):/.test(trouble) ? `; \`${here("up")}\` gives it the current password and token` : ""}`;
}

function keyFault({ container, keys, drainSeconds }: CollectorFacts): string | undefined {
  if (keys.size === 0) {
    return undefined;
  }
  const faults = [...keys].map(([name, fault]) => `${name} ${fault}`).join(", ");
  const files = [...keys.keys()].map((name) => `/secrets/${name}`).join(" ");
  return (
    `has an answer of a server stored as a key (${faults}), so nobody finds or reads what it stores: ` +
    `\`docker exec ${container} rm ${files} && docker restart --time ${drainSeconds} ${container}\` has it fetch the key again`
  );
}

/** What keeps records from coming in, or from being handed on. */
function stateFault({
  door,
  gate,
  container,
  bind,
  ill,
  isOpen,
  status,
  oldest = 0,
}: CollectorFacts): string | undefined {
  if (!isOpen && !ill.includes(door)) {
    return `takes no records: the port ${bind} is closed; \`${here("up")}\` opens it again`;
  }
  if (status === undefined) {
    return ill.includes(gate) ? undefined : `can't be judged: ${gate} does not say what it has`;
  }
  return status.failing && oldest >= PATIENCE && !ill.includes(container)
    ? `does not take the ${records(status)} that wait at ${gate}, the oldest for ${ageOf(oldest)}: see \`docker logs ${container}\``
    : undefined;
}

function standInNote({ hasStandIn }: CollectorFacts): string | undefined {
  return hasStandIn
    ? `has a stand-in, which is there only while an \`up\` replaces it: \`${here("up")}\` finishes that`
    : undefined;
}

function slowNote({ status, oldest = 0, trouble }: CollectorFacts): string | undefined {
  return status !== undefined && !status.failing && oldest >= PATIENCE && trouble === undefined
    ? `has ${records(status)} in hand, the oldest for ${ageOf(oldest)}: the Backend is slow, or more come than it works on at once (cybexp:modules.config.enc_worker_threads)`
    : undefined;
}

const inHand = ({ bind, status }: CollectorFacts) =>
  `takes records at ${bind}, and has ${status === undefined ? "none" : records(status)} in hand`;

const records = ({ records: number }: DoorStatus) =>
  number === 0 ? "none" : `${number} record${number === 1 ? "" : "s"}`;

const ageOf = (seconds: number) =>
  seconds < 120 ? `${seconds} s` : `${Math.floor(seconds / 60)} minutes`;
