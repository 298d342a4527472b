/** The names of a door, as each that has to agree on them spells them. */
import { isIP, isIPv6 } from "node:net";
import { HOST_NAME } from "./check.ts";

/** What a certificate says of its names (RFC 5280, 4.2.1.6). */
export interface SubjectNames {
  readonly dnsNames: string[];
  readonly ipAddresses: string[];
}

/** A wildcard stands for one label, the first (RFC 6125, 6.4.3). */
const WILDCARD = "*.";

export const isWildcard = (name: string): boolean => name.startsWith(WILDCARD);

/** @throws RangeError when one of them is neither a host name, nor a wildcard, nor an IP address */
export function checkServerNames(names: readonly string[]): void {
  for (const name of names) {
    const host = isWildcard(name) ? name.slice(WILDCARD.length) : name;
    // Node takes the name of an interface for a part of an address.
    if ((isIP(name) === 0 || name.includes("%")) && !HOST_NAME.test(host)) {
      throw new RangeError(
        `a server name is ${JSON.stringify(name)}, but must be a host name, a wildcard such as *.example.edu or an IP address`,
      );
    }
  }
  if (names.length === 0) {
    throw new RangeError("there must be at least one server name");
  }
}

export function subjectNames(names: readonly string[]): SubjectNames {
  return {
    dnsNames: names.filter((name) => isIP(name) === 0),
    ipAddresses: names.filter((name) => isIP(name) !== 0),
  };
}

/** As it stands in a URL and in a Host header. */
export const urlHost = (name: string): string => (isIPv6(name) ? `[${name}]` : name);

/**
 * As Nginx's `server_name` has it. Its own wildcards stand for any number of labels, so one is a regular
 * expression.
 */
export function nginxServerName(name: string): string {
  if (!isWildcard(name)) {
    return urlHost(name);
  }
  return `~^[^.]+${name.slice(1).replaceAll(".", "\\.")}$`;
}

/**
 * Whether a caller that says no name in its handshake is served: one that goes by an IP address can't say
 * it (RFC 6066, 3).
 */
export const servesNameless = (names: readonly string[]): boolean =>
  names.some((name) => isIP(name) !== 0);

/**
 * Whether browsers may be told to call it by TLS for good (RFC 6797): not an IP address, which they would
 * ignore, and not `localhost`, where every other program of that machine would be bound by it.
 */
export const fitsHsts = (name: string): boolean =>
  isIP(name) === 0 && name !== "localhost" && !name.endsWith(".localhost");
