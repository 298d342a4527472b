/** What things are called in a summary. */
import { KAPOW, type Role } from "../../names/docker.ts";
import { kindOf } from "../../stack/updateReport.ts";

const ROLES: Readonly<Record<Role, string> & Partial<Record<string, string>>> = {
  kms: "KMS",
  backend: "Backend",
  "kms-db": "KMS's database",
  "backend-db": "Backend's database",
  "kms-db-door": "KMS's way to its database",
  "kms-db-exit": "KMS's way out to its database",
  "backend-db-door": "Backend's way to its database",
  "backend-db-exit": "Backend's way out to its database",
  proxy: "proxy",
  kapow: "Kapow!",
  acme: "renewal of certificates",
  "acme-challenge": "answer to the certificate authority",
  collector: "collector",
  "collector-door": "collector's door",
  "collector-gate": "collector's gate",
};

/** A role as a subject: "the KMS", "Kapow!", "the container x". */
export function theRole(role: string): string {
  const title = ROLES[role];
  return title === undefined ? `the container ${role}` : role === KAPOW ? title : `the ${title}`;
}

/** "a", "a and b", "a, b and c". Beyond `most`, the rest is only counted. */
export function enumerate(items: readonly string[], most = 20): string {
  const shown =
    items.length > most ? [...items.slice(0, most), `${items.length - most} more`] : items;
  const last = shown.at(-1) ?? "";
  return shown.length < 2 ? last : `${shown.slice(0, -1).join(", ")} and ${last}`;
}

export function upperFirst(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** "1 change", "2 changes". */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** Plain words for the providers' type names. */
const KINDS: Readonly<Record<string, string>> = {
  command: "program",
  "random password": "password",
  "random bytes": "random value",
  "random id": "id",
  "locally signed cert": "certificate",
  "self signed cert": "certificate",
  "cert request": "certificate request",
  "remote image": "image",
};

/** The kind of a resource: "docker:index/container:Container" is a "container". */
export function kind(type: string): string {
  const found = kindOf(type);
  return KINDS[found] ?? found;
}
