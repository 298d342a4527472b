/** The numbers in a stack's config that rotate a secret, by their paths. */
import { SERVICES, SPOKEN } from "../names/docker.ts";
import type { Settings } from "./types.ts";

export type RotationNumbers = Readonly<Record<string, number>>;

export function rotationNumbers({ users, clients, rotation }: Settings): RotationNumbers {
  return {
    ...Object.fromEntries(users.map(({ name, generation }) => [`user ${name}`, generation])),
    ...Object.fromEntries(
      clients.flatMap(({ name, generation, retired, revoked, csr }) => [
        [`client ${name}`, generation],
        [`refused client ${name}`, revoked ? generation : retired],
        [`request of client ${name}`, csr === undefined ? 0 : 1],
      ]),
    ),
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

/** A sentence for each such number that was changed all the same. */
export function vainRotations(
  before: RotationNumbers,
  now: RotationNumbers,
  foreign: readonly string[],
): string[] {
  return SERVICES.filter((service) => foreign.includes(`${service}Database`)).flatMap((service) => {
    const name = `${service}Database`;
    const [old, number] = [before[name], now[name]];
    return old === undefined || old === number
      ? []
      : [
          `cybexp:rotation.${name} went from ${old} to ${number}, but the ${SPOKEN[service]}'s database is your own, and the stack can't change a password there: ` +
            `set it back to ${old}, make a new password or a second user in the database, and store the new connection string ` +
            `(pulumi config set --secret --path 'database.uri.${service}'). The next \`up\` delivers it, and no request is lost`,
        ];
  });
}

/** Numbers that go up one at a time: each secret is made from the one before, or overlaps with it. */
const STEPWISE = /^(user .*|client .*|serverCa|clientCa|kmsDatabase|backendDatabase)$/;

/** Numbers up to which a client's certificates are refused for good: revoked or retired. */
const REFUSED = /^refused client (.*)$/;

/** Whether a client's certificate comes from a request (1), or from a key made here (0). */
const REQUEST = /^request of client (.*)$/;

/**
 * Why the numbers can't follow those of the last `up`, one sentence each; empty if they can. A secret and
 * the one before it are made and kept by their numbers, so a jump would lose the one in use.
 */
export function jumps(before: RotationNumbers, now: RotationNumbers): string[] {
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
    if (old === undefined || number === old || number === old + 1 || !STEPWISE.test(name)) {
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
export function consequences(before: RotationNumbers, now: RotationNumbers): string[] {
  const old = before["kmsJwtKey"];
  return old === undefined || old === now["kmsJwtKey"]
    ? []
    : [
        "the KMS gets a new token-signing key: EVERY token is revoked, each module needs its new " +
          "config.yaml (output moduleConfig), and each administrator needs a new token (output administrator, or a login)",
      ];
}
