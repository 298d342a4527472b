/** The numbers that rotate secrets: those of any list of users and clients, and those in this stack's config. */
import { SERVICES, SPOKEN } from "../names/docker.ts";
import type { Settings } from "./types.ts";

export type RotationNumbers = Readonly<Record<string, number>>;

/** A user or client, as far as numbers go. */
export interface NumberedMember {
  readonly name: string;
  /** @default 1 */
  readonly generation?: number;
  /** @default 0 */
  readonly retired?: number;
}

export interface NumberedClient extends NumberedMember {
  readonly revoked?: boolean;
  /** Whether there is a request matters alone. */
  readonly csr?: unknown;
}

/** The numbers of those who may come in. */
export function memberNumbers(
  users: readonly NumberedMember[],
  clients: readonly NumberedClient[],
): RotationNumbers {
  return {
    ...Object.fromEntries(users.map(({ name, generation = 1 }) => [`user ${name}`, generation])),
    ...Object.fromEntries(
      clients.flatMap(({ name, generation = 1, retired = 0, revoked = false, csr }) => [
        [`client ${name}`, generation],
        [`refused client ${name}`, revoked ? generation : retired],
        [`request of client ${name}`, csr === undefined ? 0 : 1],
      ]),
    ),
  };
}

/** This stack's numbers. */
export function rotationNumbers({ users, clients, rotation }: Settings): RotationNumbers {
  return { ...memberNumbers(users, clients), ...ownNumbers(rotation) };
}

function ownNumbers(rotation: Settings["rotation"]): RotationNumbers {
  return {
    kmsJwtKey: rotation.kmsJwtKey,
    serverCertificate: rotation.serverCertificate,
    serverCa: rotation.serverCa,
    clientCa: rotation.clientCa,
    kmsDatabase: rotation.kmsDatabase,
    backendDatabase: rotation.backendDatabase,
  };
}

/** The numbers of databases outside of the stack: it has no password there that it could change. */
export function foreignNumbers({ database }: Pick<Settings, "database">): string[] {
  return SERVICES.filter((service) => database.uri?.[service] !== undefined).map(
    (service) => `${service}Database`,
  );
}

/** Why a number must stay as it is, and what to do in place of a change. */
export interface FixedNumber {
  /** What a sentence calls it. @default the number of its name */
  readonly called?: string | undefined;
  /** Goes on after "but". */
  readonly why: string;
  /** Goes on after "set it back to 1". @default nothing */
  readonly instead?: string | undefined;
}

/** What a guard knows of its numbers, by their names. */
export interface RotationRules {
  /** Those that go up one at a time, beside those of users and clients. */
  readonly steps: readonly string[];
  readonly fixed: Readonly<Record<string, FixedNumber>>;
  /** What a change does that can't be undone. */
  readonly consequences: Readonly<Record<string, string>>;
}

/** This stack's own. */
export const ownRules = (foreign: readonly string[]): RotationRules => ({
  steps: ["serverCa", "clientCa", "kmsDatabase", "backendDatabase"],
  fixed: Object.fromEntries(
    SERVICES.filter((service) => foreign.includes(`${service}Database`)).map((service) => [
      `${service}Database`,
      {
        called: `cybexp:rotation.${service}Database`,
        why: `the ${SPOKEN[service]}'s database is your own, and the stack can't change a password there`,
        instead:
          "make a new password or a second user in the database, and store the new connection string " +
          `(pulumi config set --secret --path 'database.uri.${service}'). The next \`up\` delivers it, and no request is lost`,
      },
    ]),
  ),
  consequences: {
    kmsJwtKey:
      "the KMS gets a new token-signing key: EVERY token is revoked, each module needs its new " +
      "config.yaml (output moduleConfig), and each administrator needs a new token (output administrator, or a login)",
  },
});

/** This stack's numbers and rules, as its guard takes them. */
export function guardedNumbers(settings: Settings) {
  const numbers = ownNumbers(settings.rotation);
  const { steps, fixed, consequences: told } = ownRules(foreignNumbers(settings));
  return {
    users: settings.users,
    clients: settings.clients,
    numbers,
    free: Object.keys(numbers).filter((name) => !steps.includes(name)),
    fixed,
    consequences: told,
  };
}

/** A sentence for each number that must stay as it is and was changed all the same. */
export function vainChanges(
  before: RotationNumbers,
  now: RotationNumbers,
  { fixed }: Pick<RotationRules, "fixed">,
): string[] {
  return Object.entries(fixed).flatMap(([name, { called, why, instead }]) => {
    const [old, number] = [before[name], now[name]];
    return old === undefined || old === number
      ? []
      : [
          `${called ?? `the number of ${name}`} went from ${old} to ${number}, but ${why}: set it back to ${old}` +
            (instead === undefined ? "" : `, ${instead}`),
        ];
  });
}

/** The same of this stack's numbers of databases outside of it. */
export const vainRotations = (
  before: RotationNumbers,
  now: RotationNumbers,
  foreign: readonly string[],
): string[] => vainChanges(before, now, ownRules(foreign));

/** Numbers that go up one at a time: each secret is made from the one before, or overlaps with it. */
const MEMBER = /^(user|client) /;

/** Numbers up to which a client's certificates are refused for good: revoked or retired. */
const REFUSED = /^refused client (.*)$/;

/** Whether a client's certificate comes from a request (1), or from a key made here (0). */
const REQUEST = /^request of client (.*)$/;

/**
 * Why the numbers can't follow those of the last `up`, one sentence each; empty if they can. A secret and
 * the one before it are made and kept by their numbers, so a jump would lose the one in use.
 */
export function jumps(
  before: RotationNumbers,
  now: RotationNumbers,
  { steps }: Pick<RotationRules, "steps"> = ownRules([]),
): string[] {
  const isStep = (name: string) => MEMBER.test(name) || steps.includes(name);
  return Object.entries(now).flatMap(([name, number]) => {
    const old = before[name];
    const [, client] = REFUSED.exec(name) ?? [];
    if (client !== undefined && old !== undefined && number < old) {
      return [
        `the certificates of the client ${client} up to number ${old} are refused for good: set retired: ${old} for it, and generation: ${old + 1} for a new certificate`,
      ];
    }
    const [, owner] = REQUEST.exec(name) ?? [];
    if (owner !== undefined && old !== undefined && number !== old) {
      const last = before[`client ${owner}`] ?? 1;
      const isRetired = (now[`refused client ${owner}`] ?? 0) >= last;
      return isRetired
        ? []
        : [
            `the client ${owner} changes between a key made here and a request, so its certificate number ${last} can't be kept: set generation: ${last + 1} and retired: ${last} for it, or list the new one under another name until you can retire the old one`,
          ];
    }
    if (old === undefined || number === old || number === old + 1 || !isStep(name)) {
      return [];
    }
    return number < old
      ? [
          `the number of ${name} went back from ${old} to ${number}: numbers only go up; set it to ${old}`,
        ]
      : [
          `the number of ${name} went from ${old} to ${number}: raise it by one, run up, and repeat; otherwise the one in use is lost at once`,
        ];
  });
}

/** The consequences of a rotation that can't be undone, in plain words. */
export function consequences(
  before: RotationNumbers,
  now: RotationNumbers,
  { consequences: told }: Pick<RotationRules, "consequences"> = ownRules([]),
): string[] {
  return Object.entries(told).flatMap(([name, sentence]) =>
    before[name] === undefined || before[name] === now[name] ? [] : [sentence],
  );
}
