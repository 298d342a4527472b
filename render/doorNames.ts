/** Which door answers: by its port and, where doors share one, by the name that was called. */
import { X509Certificate } from "node:crypto";
import { checkServerNames, isWildcard, nginxServerName, urlHost } from "./serverNames.ts";

/** A door, as callers find it. */
export interface NamedDoor {
  readonly name: string;
  readonly port: number;
  /** Host names, wildcards and IP addresses. */
  readonly names: readonly string[];
}

/**
 * Makes sure that each name leads to one door at each port. Of a name and a wildcard that includes it, the name
 * comes first.
 *
 * @throws RangeError for a name that isn't one, and for one that two doors have
 */
export function checkDoorNames(doors: readonly NamedDoor[]): void {
  const taken = new Map<string, string>();
  for (const { name, port, names } of doors) {
    checkServerNames(names);
    for (const called of new Set(names.map((one) => one.toLowerCase()))) {
      const place = `${called} at port ${port}`;
      const other = taken.get(place);
      if (other !== undefined) {
        throw new RangeError(
          `the doors ${other} and ${name} both answer to ${place}: give each of them names of its own, or another port`,
        );
      }
      taken.set(place, name);
    }
  }
}

const sharePort = (doors: readonly NamedDoor[]) =>
  new Set(doors.map(({ port }) => port)).size < doors.length;

/** What Nginx tells doors apart by, in a map: a variable, and the keys of each door there. */
export function doorKeys(doors: readonly NamedDoor[]): {
  readonly variable: string;
  readonly shared: boolean;
  readonly keysOf: (door: NamedDoor) => readonly string[];
} {
  return sharePort(doors)
    ? {
        variable: '"$server_port $host"',
        shared: true,
        keysOf: ({ port, names }) => names.map((name) => keyOf(port, name)),
      }
    : { variable: "$server_port", shared: false, keysOf: ({ port }) => [String(port)] };
}

const keyOf = (port: number, name: string) =>
  isWildcard(name)
    ? `"~*${nginxServerName(name).replace("~^", `^${port} `)}"`
    : `"${port} ${urlHost(name)}"`;

/** For names in Nginx that belong to one door. Other doors don't change it. */
export const doorId = (doors: readonly NamedDoor[], door: NamedDoor): string => {
  const beside = doors.filter(({ port }) => port === door.port);
  return beside.length === 1 ? String(door.port) : `${door.port}_${beside.indexOf(door) + 1}`;
};

/**
 * Makes sure that a certificate is good for the names of a door.
 *
 * @param pem The certificate; what follows it is ignored.
 * @throws RangeError for the first name that callers could not verify
 */
export function checkCovered(door: string, names: readonly string[], pem: string): void {
  if (names.length === 0) {
    return;
  }
  const certificate = new X509Certificate(pem);
  const missing = names.find((name) =>
    urlHost(name) !== name || /^[0-9.]+$/.test(name)
      ? certificate.checkIP(name) === undefined
      : certificate.checkHost(isWildcard(name) ? name.replace("*", "any") : name) === undefined,
  );
  if (missing !== undefined) {
    throw new RangeError(uncovered(door, missing));
  }
}

/** The same for a certificate that is renewed elsewhere. */
export function checkRenewed(door: string, names: readonly string[], renewed: readonly string[]) {
  const there = new Set(renewed.map((name) => name.toLowerCase()));
  const covered = (name: string) =>
    there.has(name) || (!isWildcard(name) && there.has(name.replace(/^[^.]+/, "*")));
  const missing = names.find((name) => !covered(name.toLowerCase()));
  if (missing !== undefined) {
    throw new RangeError(uncovered(door, missing));
  }
}

const uncovered = (door: string, name: string) =>
  `the proxy's certificate is not for ${name}, a name of the door ${door}: add it to the certificate's serverNames`;
