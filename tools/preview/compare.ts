/** What a change means to those who call: secrets that are rotated, who loses and who gets access. */
import { isLoopback, isUnspecified } from "../../settings/addresses.ts";
import { consequences } from "../../settings/rotationNumbers.ts";
import type { Access } from "../../settings/types.ts";
import type { Holders, Listener, Picture } from "./picture.ts";
import { endpoint, enumerate, theRole } from "./words.ts";

/** A sentence each, without a full stop. */
export interface Difference {
  readonly rotated: readonly string[];
  readonly lost: readonly string[];
  readonly gained: readonly string[];
  /** Ports that were not there, or at another address. */
  readonly opened: readonly string[];
  readonly closed: readonly string[];
}

/** Compares a stack as it is with the stack as it would be. */
export function compare(before: Picture, after: Picture): Difference {
  const users = ofHolders(before, after, USERS);
  const clients = ofHolders(before, after, CLIENTS);
  const authorities = ofAuthorities(before, after);
  const doors = ofDoors(before, after);
  return {
    rotated: [
      ...users.rotated,
      ...clients.rotated,
      ...authorities.rotated,
      ...ofNumbers(before, after),
    ],
    lost: [...users.lost, ...clients.lost, ...authorities.lost, ...doors.lost],
    gained: [...users.gained, ...clients.gained, ...doors.gained],
    opened: without(after.listeners, before.listeners)
      .sort((a, b) => exposure(b) - exposure(a))
      .map((listener) => `${theRole(listener.role)} at ${endpoint(listener)}: ${reach(listener)}`),
    closed: without(before.listeners, after.listeners).map(
      (listener) => `${theRole(listener.role)} at ${endpoint(listener)}`,
    ),
  };
}

interface Kind {
  readonly who: "users" | "clients";
  readonly one: string;
  readonly secret: string;
  readonly doors: readonly Access[];
}

const USERS: Kind = {
  who: "users",
  one: "user",
  secret: "password",
  doors: ["password", "either", "both"],
};
const CLIENTS: Kind = {
  who: "clients",
  one: "client",
  secret: "certificate",
  doors: ["certificate", "either", "both"],
};

/** Those whose generations differ, told in groups: the same happens to many at once. */
function ofHolders(before: Picture, after: Picture, kind: Kind) {
  const rotated = new Groups(kind.one);
  const lost = new Groups(kind.one);
  const gained = new Groups(kind.one);
  const { secret } = kind;
  for (const [name, old] of before[kind.who]) {
    const now = after[kind.who].get(name);
    const gone = old.filter((generation) => !now?.includes(generation));
    if (gone.length === 0) {
      continue;
    }
    const which = `${secret} ${enumerate(gone.map(String))}`;
    if (now === undefined) {
      lost.add(name, `taken off the list: refused${at(before, kind)}`);
    } else if (now.length === 0) {
      lost.add(name, `revoked: ${which} is refused${at(before, kind)}, for good`);
    } else {
      lost.add(name, `${which} is refused${at(before, kind)}; ${secret} ${now.join(", ")} is good`);
    }
  }
  for (const [name, now] of after[kind.who]) {
    const old = before[kind.who].get(name);
    const fresh = now.filter((generation) => !old?.includes(generation));
    if (fresh.length === 0) {
      continue;
    }
    if (old === undefined) {
      gained.add(name, `new on the list: let in${at(after, kind)} with a ${secret} of its own`);
      continue;
    }
    const kept = now.filter((generation) => old.includes(generation));
    const overlap =
      kept.length > 0 ? `; ${secret} ${kept.join(", ")} stays good until retired` : "";
    rotated.add(name, `gets ${secret} ${fresh.join(", ")}${overlap}`);
  }
  return { rotated: rotated.sentences, lost: lost.sentences, gained: gained.sentences };
}

/** " at the KMS and the Backend": the doors that ask for it; nothing where no door is known. */
function at({ doors }: Picture, kind: Kind): string {
  const all = Object.entries(doors);
  const asking = all.filter(([, access]) => kind.doors.includes(access)).map(([door]) => door);
  return all.length === 0
    ? ""
    : asking.length === 0
      ? `, though no door asks for a ${kind.secret}`
      : ` at ${enumerate(asking.map(theRole))}`;
}

