/** When certificates and revocation lists end, and what is said of those that end soon. */
import { X509Certificate } from "node:crypto";
import { KAPOW, PROXY } from "../names/docker.ts";
import {
  authorityOfList,
  type CertificateKind,
  clientIn,
  type NamedCertificate,
} from "../names/certificates.ts";
import type { Settings } from "../settings/types.ts";
import { blocks } from "./authorityKey.ts";
import { X509Crl } from "./x509.ts";

/** Where a server's certificate comes from; the stack itself makes all others. */
export type CertificateSource = Settings["certificates"]["source"];

/** A certificate or a revocation list, and its end. */
export interface CertificateEnd<Time = string> extends NamedCertificate {
  readonly source: CertificateSource;
  /** As in 2027-01-31T12:00:00Z; absent if it's only known where the certificate is served. */
  readonly notAfter?: Time;
  /** How long it is valid in all, if that is known. */
  readonly lifetimeDays?: number;
  /** An `up` renews it this many days before it expires; absent if none does. */
  readonly renewBeforeDays?: number;
}

/** One whose end is known. */
export type KnownEnd = CertificateEnd & Required<Pick<CertificateEnd, "notAfter">>;

const DAY_MS = 24 * 60 * 60 * 1000;

/** The end of a certificate: of the first one, if a chain follows it. */
export function certificateEnd(pem: string): string {
  return spelled(new Date(new X509Certificate(pem).validTo));
}

/** When the next of each revocation list is due, in their order. */
export function listEnds(pem: string): string[] {
  return blocks(pem).map((der) => {
    const { nextUpdate } = new X509Crl(der);
    if (nextUpdate === undefined) {
      throw new RangeError("a revocation list has no end");
    }
    return spelled(nextUpdate);
  });
}

/** To the second: certificates know no fractions. */
export const spelled = (time: Date): string => time.toISOString().replace(/\.\d+Z$/, "Z");

/** What the program `renewal-ends` says, as ends. */
export function knownRenewal(said: string): KnownEnd[] {
  const found = JSON.parse(said) as readonly Record<"name" | "notBefore" | "notAfter", string>[];
  return found.map(({ name, notBefore, notAfter }) => ({
    name,
    kind: "server",
    source: "acme",
    notAfter: spelled(new Date(notAfter)),
    lifetimeDays: (Date.parse(notAfter) - Date.parse(notBefore)) / DAY_MS,
  }));
}

/** Whole days until the end; less than 0 once it has passed. */
export function daysLeft(notAfter: string, now: Date): number {
  return Math.floor((Date.parse(notAfter) - now.getTime()) / DAY_MS);
}

const hasEnded = ({ notAfter }: KnownEnd, now: Date): boolean =>
  Date.parse(notAfter) <= now.getTime();

/** Of a supplied certificate at the least: people renew it, and an authority takes its time. */
const SUPPLIED_DAYS = 30;

/**
 * Within `warnDays` of the end, or the last third of a shorter life: else it would always be. A container renews
 * from the last third of the life on, or the last half, so that it has failed is known in the last quarter.
 */
export function endsSoon(end: KnownEnd, warnDays: number, now: Date): boolean {
  const { notAfter, source, lifetimeDays = Infinity } = end;
  const days = source === "supplied" ? Math.max(warnDays, SUPPLIED_DAYS) : warnDays;
  const left = Date.parse(notAfter) - now.getTime();
  const share = source === "acme" ? 4 : 3;
  return left <= 0 || left < Math.min(days, lifetimeDays / share) * DAY_MS;
}

/** Whether the next `up` renews it. */
export function isDue({ notAfter, renewBeforeDays }: KnownEnd, now: Date): boolean {
  return (
    renewBeforeDays !== undefined &&
    Date.parse(notAfter) - now.getTime() <= renewBeforeDays * DAY_MS
  );
}

/**
 * What is said before an `up` of certificates that end soon, and that it doesn't renew: a sentence each.
 * Of the authorities, and so of their lists, `stack/certificateEnds.ts` tells long before.
 */
export function warningsOf(
  ends: readonly KnownEnd[],
  { warnDays, now }: { readonly warnDays: number; readonly now: Date },
): string[] {
  return ends
    .filter(
      ({ kind, source }) => source !== "generated" || (kind !== "authority" && kind !== "crl"),
    )
    .filter((end) => endsSoon(end, warnDays, now) && !isDue(end, now))
    .map((end) => sentenceOf(end, now));
}

/** One sentence, without a full stop: what ends, when, and what to do. */
export function sentenceOf(end: KnownEnd, now: Date): string {
  const day = end.notAfter.slice(0, 10);
  return `${titleOf(end)} ${hasEnded(end, now) ? "expired" : "expires"} on ${day}: ${REMEDIES[end.source](end, now)}`;
}

/** What to do, by source. */
const REMEDIES: Readonly<Record<CertificateSource, (end: KnownEnd, now: Date) => string>> = {
  generated: ofGenerated,
  supplied: () =>
    "have it renewed by its authority, and put the new one into cybexp:certificates.supplied",
  acme: () => "it should have been renewed by now: `npm run doctor` says why it was not",
};

function ofGenerated(end: KnownEnd, now: Date): string {
  const { kind, name, notAfter, renewBeforeDays } = end;
  const handOver = kind === "client" ? "; then hand over the new one" : "";
  if (isDue(end, now)) {
    return `an \`up\` renews it${handOver}`;
  }
  if (kind === "cross") {
    return "give all clients the output serverCa, and retire the authority before (cybexp:rotation.serverCaRetired)";
  }
  if (kind === "crl") {
    return `an \`up\` that renews ${authorityOfList(name) ?? "its authority"} makes a new one`;
  }
  if (!renewBeforeDays) {
    const more = Math.max(0, daysLeft(notAfter, now));
    return `set cybexp:certificates.renewBeforeDays to more than ${more}, and an \`up\` renews it${handOver}`;
  }
  const since = spelled(new Date(Date.parse(notAfter) - renewBeforeDays * DAY_MS)).slice(0, 10);
  return `an \`up\` renews it from ${since} on, so see that one runs between these days${handOver}`;
}

/** What it is in a sentence. */
const titleOf = ({ name, kind }: NamedCertificate): string => TITLES[kind](name);

const TITLES: Readonly<Record<CertificateKind, (name: string) => string>> = {
  server: (name) => `the certificate of ${SERVERS[name] ?? name}`,
  cross: (name) => `the certificate ${name}`,
  authority: (name) => `the authority ${name}`,
  crl: (name) => `the revocation list of ${authorityOfList(name) ?? name}`,
  client: (name) => {
    const { client, generation } = clientIn(name) ?? {};
    return client === undefined
      ? `the certificate of ${name}`
      : `the certificate of the client ${client} (generation ${generation})`;
  },
  internal: (name) => `the certificate ${name}`,
};

const SERVERS: Readonly<Record<string, string>> = { [PROXY]: "the proxy", [KAPOW]: "Kapow!" };
