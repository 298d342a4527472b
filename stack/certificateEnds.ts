/** Certificates that end soon: what an operator should know while there is time. */
import { authorityOfList, certificateNamed, clientCertificate } from "../names/certificates.ts";
import {
  authorityIn,
  clockName,
  generationName,
  memberName,
  NAME,
  nameIn,
} from "../names/resources.ts";
import { LOCALLY_SIGNED_CERT, SELF_SIGNED_CERT, STACK } from "../names/types.ts";
import { here } from "../programs/npmRun.ts";
import { type CertificateEnd, type KnownEnd, spelled } from "../render/certificateEnds.ts";
import { overlaps } from "../settings/overlaps.ts";
import type { ClientSettings, Settings } from "../settings/types.ts";
import type { ExportedResource, StackState } from "./state.ts";

const HOUR_MS = 60 * 60 * 1000;
const DAY_HOURS = 24;

/** The certificates of the TLS provider; their ends stand in the state in clear. */
const TYPES: readonly string[] = [SELF_SIGNED_CERT, LOCALLY_SIGNED_CERT];

/** Says on standard error which certificates end soon. */
export function announceEnds(
  state: StackState,
  { clients }: Pick<Settings, "clients">,
  now = new Date(),
): void {
  for (const sentence of endingSoon(state.resources, clients, now)) {
    process.stderr.write(`note: ${sentence}\n`);
  }
}

/** What the operator should know about one certificate. */
export interface EndNote {
  /** As in the output `certificates`. */
  readonly name: string;
  readonly text: string;
}

/** The sentences of `endNotes` alone. */
export function endingSoon(
  resources: readonly ExportedResource[],
  clients: readonly ClientSettings[],
  now: Date,
): string[] {
  return endNotes(resources, clients, now).map(({ text }) => text);
}

/**
 * A sentence for each certificate near its end: an authority's long before an `up` renews it, the
 * others from the day on that one does. Of a client that is revoked, or has a newer one, there is
 * nothing to hand over.
 */
export function endNotes(
  resources: readonly ExportedResource[],
  clients: readonly ClientSettings[],
  now: Date,
): EndNote[] {
  return resources.flatMap(({ type, urn, outputs = {} }) => {
    const told = (text: string) => ({
      name: certificateNamed(type, nameIn(urn))?.name ?? "",
      text,
    });
    const name = nameIn(urn);
    const end = new Date(String(outputs["validityEndTime"]));
    if (!TYPES.includes(type) || Number.isNaN(end.getTime())) {
      return [];
    }
    const window = Number(outputs["earlyRenewalHours"] ?? 0) * HOUR_MS;
    const left = end.getTime() - now.getTime();
    const day = end.toISOString().slice(0, 10);
    const ends = left > 0 ? `expires on ${day}` : `expired on ${day}`;
    // A client may be called "ca": only an authority vouches for itself.
    const authority = type === SELF_SIGNED_CERT ? authorityIn(name) : undefined;
    if (authority !== undefined) {
      return left > 2 * window
        ? []
        : [told(ofAuthority(authority, ends, new Date(end.getTime() - window)))];
    }
    return clients
      .filter(({ revoked }) => !revoked && left <= window)
      .filter((client) => {
        const own = generationName(memberName(NAME.clients, client.name), client.generation);
        return name === own || name === clockName(own);
      })
      .map((client) =>
        told(
          `the certificate of the client ${client.name} ${ends}: \`${here("up")}\` renews it; then hand over the new one (\`${here(`client -- ${client.name}`)}\`)`,
        ),
      );
  });
}

/** A sentence for each certificate that the next `up` renews: all that are inside their window. */
export function dueForRenewal(resources: readonly ExportedResource[], now: Date): string[] {
  return resources.flatMap(({ type, urn, outputs = {} }) => {
    const end = new Date(String(outputs["validityEndTime"]));
    const window = Number(outputs["earlyRenewalHours"] ?? 0) * HOUR_MS;
    // One that ends without ever being renewed has no window.
    if (!TYPES.includes(type) || window === 0 || !(end.getTime() - now.getTime() <= window)) {
      return [];
    }
    const name = nameIn(urn);
    const day = end.toISOString().slice(0, 10);
    return [`the certificate ${name} expires on ${day}: \`${here("up")}\` renews it`];
  });
}

/**
 * What the state knows of ends. The stack's own certificates are resources, and up to date even after an
 * `up` that failed; of lists, and of certificates from elsewhere, the last whole `up` has put it out.
 */
export function endsIn(
  resources: readonly ExportedResource[],
  clients: readonly ClientSettings[],
): KnownEnd[] {
  const good = new Set(clients.filter(({ revoked }) => !revoked).flatMap(ofClient));
  const own = resources
    .flatMap(endOf)
    .filter(({ name, kind }) => kind !== "client" || good.has(name));
  const put = resources.find(({ type }) => type === STACK)?.outputs?.["certificates"] ?? {};
  const others = Object.entries(put as Readonly<Record<string, Omit<CertificateEnd, "name">>>)
    .filter(([, { kind, source }]) => kind === "crl" || source !== "generated")
    .flatMap(([name, { kind, source, notAfter }]): KnownEnd[] => {
      const authority = own.find((one) => one.name === authorityOfList(name));
      return notAfter === undefined ? [] : [{ ...authority, name, kind, source, notAfter }];
    });
  return [...own, ...others];
}

/** The names of a client's certificates that are good. */
function ofClient({ name, generation, retired }: ClientSettings): string[] {
  return [generation, ...(overlaps(generation, retired) ? [generation - 1] : [])].map((number) =>
    clientCertificate(name, number),
  );
}

function endOf({ type, urn, outputs = {} }: ExportedResource): KnownEnd[] {
  const named = certificateNamed(type, nameIn(urn));
  const [start, end] = [outputs["validityStartTime"], outputs["validityEndTime"]].map(
    (time) => new Date(String(time)),
  );
  if (named === undefined || end === undefined || Number.isNaN(end.getTime())) {
    return [];
  }
  const lifetime = end.getTime() - (start?.getTime() ?? NaN);
  return [
    {
      ...named,
      source: "generated",
      notAfter: spelled(end),
      ...(lifetime > 0 && { lifetimeDays: lifetime / HOUR_MS / DAY_HOURS }),
      ...(named.kind !== "cross" && {
        renewBeforeDays: Number(outputs["earlyRenewalHours"] ?? 0) / DAY_HOURS,
      }),
    },
  ];
}

function ofAuthority(authority: string, ends: string, renewal: Date): string {
  const loss =
    authority === "client"
      ? "and the revocation list with it: from then on no client certificate is good"
      : "from then on no client trusts the proxy";
  const since = renewal.toISOString().slice(0, 10);
  return `the ${authority} CA ${ends}, ${loss}; \`${here("up")}\` renews it, from ${since} on`;
}