/** Sentences with the names that they are true of. */
class Groups {
  readonly #one: string;
  readonly #names = new Map<string, string[]>();

  constructor(one: string) {
    this.#one = one;
  }

  add(name: string, what: string): void {
    this.#names.set(what, [...(this.#names.get(what) ?? []), name]);
  }

  get sentences(): string[] {
    return [...this.#names].map(
      ([what, names]) =>
        `${this.#one}${names.length === 1 ? "" : "s"} ${enumerate(names.sort())}: ${what}`,
    );
  }
}

function ofAuthorities(before: Picture, after: Picture) {
  const rotated: string[] = [];
  const lost: string[] = [];
  for (const which of ["server", "client"] as const) {
    const [old, now] = [before.authorities[which], after.authorities[which]];
    const fresh = now.filter((number) => !old.includes(number));
    const gone = old.filter((number) => !now.includes(number));
    const kept = now.filter((number) => old.includes(number));
    if (old.length > 0 && fresh.length > 0) {
      const task =
        which === "server"
          ? "hand out the new output serverCa to all callers"
          : "each client gets a new certificate of its key, to be handed over";
      const overlap = kept.length > 0 ? ` before ${kept.join(", ")} is retired` : "";
      rotated.push(`${which} CA: number ${fresh.join(", ")} signs; ${task}${overlap}`);
    }
    if (gone.length > 0 && now.length > 0) {
      lost.push(
        which === "server"
          ? `callers that trust no other server CA than number ${gone.join(", ")}`
          : `clients whose certificate is signed by client CA ${gone.join(", ")}`,
      );
    }
  }
  return { rotated, lost };
}

function ofNumbers({ numbers: before }: Picture, { numbers: after }: Picture): string[] {
  const raised = (name: string, sentence: (number: number) => string) => {
    const [old, now] = [before[name], after[name]];
    return old === undefined || now === undefined || old === now ? [] : [sentence(now)];
  };
  return [
    ...consequences(before, after),
    ...raised(
      "serverCertificate",
      (number) => `key and certificate of the proxy: number ${number}; callers notice nothing`,
    ),
    ...(["kms", "backend"] as const).flatMap((service) =>
      raised(
        `${service}Database`,
        (number) =>
          `passwords of ${theRole(`${service}-db`)}: number ${number}; the ones before are removed`,
      ),
    ),
  ];
}

/** What opens a door by itself. */
const OPENS: Readonly<Record<Access, readonly string[]>> = {
  password: ["password"],
  certificate: ["certificate"],
  either: ["password", "certificate"],
  both: ["password and certificate"],
};

function ofDoors(before: Picture, after: Picture) {
  const lost: string[] = [];
  const gained: string[] = [];
  for (const [door, now] of Object.entries(after.doors)) {
    const old = before.doors[door];
    if (old === undefined || old === now) {
      continue;
    }
    const change = `at ${theRole(door)} (access: ${old}, now ${now})`;
    const only = (key: string) => (key.includes(" ") ? `a ${key}` : `a ${key} and nothing else`);
    const open = OPENS[now];
    // Whoever has both comes in where one is enough.
    const gone = OPENS[old].filter((key) => !open.some((needed) => key.includes(needed)));
    lost.push(...gone.map((key) => `callers with ${only(key)}, ${change}`));
    const fresh = open.filter((key) => !OPENS[old].some((needed) => key.includes(needed)));
    gained.push(...fresh.map((key) => `callers with ${only(key)}, ${change}`));
  }
  return { lost, gained };
}

function without(list: readonly Listener[], others: readonly Listener[]): Listener[] {
  const key = (listener: Listener) => `${listener.role} ${endpoint(listener)}`;
  const known = new Set(others.map(key));
  return list.filter((listener) => !known.has(key(listener)));
}

const exposure = ({ address }: Listener): number =>
  isLoopback(address) ? 0 : isUnspecified(address) ? 2 : 1;

/** From where an address can be reached. */
function reach({ address }: Listener): string {
  return isLoopback(address)
    ? "from the Docker host alone"
    : isUnspecified(address)
      ? "from EVERY network of the Docker host"
      : `from the network of ${address}`;
}

/** How many hold something good. */
export function holdersIn(holders: Holders): number {
  return [...holders.values()].filter((generations) => generations.length > 0).length;
}
