/** Users and clients whose password or certificate is new, is refused from now on, or has a successor. */
import type { Access } from "../../settings/types.ts";
import type { Holders, StackView } from "./stackView.ts";
import { enumerate, theRole } from "./words.ts";

/** Callers with one kind of secret. */
export interface Kind {
  readonly who: "users" | "clients";
  readonly one: string;
  readonly secret: string;
  readonly doors: readonly Access[];
}

export const USERS: Kind = {
  who: "users",
  one: "user",
  secret: "password",
  doors: ["password", "either", "both"],
};
export const CLIENTS: Kind = {
  who: "clients",
  one: "client",
  secret: "certificate",
  doors: ["certificate", "either", "both"],
};

/** The callers whose generations differ, in groups, because the same often happens to many at once. */
export function ofHolders(before: StackView, after: StackView, kind: Kind) {
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
      lost.add(name, `removed from the list: refused${at(before, kind)}`);
    } else if (now.length === 0) {
      lost.add(name, `revoked: ${which} is refused${at(before, kind)}, for good`);
    } else {
      lost.add(
        name,
        `${which} is refused${at(before, kind)}; ${secret} ${now.join(", ")} stays valid`,
      );
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
      kept.length > 0 ? `; ${secret} ${kept.join(", ")} stays valid until retired` : "";
    rotated.add(name, `gets ${secret} ${fresh.join(", ")}${overlap}`);
  }
  return { rotated: rotated.sentences, lost: lost.sentences, gained: gained.sentences };
}

/** The doors that ask for it, such as " at the KMS and the Backend"; nothing if no door is known. */
function at({ doors }: StackView, kind: Kind): string {
  const all = Object.entries(doors);
  const asking = all.filter(([, access]) => kind.doors.includes(access)).map(([door]) => door);
  return all.length === 0
    ? ""
    : asking.length === 0
      ? `, though no door asks for a ${kind.secret}`
      : ` at ${enumerate(asking.map(theRole))}`;
}

/** Sentences, each with the names that it is about. */
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

/** How many callers have a valid secret. */
export function holdersIn(holders: Holders): number {
  return [...holders.values()].filter((generations) => generations.length > 0).length;
}
