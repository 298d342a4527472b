/** What of a host is drawn, and what leads to what: from who calls, through doors, to the databases. */
import { endpointText } from "../../../../settings/addresses.ts";
import type { Container, Host, Network, Port } from "../model.ts";

export interface MapNode {
  readonly id: string;
  readonly kind: "caller" | "door" | "container" | "network";
  readonly title: string;
  readonly lines: readonly string[];
  readonly state?: Container["state"];
}

export interface MapEdge {
  readonly from: string;
  readonly to: string;
  /** It only keeps its ends apart, so that what has no way to it stands among the others. */
  readonly hidden?: true;
}

export interface MapGraph {
  readonly nodes: readonly MapNode[];
  readonly edges: readonly MapEdge[];
}

/** @param together Whether the doors of one container are one part, because there is little room. */
export function graphOf({ containers, networks, ports }: Host, together = false): MapGraph {
  const doors = ports.filter(({ door }) => door !== undefined);
  // One container alone in a network leads nowhere: its card names the network.
  const shared = networks.filter(({ name }) => membersOf(name, containers).length > 1);
  const depth = depths(containers, shared, doors);
  const entries = together ? doorsTogether(doors) : doors.map(ownEntry);
  const isAlone = (name: string) =>
    !shared.some((network) =>
      membersOf(network.name, containers).some((one) => one.name === name),
    ) && !doors.some(({ container }) => container === name);
  return {
    nodes: [
      ...callersOf(doors),
      ...entries.map(({ node }) => node),
      ...containers.map((container): MapNode => ({
        id: container.name,
        kind: "container",
        title: container.title,
        lines: linesOf(container, networks, shared, ports),
        state: container.state,
      })),
      ...shared.map((network): MapNode => ({
        id: networkId(network),
        kind: "network",
        title: network.title,
        lines: [network.callsOut ? "calls out" : "no way out"],
      })),
    ],
    edges: [
      ...entries.flatMap(({ node, from, to }) => [
        { from: `from ${from}`, to: node.id },
        { from: node.id, to },
      ]),
      ...shared.flatMap((network) =>
        membersOf(network.name, containers).map(({ name }) =>
          (depth.get(name) ?? 0) < (depth.get(networkId(network)) ?? 0)
            ? { from: name, to: networkId(network) }
            : { from: networkId(network), to: name },
        ),
      ),
      ...containers
        .filter(({ name }) => isAlone(name))
        .flatMap(({ name }) => entries.slice(-1).map(({ to }) => hidden(to, name))),
    ],
  };
}

const hidden = (from: string, to: string): MapEdge => ({ from, to, hidden: true });

/** A part that callers meet first, and the container behind it. */
interface Entry {
  readonly node: MapNode;
  readonly from: Port["from"];
  readonly to: string;
}

const ownEntry = ({ address, port, from, container, door }: Port): Entry => ({
  ...{ from, to: container },
  node: {
    ...{ id: `door ${address} ${port}`, kind: "door" },
    ...{ title: `${port} → ${door?.title}`, lines: [door?.access ?? ""] },
  },
});

function doorsTogether(doors: readonly Port[]): Entry[] {
  const groups = Map.groupBy(doors, ({ from, container }) => `doors ${from} ${container}`);
  return [...groups].flatMap(([id, [first, ...others]]) => {
    const lines = [first, ...others].map(
      (one) => `${one?.port} → ${one?.door?.title}: ${one?.door?.shortly}`,
    );
    const title = others.length === 0 ? "Door" : "Doors";
    const node = { id, kind: "door", title, lines } as const;
    return first === undefined ? [] : [{ node, from: first.from, to: first.container }];
  });
}

const networkId = ({ name }: Network) => `network ${name}`;

const membersOf = (network: string, containers: readonly Container[]) =>
  containers.filter(({ networks }) => networks.includes(network));

function callersOf(doors: readonly Port[]): MapNode[] {
  const callers = { network: "Network", host: "This host" } as const;
  return (["network", "host"] as const)
    .filter((from) => doors.some((door) => door.from === from))
    .map((from) => ({ id: `from ${from}`, kind: "caller", title: callers[from], lines: [] }));
}

function linesOf(
  { name, state, words, networks: own }: Container,
  networks: readonly Network[],
  shared: readonly Network[],
  ports: readonly Port[],
): string[] {
  return [
    ...(state === "healthy" ? [] : [words]),
    ...ports
      .filter((port) => port.container === name && port.door === undefined)
      .map((port) => endpointText(port)),
    ...networks
      .filter((network) => own.includes(network.name) && !shared.includes(network))
      .map(({ title }) => `net: ${title}`),
  ];
}

/** How far each container and network is from the doors: first those behind the door that is met first. */
function depths(
  containers: readonly Container[],
  networks: readonly Network[],
  doors: readonly Port[],
): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  const walk = (first: string) => {
    const queue = found.has(first) ? [] : [first];
    found.set(first, found.get(first) ?? 0);
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      const next = name.startsWith("network ")
        ? membersOf(name.slice("network ".length), containers).map((one) => one.name)
        : networks
            .filter((network) => membersOf(network.name, containers).some((c) => c.name === name))
            .map(networkId);
      for (const neighbour of next.filter((one) => !found.has(one))) {
        found.set(neighbour, (found.get(name) ?? 0) + 1);
        queue.push(neighbour);
      }
    }
  };
  // Whoever has most doors is in front of the others.
  const count = (name: string) => doors.filter(({ container }) => container === name).length;
  containers
    .map(({ name }) => name)
    .toSorted((a, b) => count(b) - count(a))
    .forEach(walk);
  return found;
}
