import { createHash } from "node:crypto";

export interface CertifiedClient {
  readonly name: string;
  readonly generation: number;
  /** PEM. */
  readonly publicKey: string;
}

/** In the subject of each of our certificates. */
export const ORGANIZATION = "CYBEX-P";

/**
 * What tells a client's certificate from all others that were ever signed for its name: the attribute
 * serialNumber of its subject, made of its generation and key. A renewed certificate has the same one,
 * and so has one that the next authority signs of the same key; a client that is taken off the list
 * and comes back has another.
 */
export function clientSerial({ generation, publicKey }: Omit<CertifiedClient, "name">): string {
  const key = Buffer.from(publicKey.replaceAll(/-----.*-----|\s/g, ""), "base64");
  const digest = createHash("sha256").update(key).digest("hex");
  // 128 bits: nobody makes a key for a given one, and nobody gains by two of his own keys in one.
  return `${generation}-${digest.slice(0, 32)}`;
}

/** The whole subject as Nginx gives it in `$ssl_client_s_dn` (RFC 2253: the last part comes first). */
export function clientSubject(client: CertifiedClient): string {
  return `serialNumber=${clientSerial(client)},CN=${client.name},O=${ORGANIZATION}`;
}

/** The host name that a client's certificate names besides, where its name is one (with a dot in it). */
export function clientHost(name: string): string | undefined {
  const label = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";
  // No top-level domain is of digits: that would be an IP address.
  return new RegExp(`^(?:${label}\\.)+(?!\\d+$)${label}$`).test(name) ? name : undefined;
}
