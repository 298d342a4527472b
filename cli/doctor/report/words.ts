/** What things are called on the page. */
import type { CertificateKind } from "../../../names/certificates.ts";
import type { Access } from "../../../settings/types.ts";
import type { Outcome } from "./model.ts";

const TITLES: Readonly<Partial<Record<string, string>>> = {
  kms: "KMS",
  backend: "Backend",
  "kms-db": "KMS DB",
  "backend-db": "Backend DB",
  proxy: "Proxy",
  kapow: "Kapow!",
  acme: "Renewal",
  "acme-challenge": "ACME reply",
  collector: "Collector",
  "collector-door": "Collector door",
  "collector-gate": "Collector gate",
};

/** A role, or the name of a door, as a title. */
export const titleOf = (role: string): string => TITLES[role] ?? role;

const ACCESS: Readonly<Record<Access, string>> = {
  password: "password",
  certificate: "certificate",
  either: "password or certificate",
  both: "password and certificate",
};

export const accessWords = (access: Access): string => ACCESS[access];

export const KINDS: Readonly<Record<CertificateKind, string>> = {
  server: "Server certificate",
  cross: "Cross certificate",
  authority: "Authority",
  crl: "Revocation list",
  client: "Client certificate",
  internal: "Inside the stack",
};

export const OUTCOME_WORDS: Readonly<Record<Outcome, string>> = {
  answered: "Answered",
  declined: "Declined by the service",
  refused: "Refused by the proxy",
  failed: "Failed",
};

/** Why the proxy refuses, by the status of its answer. */
const CAUSES: Readonly<Partial<Record<number, string>>> = {
  400: "malformed request",
  401: "no or wrong password",
  403: "no or refused certificate",
  404: "nothing at that path",
  405: "method not passed on",
  408: "request came too slowly",
  413: "body too large",
  414: "address too long",
  421: "another host name",
  429: "too many wrong passwords",
  431: "header too long",
  499: "caller gave up",
  503: "too many at once",
};

export const causeOf = (status: number): string => CAUSES[status] ?? `status ${status}`;

/** "1 day", "2 days". */
export const counted = (number: number, noun: string, many = `${noun}s`): string =>
  `${number.toLocaleString("en-GB")} ${number === 1 ? noun : many}`;

const MONTHS = [
  "Jan",
  "Feb",
  "Mar",
  "Apr",
  "May",
  "June",
  "July",
  "Aug",
  "Sept",
  "Oct",
  "Nov",
  "Dec",
];

/** As in 28 Nov 2026, whatever the machine's language. */
export const dayOf = (time: Date): string =>
  `${time.getUTCDate()} ${MONTHS[time.getUTCMonth()]} ${time.getUTCFullYear()}`;

/** As in 06:05. */
export const clockOf = (time: Date): string => time.toISOString().slice(11, 16);

/** How long ago, roughly. */
export function ageOf(time: Date, now: Date): string {
  const hours = Math.max(0, Math.floor((now.getTime() - time.getTime()) / 3_600_000));
  return hours < 1
    ? "less than an hour ago"
    : hours < 48
      ? `${counted(hours, "hour")} ago`
      : `${counted(Math.floor(hours / 24), "day")} ago`;
}

export function shareOf(part: number, whole: number): string {
  const percent = whole === 0 ? 0 : (100 * part) / whole;
  return percent > 0 && percent < 1 ? "under 1 %" : `${Math.round(percent)} %`;
}
