/** Draws a host and what runs on it as SVG. */
import { type Html, markup } from "../html.ts";
import type { Host } from "../model.ts";
import { graphOf, type MapNode } from "./graph.ts";
import { type Box, type MapForm, NARROW, type Placed, placed, WIDE } from "./layout.ts";

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
  const { nodes, edges, frame, size } = placed(graphOf(host, form.direction === "TB"), form);
  const label = `Map of ${host.host}: ${nodes.map(({ node }) => node.title).join(", ")}. The tables below have the same in words.`;
  const partOf = (id: string) => nodes.find(({ node }) => node.id === id) ?? frame;
  const lines = edges
    .filter(({ hidden }) => !hidden)
    .map(({ from, to }) => curve(partOf(from), partOf(to), form));
  const name = `Host ${short(host.host, 24)} · Docker ${short(host.version, 16)}`;
  const nameAt =
    form.direction === "LR" ? frame.y - frame.height / 2 + 21 : frame.y + frame.height / 2 - 11;
  return markup`<svg class="map ${kind}" viewBox="0 0 ${round(size.width)} ${round(size.height)}" width="${round(size.width)}" height="${round(size.height)}" role="img" aria-label="${label}">
${box("host", frame, 10)}
<text class="host-name" x="${round(frame.x - frame.width / 2 + 14)}" y="${round(nameAt)}">${name}</text>
${lines.map((line) => markup`<path class="edge" d="${line}"/>\n`)}${nodes.map((node) => card(node, form))}</svg>`;
}

const box = (kind: string | undefined, { x, y, width, height }: Box, corner: number) =>
  markup`<rect${kind !== undefined && markup` class="${kind}"`} x="${round(x - width / 2)}" y="${round(y - height / 2)}" width="${round(width)}" height="${round(height)}" rx="${corner}"/>`;

function card(part: Placed, form: MapForm): Html {
  const { node, x, y, width, height } = part;
  const [left, top] = [x - width / 2, y - height / 2];
  const dot = node.state !== undefined;
  const middle = node.kind === "caller" || node.kind === "network";
  // Letters are about so wide; a wider font is cut by the card's edge and not by this.
  const room = Math.floor((width - (dot ? 30 : 18)) / (form.direction === "LR" ? 7.2 : 6.6));
  const lineRoom = Math.floor((width - 14) / (form.direction === "LR" ? 6.2 : 5.9));
  const at = middle ? x : left + (dot ? 25 : 12);
  return markup`<g class="${node.kind}"><title>${titleOf(node)}</title>
${box(undefined, part, middle ? 15 : 6)}
${dot && markup`<circle class="${node.state}" cx="${round(left + 14)}" cy="${round(top + 16)}" r="4"/>\n`}<text class="title" x="${round(at)}" y="${round(top + 20)}">${short(node.title, room)}</text>
${node.lines.map((line, index) => markup`<text class="line" x="${round(middle ? x : left + 12)}" y="${round(top + 37 + 16 * index)}">${short(line, lineRoom)}</text>\n`)}</g>
`;
}

const titleOf = ({ kind, title, lines, state }: MapNode) =>
  [
    kind === "network" ? `Network ${title}` : title,
    ...(state === undefined ? [] : [STATES[state]]),
    ...lines,
  ].join(", ");

/** From the middle of one side to the middle of the next part's, without a corner. */
function curve(from: Box, to: Box, { direction }: MapForm): string {
  if (direction === "LR") {
    const [x1, x2] = [from.x + from.width / 2, to.x - to.width / 2];
    const bend = (x1 + x2) / 2;
    return path([x1, from.y], [bend, from.y], [bend, to.y], [x2, to.y]);
  }
  const [y1, y2] = [from.y + from.height / 2, to.y - to.height / 2];
  const bend = (y1 + y2) / 2;
  return path([from.x, y1], [from.x, bend], [to.x, bend], [to.x, y2]);
}

type Pair = readonly [x: number, y: number];

const path = (start: Pair, ...rest: readonly Pair[]) =>
  `M${start.map(round).join(" ")}C${rest.map((pair) => pair.map(round).join(" ")).join(" ")}`;

const round = (number: number) => Math.round(number * 10) / 10;

/** What is longer than its card is cut; the table has it all. */
const short = (text: string, most: number) =>
  text.length > most ? `${text.slice(0, most - 1)}…` : text;
