/** When certificates and revocation lists end, as the page shows it. */
import { daysLeft, endsSoon, type KnownEnd } from "../../../../render/certificateEnds.ts";
import type { CertificateFacts } from "../../certificates.ts";
import type { End } from "../model.ts";

type Facts = Pick<CertificateFacts, "ends" | "served" | "warnDays" | "now">;

/** The first to end comes first. */
export function endsOf({ ends, served, warnDays, now }: Facts): End[] {
  return ends
    .map((end): KnownEnd => {
      // What a container renews is known where it is served; the state has an earlier one.
      const shown = end.source === "acme" && served.find(({ name }) => name === end.name);
      return shown ? { ...end, notAfter: shown.notAfter } : end;
    })
    .map((end): End => ({
      name: end.name,
      kind: end.kind,
      notAfter: new Date(end.notAfter),
      days: daysLeft(end.notAfter, now),
      level: levelOf(end, warnDays, now),
      renewal: end.source === "acme" ? "authority" : end.source === "supplied" ? "people" : "up",
    }))
    .toSorted((a, b) => a.notAfter.getTime() - b.notAfter.getTime());
}

const levelOf = (end: KnownEnd, warnDays: number, now: Date): End["level"] =>
  Date.parse(end.notAfter) <= now.getTime()
    ? "ended"
    : endsSoon(end, warnDays, now)
      ? "soon"
      : "fine";
