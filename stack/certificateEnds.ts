/** Certificates that end soon: what an operator should know while there is time. */
import {
  authorityIn,
  clockName,
  generationName,
  memberName,
  NAME,
  nameIn,
} from "../names/resources.ts";
import { LOCALLY_SIGNED_CERT, SELF_SIGNED_CERT } from "../names/types.ts";
import { here } from "../programs/npmRun.ts";
import type { ClientSettings, Settings } from "../settings/types.ts";
import type { ExportedResource, StackState } from "./state.ts";

const HOUR_MS = 60 * 60 * 1000;

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

/**
 * A sentence for each certificate near its end: an authority's long before an `up` renews it, the
 * others from the day on that one does. Of a client that is revoked, or has a newer one, there is
 * nothing to hand over.
 */
export function endingSoon(
  resources: readonly ExportedResource[],
  clients: readonly ClientSettings[],
  now: Date,
): string[] {
  return resources.flatMap(({ type, urn, outputs = {} }) => {
    const name = nameIn(urn);
    const end = new Date(String(outputs["validityEndTime"]));
    if (!TYPES.includes(type) || Number.isNaN(end.getTime())) {
      return [];
    }
    const window = Number(outputs["earlyRenewalHours"] ?? 0) * HOUR_MS;
    const left = end.getTime() - now.getTime();
    const day = end.toISOString().slice(0, 10);
    const ends = left > 0 ? `ends on ${day}` : `ended on ${day}`;
    // A client may be called "ca": only an authority vouches for itself.
    const authority = type === SELF_SIGNED_CERT ? authorityIn(name) : undefined;
    if (authority !== undefined) {
      return left > 2 * window
        ? []
        : [ofAuthority(authority, ends, new Date(end.getTime() - window))];
    }
    return clients
      .filter(({ revoked }) => !revoked && left <= window)
      .filter((client) => {
        const own = generationName(memberName(NAME.clients, client.name), client.generation);
        return name === own || name === clockName(own);
      })
      .map(
        (client) =>
          `the certificate of the client ${client.name} ${ends}: \`${here("up")}\` renews it; then hand over the new one (\`${here(`client -- ${client.name}`)}\`)`,
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
    return [`the certificate ${name} ends on ${day}: \`${here("up")}\` renews it`];
  });
}

function ofAuthority(authority: string, ends: string, renewal: Date): string {
  const loss =
    authority === "client"
      ? "and the revocation list with it: from then on no client certificate is good"
      : "from then on no client trusts the proxy";
  const since = renewal.toISOString().slice(0, 10);
  return `the ${authority} CA ${ends}, ${loss}; \`${here("up")}\` renews it, from ${since} on`;
}
