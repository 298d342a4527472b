/** When certificates, revocation lists and overlaps end. */
import { bar, scale } from "../drawing/days.ts";
import { folded, type Html, markup, table, type Part } from "../html.ts";
import type { End, Overlap } from "../model.ts";
import { counted, dayOf, KINDS } from "../words.ts";

const RENEWALS = {
  authority: "its container renews it",
  people: "people renew it",
};

export const endsSection = (
  ends: readonly End[],
  overlaps: readonly Overlap[],
): Html => markup`<section id="ends" aria-labelledby="ends-title">
<h2 id="ends-title">Days left</h2>
${ends.length === 0 ? markup`<p class="calm">The stack knows of no certificate yet.</p>` : folded(ends, 14, "certificates and lists", endsTable)}
${overlapsPart(overlaps)}
</section>
`;

const endsTable = (ends: readonly End[], caption = "Certificates and revocation lists") =>
  table(
    caption,
    [
      { title: "Name" },
      { title: "What it is", spare: true },
      { title: "Ends on" },
      { title: "Days", number: true },
      { title: "Left", head: scale() },
    ],
    ends.map(({ name, kind, notAfter, days, level, renewal }) => [
      name,
      markup`${KINDS[kind]}${renewal !== "up" && markup`<span class="remark">${RENEWALS[renewal]}</span>`}`,
      dayOf(notAfter),
      daysText(days, level),
      bar(days, level),
    ]),
  );

const daysText = (days: number, level: End["level"]): Part =>
  level === "fine"
    ? days.toLocaleString("en-GB")
    : markup`<strong class="${level}">${level === "ended" ? "ended" : days}</strong>`;

const overlapsPart = (
  overlaps: readonly Overlap[],
) => markup`<h3>Previous secrets that are still valid</h3>
${
  overlaps.length === 0
    ? markup`<p class="calm">None: every rotation is complete.</p>`
    : folded(overlaps, 14, "previous secrets", overlapsTable)
}`;

const overlapsTable = (overlaps: readonly Overlap[], caption = "Previous secrets") =>
  table(
    caption,
    [
      { title: "Secret" },
      { title: "To be retired by" },
      { title: "Days", number: true },
      { title: "Left", head: scale() },
    ],
    overlaps.map(({ what, retireBy, days }) => {
      const level = days === undefined || days > 7 ? "fine" : days > 0 ? "soon" : "ended";
      return [
        what,
        retireBy === undefined ? "no day is set" : dayOf(new Date(retireBy)),
        days === undefined
          ? "–"
          : days > 0
            ? daysText(days, level)
            : markup`<strong class="ended">${days === 0 ? "today" : `${counted(-days, "day")} late`}</strong>`,
        days === undefined ? "" : bar(days, level),
      ];
    }),
  );
