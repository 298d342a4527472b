/** The certificate that a server shows until an ACME server has issued one: when it is put there, and under what name. */
import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { versionIn } from "./acmePaths.ts";
import type { CertificatePair } from "./proxyRelease.ts";

const INTERIM = "interim-";

/** What is in the volume of a server. */
export interface ShownNow {
  /** The text of current.conf; empty without one. */
  readonly conf: string;
  /** The certificate that it names, and its key, PEM; empty without one. */
  readonly certificate: string;
  readonly privateKey: string;
}

/** The folder of an interim certificate: another one for another. */
export function interimVersion({ certificate, privateKey }: CertificatePair): string {
  const hash = createHash("sha256").update(certificate).update(privateKey);
  return INTERIM + hash.digest("hex").slice(0, 16);
}

/**
 * Whether the interim certificate is to be put there. What an authority has issued stays for as long as it is good
 * for any of the names: whoever trusts that authority alone would be shut out by the interim one.
 */
export function needsInterim(
  now: ShownNow,
  interim: CertificatePair,
  { names, time }: { readonly names: readonly string[]; readonly time: Date },
): boolean {
  const version = versionIn(now.conf);
  if (version === undefined) {
    return true;
  }
  if (version.startsWith(INTERIM)) {
    return version !== interimVersion(interim) || !isGood(now, time);
  }
  return !isGood(now, time) || !names.some((name) => covers(now.certificate, name));
}

/** Whether Nginx can show it, and callers who trust its authority take it. */
function isGood({ certificate, privateKey }: ShownNow, time: Date): boolean {
  try {
    const leaf = new X509Certificate(certificate);
    return leaf.validToDate > time && leaf.checkPrivateKey(createPrivateKey(privateKey));
  } catch {
    return false;
  }
}

function covers(certificate: string, name: string): boolean {
  const leaf = new X509Certificate(certificate);
  if (isIP(name) !== 0) {
    return leaf.checkIP(name) !== undefined;
  }
  // A wildcard is covered by itself, a host name by a wildcard, too.
  return name.startsWith("*.")
    ? (leaf.subjectAltName ?? "").split(", ").includes(`DNS:${name}`)
    : leaf.checkHost(name, { subject: "never" }) !== undefined;
}
