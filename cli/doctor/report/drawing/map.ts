/** Draws a host and what runs on it as SVG. */
import { markup, Html } from "../html.ts";
import type { Host } from "../model.ts";
import { graphOf, type MapNode } from "./graph.ts";
import { type MapForm, NARROW, type Placed, placed, type Point, WIDE } from "./layout.ts";

const PAD = 14;
const CAPTION = 26;
const STATES = {
  healthy: "healthy",
  running: "running",
  unwell: "not well",
  gone: "gone",
} as const;

/** The map in its two forms, of which the page shows the one that fits. */
export const drawnMap = (host: Host): Html =>
  markup`<div class="forms">
${drawn(host, WIDE, "form wide")}
${drawn(host, NARROW, "form narrow")}
</div>`;

function drawn(host: Host, form: MapForm, kind: string): Html {
  const { nodes, edges, width, height } = placed(graphOf(host), form);
  // Who calls is outside of the host.
  const inside = nodes.filter(({ node }) => node.kind !== "caller");
  const left = Math.min(...inside.map(({ x, width: own }) => x - own / 2)) - PAD;
  const top = Math.min(...inside.map(({ y, height: own }) => y - own / 2)) - PAD - CAPTION;
  const right = Math.max(...inside.map(({ x, width: own }) => x + own / 2)) + PAD;
  const bottom = Math.max(...inside.map(({ y, height: own }) => y + own / 2)) + PAD;
  const [x, y] = [Math.min(0, left) - 1, Math.min(0, top) - 1];
  const [w, h] = [Math.max(width, right) + 1 - x, Math.max(height, bottom) + 1 - y];
  const label = `Map of ${host.host}: ${nodes.map(({ node }) => node.title).join(", ")}. The table below has the same in words.`;
  return markup`<svg class="map ${kind}" viewBox="${[x, y, w, h].map(round).join(" ")}" width="${round(w)}" height="${round(h)}" role="img" aria-label="${label}">
<rect class="host" x="${round(left)}" y="${round(top)}" width="${round(right - left)}" height="${round(bottom - top)}" rx="10"/>
<text class="host-name" x="${round(left + PAD)}" y="${round(top + 21)}">${short(host.host, 24)} · Docker ${short(host.version, 16)}</text>
${edges.map(({ points }) => markup`<path class="edge" d="${curve(points)}"/>\n`)}${nodes.map(card)}</svg>`;
}

function card({ node, x, y, width, height }: Placed): Html {
  const [left, top] = [x - width / 2, y - height / 2];
  const dot = node.state !== undefined;
  const middle = node.kind === "caller" || node.kind === "network";
  const at = middle ? x : left + (dot ? 25 : 12);
  return markup`<g class="${node.kind}"><title>${titleOf(node)}</title>
<rect x="${round(left)}" y="${round(top)}" width="${round(width)}" height="${round(height)}" rx="${node.kind === "network" || node.kind === "caller" ? 15 : 6}"/>
${dot && markup`<circle class="${node.state}" cx="${round(left + 14)}" cy="${round(top + 16)}" r="4"/>\n`}<text class="title" x="${round(at)}" y="${round(top + 20)}">${short(node.title, 22)}</text>
${node.lines.map((line, index) => markup`<text class="line" x="${round(middle ? x : left + 12)}" y="${round(top + 37 + 16 * index)}">${short(line, 23)}</text>\n`)}</g>
`;
}

const titleOf = ({ kind, title, lines, state }: MapNode) =>
  [
    kind === "network" ? `Network ${title}` : title,
    ...(state === undefined ? [] : [STATES[state]]),
    ...lines,
  ].join(", ");

/** Through the points, without corners. */
function curve(points: readonly Point[]): string {
  const [first = { x: 0, y: 0 }, ...rest] = points;
  const last = rest.at(-1) ?? first;
  const bends = rest.slice(0, -1).map((point, index) => {
    const next = rest[index + 1] ?? last;
    const end = index === rest.length - 2 ? next : middleOf(point, next);
    return `Q${at(point)} ${at(end)}`;
  });
  return [`M${at(first)}`, ...bends, ...(bends.length === 0 ? [`L${at(last)}`] : [])].join("");
}

const middleOf = (a: Point, b: Point): Point => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });
const at = ({ x, y }: Point) => `${round(x)} ${round(y)}`;
const round = (number: number) => Math.round(number * 10) / 10;

/** What is longer than its card is cut; the table has it all. */
const short = (text: string, most: number) =>
  text.length > most ? `${text.slice(0, most - 1)}…` : text;
