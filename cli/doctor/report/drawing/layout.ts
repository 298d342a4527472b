/** Gives the parts of a map their places. */
import * as dagre from "@dagrejs/dagre";
import type { MapEdge, MapGraph, MapNode } from "./graph.ts";

/** A rectangle, by its middle. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Placed extends Box {
  readonly node: MapNode;
}

export interface PlacedMap {
  readonly size: Pick<Box, "width" | "height">;
  /** Around what is on the host; who calls is outside. */
  readonly frame: Box;
  readonly nodes: readonly Placed[];
  readonly edges: readonly MapEdge[];
}

/** How a map is drawn: from left to right where there is room, from top to bottom on a phone. */
export interface MapForm {
  readonly direction: "LR" | "TB";
  readonly widths: Readonly<Record<MapNode["kind"], number>>;
  readonly gap: number;
  readonly between: number;
}

export const WIDE: MapForm = {
  direction: "LR",
  widths: { caller: 88, door: 170, container: 150, network: 98 },
  gap: 28,
  between: 18,
};

export const NARROW: MapForm = {
  direction: "TB",
  widths: { caller: 100, door: 148, container: 100, network: 86 },
  gap: 22,
  between: 6,
};

/** What is used of the library. Its own types import files without their endings, which no compiler finds here. */
interface Dagre {
  readonly Graph: new () => {
    setGraph(label: object): void;
    setDefaultEdgeLabel(label: () => object): void;
    setNode(id: string, label: Pick<Box, "width" | "height">): void;
    setEdge(from: string, to: string): void;
    node(id: string): Box;
  };
  readonly layout: (graph: object) => void;
}
const { Graph, layout } = dagre as unknown as Dagre;

const HEAD = 30;
const LINE = 16;

export function placed({ nodes, edges }: MapGraph, form: MapForm): PlacedMap {
  const graph = new Graph();
  graph.setGraph({ rankdir: form.direction, ranksep: form.gap, nodesep: form.between });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const node of nodes) {
    const height = HEAD + LINE * node.lines.length;
    graph.setNode(node.id, { width: form.widths[node.kind], height });
  }
  for (const { from, to } of edges) {
    graph.setEdge(from, to);
  }
  layout(graph);
  const parts = nodes.map((node): Placed => {
    const { x, y, width, height } = graph.node(node.id);
    return { node, x, y, width, height };
  });
  return { ...moved(parts, frameOf(parts, form)), edges };
}

const PAD = 14;
/** The line with the host's own name. */
const NAME = 22;

function frameOf(parts: readonly Placed[], { direction }: MapForm): Box {
  const { left, top, right, bottom } = edgesOf(parts.filter(({ node }) => node.kind !== "caller"));
  const [above, below] = direction === "LR" ? [NAME, 0] : [0, NAME];
  const [width, height] = [right - left + 2 * PAD, bottom - top + 2 * PAD + NAME];
  return {
    ...{ x: (left + right) / 2, y: (top - above + bottom + below) / 2 },
    ...{ width, height },
  };
}

/** With the left upper corner of everything near 0. */
function moved(parts: readonly Placed[], frame: Box): Omit<PlacedMap, "edges"> {
  const { left, top, right, bottom } = edgesOf([...parts, frame]);
  const move = <B extends Box>(box: B): B => ({ ...box, x: box.x - left + 1, y: box.y - top + 1 });
  return {
    size: { width: right - left + 2, height: bottom - top + 2 },
    ...{ frame: move(frame), nodes: parts.map(move) },
  };
}

const edgesOf = (boxes: readonly Box[]) => ({
  left: Math.min(...boxes.map(({ x, width }) => x - width / 2)),
  top: Math.min(...boxes.map(({ y, height }) => y - height / 2)),
  right: Math.max(...boxes.map(({ x, width }) => x + width / 2)),
  bottom: Math.max(...boxes.map(({ y, height }) => y + height / 2)),
});
