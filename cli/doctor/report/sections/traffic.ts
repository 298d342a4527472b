/** Requests and refusals of the last hour. */
import { refusalsChart, requestsChart } from "../drawing/charts.ts";
import { total } from "../facts/traffic.ts";
import { type Html, markup, table } from "../html.ts";
import { OUTCOMES, type Traffic } from "../model.ts";
import { causeOf, clockOf, counted, OUTCOME_WORDS, titleOf } from "../words.ts";

export async function trafficSection(traffic: Traffic | undefined): Promise<Html> {
  return markup`<section id="traffic" aria-labelledby="traffic-title">
<h2 id="traffic-title">The last hour</h2>
${traffic === undefined ? markup`<p class="calm">The proxy's log can't be read, because its container is gone or its log driver keeps nothing here.</p>` : await charts(traffic)}
</section>
`;
}

async function charts(traffic: Traffic): Promise<Html> {
  const { minutes, doors, refusals, addresses, cut } = traffic;
  const requests = doors.reduce((sum, { outcomes }) => sum + total(outcomes), 0);
  const refused = refusals.reduce((sum, { count }) => sum + count, 0);
  const [from, to] = [minutes[0]?.start, minutes.at(-1)?.start].map(
    (time) => time && clockOf(time),
  );
  const said = `${counted(requests, "request")} from ${from} to ${to} UTC, ${refused} refused by the proxy`;
  return markup`${
    cut &&
    markup`<p class="cut"><strong>Not all of the log was read.</strong> It is very long: the numbers are from ${clockOf(cut.from)} to ${clockOf(cut.to)} UTC alone.</p>`
  }
<figure class="panel" aria-labelledby="requests-caption">
<figcaption id="requests-caption"><h3>Requests</h3> ${said}</figcaption>
${requests === 0 ? markup`<p class="calm">Nobody called.</p>` : await requestsChart(traffic, `Bars: ${said}. The table below has the numbers.`)}
<details><summary>Requests as tables</summary>
${doorsTable(traffic)}${minutesTable(traffic)}</details>
</figure>
<figure class="panel" aria-labelledby="refusals-caption">
<figcaption id="refusals-caption"><h3>Refusals by the proxy</h3> ${refused === 0 ? "" : `${counted(refused, "request")}, by cause and door`}</figcaption>
${refused === 0 ? markup`<p class="calm">It refused nobody.</p>` : await refusalsChart(refusals, `Bars: ${counted(refused, "refusal")} by cause and door. The table below has the numbers.`)}
${
  refused > 0 &&
  markup`<details><summary>Refusals as tables</summary>
${table(
  "Refusals by cause",
  [{ title: "Cause" }, { title: "Door" }, { title: "Requests", number: true }],
  refusals.map(({ status, door, count }) => [
    `${status} · ${causeOf(status)}`,
    titleOf(door),
    count,
  ]),
)}${table(
    "Addresses that were refused most often",
    [{ title: "Address" }, { title: "Requests", number: true }],
    addresses.map(({ address, refused: count }) => [address, count]),
  )}</details>`
}
</figure>
`;
}

const doorsTable = ({ doors }: Traffic) =>
  table(
    "Requests by door",
    [
      { title: "Door" },
      ...OUTCOMES.map((outcome) => ({ title: OUTCOME_WORDS[outcome], number: true as const })),
      { title: "Half of the answers within", number: true },
      { title: "95 % within", number: true },
    ],
    doors.map(({ name, outcomes, median, most }) => [
      titleOf(name),
      ...OUTCOMES.map((outcome) => outcomes[outcome]),
      ...[median, most].map((seconds) => (seconds === undefined ? "–" : `${seconds.toFixed(3)} s`)),
    ]),
  );

const minutesTable = ({ minutes }: Traffic) =>
  table(
    "Requests in five minutes each (UTC)",
    [
      { title: "From" },
      ...OUTCOMES.map((outcome) => ({ title: OUTCOME_WORDS[outcome], number: true as const })),
    ],
    minutes
      .filter((_, index) => index % 5 === 0)
      .map(({ start }, index) => [
        clockOf(start),
        ...OUTCOMES.map((outcome) =>
          minutes
            .slice(5 * index, 5 * index + 5)
            .reduce((sum, { outcomes }) => sum + outcomes[outcome], 0),
        ),
      ]),
  );
