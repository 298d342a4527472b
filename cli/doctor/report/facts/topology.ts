/** What runs where: from what the engine says of the stack's containers and networks. */
import { ACME_CHALLENGE, KAPOW, LABEL, PROXY, ROLES } from "../../../../names/docker.ts";
import { isLoopback } from "../../../../settings/addresses.ts";
import { doorsOf } from "../../../../settings/listeners.ts";
import type { Settings } from "../../../../settings/types.ts";
import type { Container, EngineFacts, Network, Port, PortDoor, Topology } from "../model.ts";
import { accessWords, titleOf } from "../words.ts";

/** What is looked at of `docker container inspect`. */
export interface InspectedContainer {
  readonly Name: string;
  readonly State: { readonly Status: string; readonly Health?: { readonly Status: string } | null };
  readonly Config: { readonly Labels: Readonly<Record<string, string>> | null };
  readonly HostConfig: {
    readonly PortBindings: Readonly<
      Record<string, readonly { readonly HostIp: string; readonly HostPort: string }[] | null>
    > | null;
  };
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, unknown>> | null };
}

/** What is looked at of `docker network inspect`. */
export interface InspectedNetwork {
  readonly Name: string;
  readonly Internal: boolean;
  readonly Options: Readonly<Record<string, string>> | null;
  readonly Labels: Readonly<Record<string, string>> | null;
}

export interface OnEngine extends EngineFacts {
  readonly containers: readonly InspectedContainer[];
  readonly networks: readonly InspectedNetwork[];
  /** The names of the containers that the state has. */
  readonly expected: readonly string[];
}

export function topologyOf(engines: readonly OnEngine[], settings: Settings): Topology {
  return {
    hosts: engines.map(({ host, version, containers, networks, expected }) => {
      const there = containers.map(containerOf);
      const gone = expected
        .filter((name) => !there.some((container) => container.name === name))
        .map((name): Container => ({
          ...{ name, title: titleOf(roleIn(name)), state: "gone", words: "gone", networks: [] },
        }));
      return {
        ...{ host, version },
        containers: [...there, ...gone],
        networks: networks.map(networkOf),
        ports: containers.flatMap((container) => portsOf(container, settings)),
      };
    }),
  };
}

/** Of a container that is gone, only the name is known: it ends with its role. */
const roleIn = (name: string) =>
  ROLES.toSorted((a, b) => b.length - a.length).find((role) => name.endsWith(`-${role}`)) ?? name;

const roleOf = ({ Config }: InspectedContainer) => Config.Labels?.[LABEL.role] ?? "";
const nameOf = ({ Name }: InspectedContainer) => Name.replace(/^\//, "");

function containerOf(container: InspectedContainer): Container {
  const { Status, Health } = container.State;
  const words = Status === "running" ? (Health?.Status ?? Status) : Status;
  return {
    name: nameOf(container),
    title: titleOf(roleOf(container)),
    state: words === "healthy" || words === "running" ? words : "unwell",
    words,
    networks: Object.keys(container.NetworkSettings.Networks ?? {}).sort(),
  };
}

const MASQUERADE = "com.docker.network.bridge.enable_ip_masquerade";

const networkOf = ({ Name, Internal, Options, Labels }: InspectedNetwork): Network => ({
  name: Name,
  title: Labels?.[LABEL.role] ?? Name,
  callsOut: !Internal && Options?.[MASQUERADE] !== "false",
});

function portsOf(container: InspectedContainer, settings: Settings): Port[] {
  const doors = roleOf(container) === PROXY ? doorsOf(settings) : [];
  return Object.values(container.HostConfig.PortBindings ?? {})
    .flatMap((bindings) => bindings ?? [])
    .map(({ HostIp, HostPort }): Port => {
      const port = Number(HostPort);
      const address = HostIp === "" ? "0.0.0.0" : HostIp;
      const from = isLoopback(address) ? "host" : "network";
      const door = doors.find((one) => one.port === port);
      return {
        ...{ address, port, container: nameOf(container), from },
        door:
          door !== undefined
            ? {
                title: titleOf(door.name),
                access: accessWords(door.access),
                shortly: door.access,
              }
            : from === "network"
              ? ownDoor(roleOf(container))
              : undefined,
      };
    });
}

/** A port in the network that is no door of the proxy. */
function ownDoor(role: string): PortDoor {
  const asks =
    role === KAPOW ? accessWords("certificate") : role === ACME_CHALLENGE ? "nothing" : "its own";
  return { title: role === ACME_CHALLENGE ? "ACME" : titleOf(role), access: asks, shortly: asks };
}
