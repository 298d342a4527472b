/** Gives the parts of a map their places. */
import { Graph, layout } from "@dagrejs/dagre";
import type { MapEdge, MapGraph, MapNode } from "./graph.ts";

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A part with its middle. */
export interface Placed extends Point {
  readonly node: MapNode;
  readonly width: number;
  readonly height: number;
}

export interface PlacedMap {
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly Placed[];
  readonly edges: readonly (MapEdge & { readonly points: readonly Point[] })[];
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
  widths: { caller: 84, door: 142, container: 148, network: 88 },
  gap: 30,
  between: 18,
};

export const NARROW: MapForm = {
  direction: "TB",
  widths: { caller: 92, door: 132, container: 132, network: 92 },
  gap: 22,
  between: 10,
};

const HEAD = 30;
const LINE = 16;

export function placed({ nodes, edges }: MapGraph, form: MapForm): PlacedMap {
  const graph = new Graph();
  graph.setGraph({
    ...{ rankdir: form.direction, ranksep: form.gap, nodesep: form.between },
    ...{ marginx: 1, marginy: 1 },
  });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const node of nodes) {
    const height = HEAD + LINE * node.lines.length;
    graph.setNode(node.id, { width: form.widths[node.kind], height });
  }
  for (const { from, to } of edges) {
    graph.setEdge(from, to);
  }
  layout(graph);
  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
  return {
    ...{ width, height },
    nodes: nodes.map((node) => ({ node, ...(graph.node(node.id) as Omit<Placed, "node">) })),
    edges: edges.map((edge) => ({
      ...edge,
      points: (graph.edge(edge.from, edge.to) as { points: readonly Point[] }).points,
    })),
  };
}
