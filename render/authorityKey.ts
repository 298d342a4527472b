import { createPrivateKey, type webcrypto } from "node:crypto";
import {
  AuthorityKeyIdentifierExtension,
  PemConverter,
  SubjectKeyIdentifierExtension,
  type X509Certificate,
} from "./x509.ts";

/** A certificate authority with its key. */
export interface Authority {
  /** PEM. */
  readonly certificate: string;
  /** PEM: an ECDSA key on P-256. Secret. */
  readonly privateKey: string;
}

/** How our authorities sign. */
export const SIGNING = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** The authority's private key, for signing alone. */
export function signingKey({ privateKey }: Authority): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(privateKey).export({ type: "pkcs8", format: "der" });
  return crypto.subtle.importKey("pkcs8", der, SIGNING, false, ["sign"]);
}

/** The extension by which verifiers find the authority that signed. */
export function authorityKeyIdentifier(
  authority: X509Certificate,
): AuthorityKeyIdentifierExtension {
  const own = authority.getExtension(SubjectKeyIdentifierExtension);
  if (own === null) {
    throw new RangeError("an authority's certificate has no subject key identifier");
  }
  return new AuthorityKeyIdentifierExtension(own.keyId);
}

/** The content of each PEM block of a text. */
export function blocks(pem: string): ArrayBuffer[] {
  return pem.trim() === "" ? [] : PemConverter.decode(pem);
}

/** To the second, because DER has no fractions. */
export function wholeSecond(time: Date): Date {
  return new Date(Math.floor(time.getTime() / 1000) * 1000);
}
