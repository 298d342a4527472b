import { createHash } from "node:crypto";

export interface CertifiedClient {
  readonly name: string;
  readonly generation: number;
  /** PEM. */
  readonly publicKey: string;
}

/** The organization in the subject of all our certificates. */
export const ORGANIZATION = "CYBEX-P";

/**
 * Distinguishes a client's certificate from all others that were ever signed for its name: the attribute
 * serialNumber of its subject, made of its generation and key. A renewed certificate has the same one, and so
 * has one that the next authority signs for the same key. A client that was taken off the list and comes back
 * has another one.
 */
export function clientSerial({ generation, publicKey }: Omit<CertifiedClient, "name">): string {
  const key = Buffer.from(publicKey.replaceAll(/-----.*-----|\s/g, ""), "base64");
  const digest = createHash("sha256").update(key).digest("hex");
  // 128 bits: nobody can make a key for a given digest, and two of your own keys with one digest gain nothing.
  return `${generation}-${digest.slice(0, 32)}`;
}

/** The whole subject as Nginx gives it in `$ssl_client_s_dn` (RFC 2253: the last part comes first). */
export function clientSubject(client: CertifiedClient): string {
  return `serialNumber=${clientSerial(client)},CN=${client.name},O=${ORGANIZATION}`;
}

/** The host name in a client's certificate, if the client's name is one (with a dot in it). */
export function clientHost(name: string): string | undefined {
  const label = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";
  // No top-level domain consists of digits: that would be an IP address.
  return new RegExp(`^(?:${label}\\.)+(?!\\d+$)${label}$`).test(name) ? name : undefined;
}
