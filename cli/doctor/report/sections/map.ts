/** What runs where, drawn and as tables. */
import { endpointText } from "../../../../settings/addresses.ts";
import { drawnMap } from "../drawing/map.ts";
import { type Html, markup, table } from "../html.ts";
import type { Host, Topology } from "../model.ts";

export const mapSection = ({
  hosts,
}: Topology): Html => markup`<section id="map" aria-labelledby="map-title">
<h2 id="map-title">What runs where</h2>
${hosts.map((host) =>
  host.containers.length === 0
    ? markup`<p class="calm">Nothing runs on ${host.host}.</p>`
    : markup`<figure class="panel" aria-label="Map of ${host.host}">
${drawnMap(host)}
<figcaption>Callers reach the doors on the left or at the top; a line is a way that exists. An address on a card is the operator's own way in, from this host alone.</figcaption>
</figure>
<details><summary>The same as tables</summary>
${containersTable(host)}${portsTable(host)}${networksTable(host)}</details>
`,
)}</section>
`;

const containersTable = ({ host, containers, networks }: Host) =>
  table(
    `Containers on ${host}`,
    [{ title: "Container" }, { title: "What it is" }, { title: "State" }, { title: "Networks" }],
    containers.map(({ name, title, words, networks: own }) => [
      name,
      title,
      words,
      networks
        .filter((network) => own.includes(network.name))
        .map((network) => network.title)
        .join(", "),
    ]),
  );

const portsTable = ({ host, ports }: Host) =>
  table(
    `Ports of ${host}`,
    [{ title: "Address" }, { title: "Reached from" }, { title: "Leads to" }, { title: "Asks for" }],
    ports.map(({ address, port, container, from, door }) => [
      endpointText({ address, port }),
      from === "host" ? "this host" : "the network",
      door === undefined ? container : `${door.title}, by ${container}`,
      door?.access ?? "nothing of the proxy's: for the operator",
    ]),
  );

const networksTable = ({ host, containers, networks }: Host) =>
  table(
    `Networks on ${host}`,
    [{ title: "Network" }, { title: "Calls out" }, { title: "Containers" }],
    networks.map(({ name, callsOut }) => [
      name,
      callsOut ? "yes" : "no",
      containers
        .filter(({ networks: own }) => own.includes(name))
        .map(({ title }) => title)
        .join(", "),
    ]),
  );
