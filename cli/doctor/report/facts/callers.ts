/** Who may call, and which of their previous secrets are still valid. */
import { overlaps } from "../../../../settings/overlaps.ts";
import type { Settings } from "../../../../settings/types.ts";
import type { Caller, Overlap, Traffic } from "../model.ts";

/** What users and clients have in common. */
interface Listed {
  readonly name: string;
  readonly generation: number;
  readonly retired: number;
  readonly retireBy?: string | undefined;
  readonly revoked?: boolean;
}

/** As in the config, those whose previous secret is still valid first. */
export function callersOf(listed: readonly Listed[], traffic: Traffic | undefined): Caller[] {
  return listed
    .map((one): Caller => ({
      name: one.name,
      generation: one.generation,
      overlap: isOpen(one),
      revoked: one.revoked ?? false,
      requests: traffic && (traffic.requestsBy[one.name] ?? 0),
    }))
    .toSorted((a, b) => Number(b.overlap) - Number(a.overlap));
}

const isOpen = ({ generation, retired, revoked = false }: Listed) =>
  !revoked && overlaps(generation, retired);

/** Previous secrets that are still valid; the first to be retired comes first. */
export function overlapsOf({ users, clients, rotation }: Settings, now: Date): Overlap[] {
  const open = [
    ...users.filter(isOpen).map((one) => ({ ...one, what: `Password of ${one.name}` })),
    ...clients.filter(isOpen).map((one) => ({ ...one, what: `Certificate of ${one.name}` })),
    {
      what: "Server CA",
      generation: rotation.serverCa,
      retired: rotation.serverCaRetired,
      retireBy: rotation.serverCaRetireBy,
    },
    {
      what: "Client CA",
      generation: rotation.clientCa,
      retired: rotation.clientCaRetired,
      retireBy: rotation.clientCaRetireBy,
    },
  ].filter(({ generation, retired }) => overlaps(generation, retired));
  return open
    .map(({ what, generation, retireBy }): Overlap => ({
      what: `${what}, generation ${generation - 1}`,
      retireBy,
      days: retireBy === undefined ? undefined : daysUntil(retireBy, now),
    }))
    .toSorted((a, b) => (a.days ?? Infinity) - (b.days ?? Infinity));
}

/** Whole days from today, which is none itself. */
const daysUntil = (day: string, now: Date) =>
  Math.round((Date.parse(day) - Date.parse(now.toISOString().slice(0, 10))) / 86_400_000);
