/** Draws charts with Vega-Lite, in several widths. */
import { parse, View } from "vega";
import { compile, type TopLevelSpec } from "vega-lite";
import { Html, markup } from "../html.ts";

/** What one chart shows: Vega-Lite's description of it, without sizes and style. */
export type Chart = Extract<TopLevelSpec, { mark: unknown; data: unknown }>;

/** Widths at which the page shows one chart or another, so that letters keep their size. */
const FORMS = { narrow: 290, middle: 540, large: 780, wide: 1060 } as const;

/** The colours are the page's own, light or dark; `styles/colours.css` has them. */
const ink = (name: string) => `var(--${name})`;

const LETTERS = { labelFontSize: 12, labelColor: ink("soft"), titleColor: ink("soft") };

/**
 * One chart in each of its widths, of which the page shows the one that fits.
 *
 * @param label What a screen reader says of it.
 */
export async function drawnChart(
  spec: (width: number) => Chart,
  height: number,
  label: string,
): Promise<Html> {
  const forms = await Promise.all(
    Object.entries(FORMS).map(async ([name, width]) => {
      const svg = await toSvg({ ...spec(width), ...common(width, height) });
      return openedAs(`chart form ${name}`, label, svg);
    }),
  );
  return markup`<div class="forms">${forms}</div>`;
}

const common = (width: number, height: number): Partial<Chart> => ({
  ...{ width, height, background: "transparent" },
  autosize: { type: "fit", contains: "padding" },
  padding: 0,
  config: {
    // The drawing as a whole has a name, and a table has its numbers.
    aria: false,
    mark: { aria: false },
    font: "system-ui, sans-serif",
    view: { stroke: null },
    axis: {
      ...LETTERS,
      ...{ domainColor: ink("line"), tickColor: ink("line"), gridColor: ink("line") },
    },
    axisY: { domain: false, ticks: false, labelPadding: 6 },
    legend: { ...LETTERS, labelColor: ink("ink"), symbolType: "square", symbolSize: 90 },
  },
});

async function toSvg(spec: TopLevelSpec): Promise<string> {
  const silent = {
    level: () => silent,
    error: fail,
    warn: () => silent,
    info: () => silent,
    debug: () => silent,
  } as never;
  const compiled = compile(spec, { logger: silent }).spec;
  const view = new View(parse(compiled), { renderer: "none" });
  const svg = await view.toSVG();
  view.finalize();
  return svg;
}

function fail(...messages: readonly unknown[]): never {
  throw new Error(`a chart can't be drawn: ${messages.join(" ")}`);
}

/** With another first tag: its size, name and role are the page's. */
function openedAs(kind: string, label: string, svg: string): Html {
  const [opening = "", width = "", height = ""] =
    /^<svg [^>]*\bwidth="([\d.]+)" height="([\d.]+)"[^>]*>/.exec(svg) ?? [];
  return markup`<svg class="${kind}" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${label}">${new Html(svg.slice(opening.length))}
`;
}
