/** Certificates and revocation lists that end: by the state, and by what callers are shown. */
import { authorityOfList } from "../../names/certificates.ts";
import { here } from "../../programs/npmRun.ts";
import type { Served } from "../../programs/smoke/served.ts";
import { endsSoon, type KnownEnd, sentenceOf } from "../../render/certificateEnds.ts";
import type { EndNote } from "../../stack/certificateEnds.ts";
import type { Finding } from "./finding.ts";

export interface CertificateFacts {
  /** What the state knows. */
  readonly ends: readonly KnownEnd[];
  /** What other checks already say about them. */
  readonly notes: readonly EndNote[];
  /** What callers are shown. */
  readonly served: readonly Served[];
  readonly warnDays: number;
  readonly now: Date;
}

const about = "certificates";

export function certificateFindings(facts: CertificateFacts): Finding[] {
  const { ends, served, now } = facts;
  const findings = [
    // What a container renews is judged as it is served: the state has an earlier end.
    ...ends
      .filter(({ source }) => source !== "acme")
      .flatMap((end) => {
        const text = toldOf(end, facts);
        return text === undefined ? [] : [{ level: levelOf(end, now), about, text }];
      }),
    ...served.flatMap((one) => ofServed(one, facts)),
  ];
  return findings.length > 0 ? findings : [{ level: "good", about, text: allWell(ends) }];
}

function toldOf(end: KnownEnd, { ends, notes, warnDays, now }: CertificateFacts) {
  const note = notes.find(({ name }) => name === end.name);
  if (note !== undefined) {
    return note.text;
  }
  // What is said of an authority is said of its list.
  const authority = authorityOfList(end.name);
  const asLong = ends.some(({ name, notAfter }) => name === authority && notAfter === end.notAfter);
  const told = notes.some(({ name }) => name === authority);
  return endsSoon(end, warnDays, now) && !(end.kind === "crl" && asLong && told)
    ? sentenceOf(end, now)
    : undefined;
}

/** Of a certificate that is the stack's own, and served as such, all is said. */
function ofServed(one: Served, { ends, warnDays, now }: CertificateFacts): Finding[] {
  const own = ends.find(({ name }) => name === one.name);
  const end = { ...one, kind: "server", source: own?.source ?? "generated" } as const;
  if (own?.notAfter === one.notAfter || !endsSoon(end, warnDays, now)) {
    return [];
  }
  const level = levelOf(end, now);
  const what = `${one.listener} shows a certificate that ${level === "fault" ? "expired" : "expires"} on ${dayOf(end)}`;
  const remedy =
    end.source === "acme"
      ? "it should have been renewed by now; see `renewal`"
      : own === undefined
        ? `\`${here("up")}\` brings the stack's own`
        : `the stack has one until ${dayOf(own)}, and \`${here("up")}\` brings it`;
  return [{ level, about, text: `${what}: ${remedy}` }];
}

const levelOf = ({ notAfter }: KnownEnd, now: Date): "note" | "fault" =>
  Date.parse(notAfter) > now.getTime() ? "note" : "fault";

const dayOf = ({ notAfter }: KnownEnd): string => notAfter.slice(0, 10);

function allWell(ends: readonly KnownEnd[]): string {
  const [first] = ends.toSorted((a, b) => Date.parse(a.notAfter) - Date.parse(b.notAfter));
  return first === undefined
    ? "none expires soon"
    : `none expires soon; the first is ${first.name}, on ${dayOf(first)}`;
}
