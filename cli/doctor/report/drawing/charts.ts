/** The charts of the last hour. */
import type { Html } from "../html.ts";
import { type Outcome, OUTCOMES, type Refusal, type Traffic } from "../model.ts";
import { causeOf, clockOf, OUTCOME_WORDS, titleOf } from "../words.ts";
import { type Chart, drawnChart } from "./chart.ts";

export const COLOURS: Readonly<Record<Outcome, string>> = {
  answered: "var(--accent)",
  declined: "var(--mild)",
  refused: "var(--warn)",
  failed: "var(--bad)",
};

/** A bar for each minute, or on a phone for each five. */
export function requestsChart({ minutes }: Traffic, label: string): Promise<Html> {
  // An outcome that did not happen needs no colour.
  const seen = OUTCOMES.filter((one) => minutes.some(({ outcomes }) => outcomes[one] > 0));
  const shown = seen.length === 0 ? OUTCOMES.slice(0, 1) : seen;
  return drawnChart((width) => requestsSpec(minutes, shown, width < 400 ? 5 : 1), 200, label);
}

export function requestsSpec(
  minutes: Traffic["minutes"],
  outcomes: readonly Outcome[],
  step: number,
): Chart {
  const starts = minutes
    .filter((_, index) => index % step === 0)
    .map(({ start }) => clockOf(start));
  const values = minutes.flatMap((minute, index) =>
    outcomes.map((outcome, order) => ({
      minute: starts[Math.floor(index / step)],
      outcome: OUTCOME_WORDS[outcome],
      order,
      requests: minute.outcomes[outcome],
    })),
  );
  const shown = step === 1 ? starts.filter((_, index) => index % 10 === 9) : [];
  return {
    data: { values },
    mark: { type: "bar" },
    encoding: {
      x: {
        field: "minute",
        type: "ordinal",
        sort: starts,
        scale: { paddingInner: 0.25, paddingOuter: 0.1 },
        axis: {
          ...{ title: null, labelAngle: 0, labelOverlap: "greedy", ticks: false, labelPadding: 8 },
          ...(shown.length > 0 && { values: shown }),
        },
      },
      y: {
        aggregate: "sum",
        field: "requests",
        type: "quantitative",
        axis: { title: null, tickCount: 4, format: "~s", tickMinStep: 1 },
      },
      color: {
        field: "outcome",
        type: "nominal",
        scale: {
          domain: outcomes.map((outcome) => OUTCOME_WORDS[outcome]),
          range: outcomes.map((outcome) => COLOURS[outcome]),
        },
        legend: { title: null, orient: "top", columns: step === 1 ? 4 : 1, labelLimit: 240 },
      },
      order: { field: "order" },
    },
  };
}

/** A bar for each cause, in the parts that fell to each door. */
export function refusalsChart(refusals: readonly Refusal[], label: string): Promise<Html> {
  const causes = [...new Set(refusals.map(({ status }) => status))];
  return drawnChart((width) => refusalsSpec(refusals, width), 60 + 30 * causes.length, label);
}

const DOOR_COLOURS = ["var(--warn)", "var(--accent)", "var(--mild)", "var(--soft)"];

export function refusalsSpec(refusals: readonly Refusal[], width: number): Chart {
  const doors = [...new Set(refusals.map(({ door }) => titleOf(door)))].sort();
  return {
    data: {
      values: refusals.map(({ door, status, count }) => ({
        ...{ door: titleOf(door), count },
        cause: width < 400 ? String(status) : `${status} · ${causeOf(status)}`,
      })),
    },
    mark: { type: "bar", height: 16 },
    encoding: {
      y: {
        field: "cause",
        type: "nominal",
        sort: { op: "sum", field: "count", order: "descending" },
        axis: { title: null, labelLimit: 320, labelColor: "var(--ink)" },
      },
      x: {
        aggregate: "sum",
        field: "count",
        type: "quantitative",
        axis: { title: null, tickCount: 5, format: "~s", tickMinStep: 1, domain: false },
      },
      color: {
        field: "door",
        type: "nominal",
        scale: { domain: doors, range: DOOR_COLOURS.slice(0, Math.max(1, doors.length)) },
        legend: { title: null, orient: "top", columns: 4 },
      },
      order: { field: "door" },
    },
  };
}
