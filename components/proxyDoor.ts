/** The doors of the proxy, as a program asks for them. */
import type * as pulumi from "@pulumi/pulumi";
import { checkDoorNames, checkRenewed } from "../render/doorNames.ts";
import { checkTraffic, type DoorTraffic } from "../render/doorTraffic.ts";
import { checkPaths } from "../render/nginxPaths.ts";
import type { ReleaseDoor, UpstreamTls } from "../render/proxyRelease.ts";
import { checkDoorName, roleOfStandIn } from "../render/standIn.ts";
import type { DoorLimits } from "../settings/limits.ts";
import type { Access } from "../settings/types.ts";

/** What the proxy needs to know about a service. */
export interface ProxyUpstream extends pulumi.Resource {
  /** The network that it shares with the proxy. */
  readonly network: pulumi.Output<string>;
  /** `host:port` in that network. */
  readonly upstream: string;
  /** The same while the container is replaced. If absent, nothing serves in that time. */
  readonly standIn?: string;
  /** How to call it if it speaks TLS; plain HTTP if absent. */
  readonly tls?: pulumi.Output<UpstreamTls>;
}

/** A part of a door, below one path, that leads to a service of its own. */
export interface DoorPath {
  /** It begins and ends with `/`, such as `/app/`. Of two that fit a request, the longer one decides. */
  readonly path: `/${string}/`;
  readonly service: ProxyUpstream;
  /**
   * Whether the service gets the path without this beginning: `/app/search` as `/search`. It then gets
   * `X-Forwarded-Prefix: /app`, and the proxy adds the beginning to its redirects and to the paths of its cookies,
   * where it is missing. A request that spells the beginning in another way, such as `/%61pp/`, gets 404.
   *
   * @default false
   */
  readonly stripPrefix?: boolean;
}

/**
 * A service behind the proxy, and who may call it in which way. `DoorTraffic` has the arguments about headers, streams,
 * WebSockets, uploads and kept connections.
 *
 * @example
 * // A web application: pages, events and WebSockets.
 * { name: "wiki", listen: 443, service: wiki, access: "password", maxBody: "20m", profile: "web" }
 * @example
 * // Two applications at one port, by their names, the second one with an API of another service.
 * [
 *   { name: "wiki", listen: 443, names: ["wiki.example.edu"], service: wiki, ...rest },
 *   {
 *     ...{ name: "shop", listen: 443, names: ["shop.example.edu"], service: shop, ...rest },
 *     paths: [{ path: "/api/", service: api, stripPrefix: true }],
 *   },
 * ]
 */
export interface ProxyDoor extends DoorTraffic {
  /** Lower-case letters, digits and `-`; in the proxy's log and refusals. The service's role, if it has one. */
  readonly name: string;
  /** The port where the network reaches it. Doors with different `names` may share one. */
  readonly listen: number;
  /**
   * The names by which it is called: host names, wildcards such as `*.example.edu`, IP addresses. The proxy's
   * certificate must be for each of them. A name comes before a wildcard that includes it.
   *
   * @default the proxy's `serverName` and `serverNames`
   */
  readonly names?: readonly string[];
  readonly service: ProxyUpstream;
  /** Paths that lead to other services. Whoever may call the door may call them. @default none */
  readonly paths?: readonly DoorPath[];
  readonly access: Access;
  /** The largest request body, in Nginx's spelling. */
  readonly maxBody: string;
  /**
   * How much gets through at once, to all services of the door together. Beyond it, a request is refused with 503, and a body of 100 kB or more
   * waits in the proxy. @default 480 requests, 4 such bodies
   */
  readonly room?: pulumi.Input<DoorLimits>;
}

/**
 * Looks at what is known before anything is deployed.
 *
 * @param names The proxy's own.
 * @param renewed What its certificate is for, if a container renews it.
 * @throws RangeError for a value that can't be, and for a name or path that leads to two services
 */
export function checkDoors(
  doors: readonly ProxyDoor[],
  names: readonly string[],
  renewed: readonly string[] | undefined,
): void {
  checkDoorNames(
    doors.map((door) => ({ name: door.name, port: door.listen, names: door.names ?? names })),
  );
  for (const { name, service, paths = [], ...door } of doors) {
    if (service.standIn !== undefined) {
      checkDoorName(name, service.standIn);
    }
    checkTraffic(name, door);
    checkPaths(name, paths);
    for (const { standIn } of paths.map((path) => path.service)) {
      if (standIn !== undefined) {
        roleOfStandIn(standIn);
      }
    }
    if (renewed !== undefined && door.names) {
      checkRenewed(name, door.names, renewed);
    }
  }
}

/** All services that a door leads to. */
export const servicesOf = ({ service, paths = [] }: ProxyDoor): ProxyUpstream[] => [
  service,
  ...paths.map((path) => path.service),
];

/** What is known of a door once its services are there. */
interface DoorPlace {
  /** The port inside the container. */
  readonly port: number;
  readonly room: DoorLimits;
  readonly tlsOf: (service: ProxyUpstream) => UpstreamTls | undefined;
}

/** The door in the proxy's release. */
export function releaseDoor(door: ProxyDoor, { port, room, tlsOf }: DoorPlace): ReleaseDoor {
  const { service, paths, ...plain } = door;
  const upstreamOf = (to: ProxyUpstream) => {
    const tls = tlsOf(to);
    return {
      upstream: to.upstream,
      ...(to.standIn !== undefined && { standIn: to.standIn }),
      ...(tls && { tls }),
    };
  };
  return {
    ...plain,
    port,
    room,
    ...upstreamOf(service),
    ...(paths && {
      paths: paths.map(({ service: to, ...path }) => ({ ...path, ...upstreamOf(to) })),
    }),
  };
}
