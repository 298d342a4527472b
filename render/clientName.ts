import { createHash } from "node:crypto";
import { matching } from "./check.ts";

export interface CertifiedClient {
  readonly name: string;
  readonly generation: number;
  /** PEM. */
  readonly publicKey: string;
  /** The organization in the subject. @default none */
  readonly organization?: string | undefined;
}

/** Nothing that Nginx would escape in a subject (RFC 2253, 2.4), or that ends its place in the list of clients. */
const ORGANIZATION = /^[A-Za-z0-9]([A-Za-z0-9 .&()-]{0,62}[A-Za-z0-9.)])?$/;

/** @throws RangeError for a text that the list of clients could not have in it */
export const checkOrganization = (text: string): string =>
  matching(
    "the organization",
    text,
    ORGANIZATION,
    "at most 64 letters, digits, spaces and . & ( ) -, beginning with a letter or digit",
  );

/**
 * Distinguishes a client's certificate from all others that were ever signed for its name: the attribute
 * serialNumber of its subject, made of its generation and key. A renewed certificate has the same one, and so
 * has one that the next authority signs for the same key. A client that was taken off the list and comes back
 * has another one.
 */
export function clientSerial({
  generation,
  publicKey,
}: Pick<CertifiedClient, "generation" | "publicKey">): string {
  const key = Buffer.from(publicKey.replaceAll(/-----.*-----|\s/g, ""), "base64");
  const digest = createHash("sha256").update(key).digest("hex");
  // 128 bits: nobody can make a key for a given digest, and two of your own keys with one digest gain nothing.
  return `${generation}-${digest.slice(0, 32)}`;
}

/** The whole subject as Nginx gives it in `$ssl_client_s_dn` (RFC 2253: the last part comes first). */
export function clientSubject(client: CertifiedClient): string {
  const { name, organization } = client;
  const rest = organization === undefined ? "" : `,O=${checkOrganization(organization)}`;
  return `serialNumber=${clientSerial(client)},CN=${name}${rest}`;
}

/** The host name in a client's certificate, if the client's name is one (with a dot in it). */
export function clientHost(name: string): string | undefined {
  const label = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";
  // No top-level domain consists of digits: that would be an IP address.
  return new RegExp(`^(?:${label}\\.)+(?!\\d+$)${label}$`).test(name) ? name : undefined;
}
