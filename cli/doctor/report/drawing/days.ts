/** Days left as bars. Days are drawn closer the more there are, so that a week can be seen beside ten years. */
import { Html, markup } from "../html.ts";

const MOST_DAYS = 3650;

/** Which part of the bar is filled, in percent. */
export function lengthOf(days: number): number {
  const within = Math.min(MOST_DAYS, Math.max(0, days));
  return Math.round((1000 * Math.log(1 + within / 7)) / Math.log(1 + MOST_DAYS / 7)) / 10;
}

/** The number is beside it. */
export const bar = (days: number, level: "ended" | "soon" | "fine"): Html =>
  markup`<svg class="days" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" focusable="false"><rect class="track" width="100" height="10"/><rect class="${level}" width="${level === "ended" ? 100 : lengthOf(days)}" height="10"/></svg>`;

const TICKS = [
  [7, "week"],
  [30, "month"],
  [90, "quarter"],
  [365, "year"],
  [3650, "ten years"],
] as const;

/** For the head of a column of bars. */
export const scale = (): Html =>
  markup`<svg class="scale" width="100%" height="16" aria-hidden="true" focusable="false">${TICKS.map(
    ([days, text], index) =>
      markup`<text x="${lengthOf(days)}%" y="12"${new Html(index === TICKS.length - 1 ? ' text-anchor="end"' : ' text-anchor="middle"')}>${text}</text>`,
  )}</svg>`;
