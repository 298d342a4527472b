/** What an operator should know of old passwords and certificates that are still good. */
import { overlaps } from "./overlaps.ts";
import type { NumberedClient } from "./rotationNumbers.ts";

/** A sentence that a run shows. */
export interface Notice {
  /** Whether it is time to act. Otherwise it is for information only. */
  readonly due: boolean;
  readonly text: string;
}

/** A user or client, as far as its previous secret goes. */
export interface RotatedMember extends NumberedClient {
  /** The day, such as 2026-12-31, from which on a run warns. */
  readonly retireBy?: string | undefined;
}

/** The overlaps of users' passwords and clients' certificates that are open. @param today In the form 2026-12-31. */
export const memberNotices = (
  users: readonly RotatedMember[],
  clients: readonly RotatedMember[],
  today: string,
): Notice[] =>
  lastingOf(today, [
    ...users.map(ofUser),
    ...clients.filter(({ revoked = false }) => !revoked).map(ofClient),
  ]);

/** Something old that may still be good beside something new. */
export interface Overlap {
  readonly what: string;
  readonly how: string;
  readonly open: boolean;
  readonly retireBy?: string | undefined;
}

export const ofUser = ({
  name,
  generation = 1,
  retired = 0,
  retireBy,
}: RotatedMember): Overlap => ({
  what: `the previous password of ${name} (generation ${generation - 1})`,
  how: `set retired: ${generation - 1} for that user`,
  open: overlaps(generation, retired),
  retireBy,
});

export const ofClient = ({
  name,
  generation = 1,
  retired = 0,
  retireBy,
}: RotatedMember): Overlap => ({
  what: `the previous certificate of ${name} (generation ${generation - 1})`,
  how: `set retired: ${generation - 1} for that client`,
  open: overlaps(generation, retired),
  retireBy,
});

/** A sentence for each that is open, and whether it is time to end it. @param today In the form 2026-12-31. */
export function lastingOf(today: string, all: readonly Overlap[]): Notice[] {
  return all
    .filter(({ open }) => open)
    .map(({ what, how, retireBy }) => {
      const due = retireBy !== undefined && retireBy <= today;
      const since = due ? `, although it should be retired by ${retireBy}` : "";
      return { due, text: `${what} is still valid${since}: to retire it, ${how}` };
    });
}
