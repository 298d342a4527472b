import {
  Extension,
  PemConverter,
  X509Certificate,
  X509Crl,
  X509CrlGenerator,
  X509CrlReason,
} from "./x509.ts";
import { Integer } from "asn1js";
import {
  type Authority,
  authorityKeyIdentifier,
  blocks,
  SIGNING,
  signingKey,
  wholeSecond,
} from "./authorityKey.ts";

export interface CrlInput {
  /** Every trusted authority. If one had no list, Nginx would refuse every certificate. */
  readonly authorities: readonly Authority[];
  /** The revoked certificates, PEM; those of other authorities are ignored. */
  readonly revoked: readonly string[];
  /**
   * The lists that were made last, PEM. What was revoked stays so until it has ended, whether it is still
   * named or not.
   */
  readonly previous: string;
  readonly now: Date;
}

/** A host whose clock is slow would otherwise think that the list lies in the future, and let nobody in. */
const BACKDATED_MS = 24 * 60 * 60 * 1000;

/** Whatever the reason, the client may not come in any more. */
const REASON = X509CrlReason.privilegeWithdrawn;

/** After this many days every certificate has expired: the settings allow at most 825. */
export const LONGEST_LIFE_DAYS = 826;

const CRL_NUMBER = "2.5.29.20";

/**
 * One revocation list for each authority, PEM, one after another. Signatures by ECDSA differ each time,
 * and so do the texts.
 *
 * A list is valid as long as its authority. With an earlier end, nobody could come in from then on, and nothing
 * would be gained: each revocation delivers a new list anyway.
 */
export async function renderCrls(input: CrlInput): Promise<string> {
  const revoked = input.revoked.map((pem) => new X509Certificate(pem));
  const previous = blocks(input.previous).map((der) => new X509Crl(der));
  const lists = await Promise.all(
    input.authorities.map((authority) => renderCrl(authority, revoked, previous, input.now)),
  );
  // The library calls the block CRL, which OpenSSL doesn't know.
  return lists.map((list) => `${PemConverter.encode(list.rawData, "X509 CRL")}\n`).join("");
}

async function renderCrl(
  authority: Authority,
  revoked: readonly X509Certificate[],
  previous: readonly X509Crl[],
  now: Date,
): Promise<X509Crl> {
  const certificate = new X509Certificate(authority.certificate);
  const isOwn = (signed: X509Certificate | X509Crl) =>
    signed.verify({ publicKey: certificate.publicKey, signatureOnly: true });
  const ended = now.getTime() - LONGEST_LIFE_DAYS * 24 * 60 * 60 * 1000;
  const named = new Set(revoked.map(({ serialNumber }) => serialNumber));
  const entries = new Map<string, Entry>();
  for (const list of previous) {
    if (await isOwn(list)) {
      for (const { serialNumber, revocationDate, reason } of list.entries) {
        if (named.has(serialNumber) || revocationDate.getTime() > ended) {
          entries.set(serialNumber, { serialNumber, revocationDate, reason: reason ?? REASON });
        }
      }
    }
  }
  for (const one of revoked) {
    if (!entries.has(one.serialNumber) && (await isOwn(one))) {
      entries.set(one.serialNumber, {
        serialNumber: one.serialNumber,
        revocationDate: wholeSecond(now),
        reason: REASON,
      });
    }
  }
  const issued = new Date(now.getTime() - BACKDATED_MS);
  return X509CrlGenerator.create({
    issuer: certificate.subjectName,
    thisUpdate: wholeSecond(issued < certificate.notBefore ? certificate.notBefore : issued),
    nextUpdate: certificate.notAfter,
    entries: [...entries.values()].sort((a, b) => (a.serialNumber < b.serialNumber ? -1 : 1)),
    // The number grows with time, and needs no more than that.
    extensions: [authorityKeyIdentifier(certificate), crlNumber(Math.floor(now.getTime() / 1000))],
    signingAlgorithm: SIGNING,
    signingKey: await signingKey(authority),
  });
}

interface Entry {
  readonly serialNumber: string;
  readonly revocationDate: Date;
  readonly reason: X509CrlReason;
}

const crlNumber = (value: number) =>
  new Extension(CRL_NUMBER, false, new Integer({ value }).toBER());
