import { LOCALLY_SIGNED_CERT, SELF_SIGNED_CERT } from "../../names/types.ts";
import type { ResourceRule } from "../pack/rule.ts";
import { listOf, UNKNOWN } from "../pack/unknown.ts";

const days = (description: string, byDefault: number) =>
  ({ description, type: "integer", minimum: 1, default: byDefault }) as const;

/** Certificates end in time: what got out is of no use for long, and renewal is a habit. */
export const certificateLifetime: ResourceRule = {
  name: "certificate-lifetime",
  description: "No certificate is valid for longer than its use allows.",
  reason:
    "A stolen key works until its certificate expires, and clients refuse a server's that is " +
    "valid for longer (CA/Browser Forum Baseline Requirements 6.3.2; 825 days on Apple's systems, for " +
    "private authorities too).",
  settings: {
    serverDays: days("How many days a server's certificate may be valid.", 398),
    clientDays: days("How many days a client's certificate may be valid.", 825),
    authorityDays: days("How many days an authority's certificate may be valid.", 3653),
  },
  types: [SELF_SIGNED_CERT, LOCALLY_SIGNED_CERT],
  check({ props: { validityPeriodHours, isCaCertificate, allowedUses } }, settings) {
    if (typeof validityPeriodHours !== "number" || isCaCertificate === UNKNOWN) {
      return [];
    }
    const uses = listOf(allowedUses);
    const [kind, setting] =
      isCaCertificate === true || uses.includes("cert_signing")
        ? ["an authority's certificate", "authorityDays"]
        : uses.includes("server_auth")
          ? ["a server's certificate", "serverDays"]
          : ["a client's certificate", "clientDays"];
    const most = Number(settings[setting]);
    return validityPeriodHours > most * 24
      ? [
          `${kind} is valid for ${Math.ceil(validityPeriodHours / 24)} days: ` +
            `set validityPeriodHours to ${most * 24} (${most} days) or less`,
        ]
      : [];
  },
};
