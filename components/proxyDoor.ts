/** The doors of the proxy, as a program asks for them. */
import type * as pulumi from "@pulumi/pulumi";
import { isIP } from "node:net";
import { matching, wholeNumber } from "../render/check.ts";
import { type CallerHeaders, callerHeaders, checkRealm } from "../render/callerHeaders.ts";
import { checkMetricsPrefix } from "../render/certificateMetrics.ts";
import { checkDoorNames, checkRenewed } from "../render/doorNames.ts";
import { checkTraffic, type DoorTraffic } from "../render/doorTraffic.ts";
import { MAX_BODY, MAX_BODY_ALLOWED } from "../render/nginx.ts";
import { checkPaths } from "../render/nginxPaths.ts";
import type { ReleaseDoor, UpstreamTls } from "../render/proxyRelease.ts";
import { checkServerNames } from "../render/serverNames.ts";
import { checkDoorName, roleOfStandIn } from "../render/standIn.ts";
import type { DoorLimits } from "../settings/limits.ts";
import type { Access } from "../settings/types.ts";

/** What the proxy needs to know about a service. */
export interface ProxyUpstream extends pulumi.Resource {
  /** The network that it shares with the proxy. */
  readonly network: pulumi.Output<string>;
  /** `host:port` in that network. */
  readonly upstream: pulumi.Input<string>;
  /** The same while the container is replaced. If absent, nothing serves in that time. */
  readonly standIn?: pulumi.Input<string>;
  /** Its container; a `SmokeCheck` runs again for another one. */
  readonly containerId?: pulumi.Input<string>;
  /** How to call it if it speaks TLS; plain HTTP if absent. */
  readonly tls?: pulumi.Output<UpstreamTls>;
}

/** A part of a door, below one path, that leads to a service of its own. */
export interface DoorPath {
  /** It begins and ends with `/`, such as `/app/`. Of two that fit a request, the longer one decides. */
  readonly path: pulumi.Input<`/${string}/`>;
  readonly service: ProxyUpstream;
  /**
   * Whether the service gets the path without this beginning: `/app/search` as `/search`. It then gets
   * `X-Forwarded-Prefix: /app`, and the proxy adds the beginning to its redirects and to the paths of its cookies,
   * where it is missing. A request that spells the beginning in another way, such as `/%61pp/`, gets 404.
   *
   * @default false
   */
  readonly stripPrefix?: pulumi.Input<boolean>;
}

/** `DoorTraffic`, each value of which may be known late. */
export type LateTraffic = {
  readonly [K in keyof DoorTraffic]: K extends "headers"
    ? pulumi.Input<Readonly<Record<string, pulumi.Input<string>>>>
    : pulumi.Input<NonNullable<DoorTraffic[K]>>;
};

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
export interface ProxyDoor extends LateTraffic {
  /** Lower-case letters, digits and `-`; in the proxy's log and refusals. The service's role, if it has one. */
  readonly name: string;
  /**
   * The port where the network reaches it. Doors with different `names` may share one. Plain, because it decides how
   * many ports there are.
   */
  readonly listen: number;
  /**
   * The names by which it is called: host names, wildcards such as `*.example.edu`, IP addresses. The proxy's
   * certificate must be for each of them. A name comes before a wildcard that includes it.
   *
   * @default the proxy's `serverName` and `serverNames`
   */
  readonly names?: pulumi.Input<readonly pulumi.Input<string>[]>;
  readonly service: ProxyUpstream;
  /** Paths that lead to other services. Whoever may call the door may call them. @default none */
  readonly paths?: readonly DoorPath[];
  /** What callers need: the `password`, the `certificate`, `either` of them, or `both`. */
  readonly access: pulumi.Input<Access>;
  /** The largest request body, in bytes, or in k, m or g of 1024, such as `20m`. */
  readonly maxBody: pulumi.Input<string>;
  /**
   * How much gets through at once, to all services of the door together. Beyond it, a request is refused with 503, and a body of 100 kB or more
   * waits in the proxy. @default 480 requests, 4 such bodies
   */
  readonly room?: pulumi.Input<DoorLimits>;
}

/** A service, once its place is known. */
interface KnownUpstream {
  readonly upstream: string;
  readonly standIn?: string;
}

/** A door, once all of its values are known, without what its services need for TLS. */
export interface KnownDoor extends DoorTraffic, KnownUpstream {
  readonly name: string;
  readonly listen: number;
  readonly names?: readonly string[];
  readonly access: Access;
  readonly maxBody: string;
  readonly paths?: readonly (KnownUpstream & {
    readonly path: string;
    readonly stripPrefix?: boolean;
  })[];
}

const placeOf = ({ upstream, standIn }: ProxyUpstream) => ({
  upstream,
  ...(standIn !== undefined && { standIn }),
});

/** What a door says, without resources: plain where the program's own values are. */
export function valuesOf(door: ProxyDoor) {
  const { service, paths, room: _, ...values } = door;
  return {
    ...values,
    ...placeOf(service),
    ...(paths && {
      paths: paths.map(({ service: to, ...path }) => ({ ...path, ...placeOf(to) })),
    }),
  };
}

/** All services that a door leads to. */
export const servicesOf = ({ service, paths = [] }: ProxyDoor): ProxyUpstream[] => [
  service,
  ...paths.map((path) => path.service),
];

/** What a proxy and its doors say. */
export interface KnownValues {
  /** The proxy's own names. */
  readonly names: readonly string[];
  readonly doors: readonly KnownDoor[];
  /** Where it listens. */
  readonly address: string;
  readonly readTimeout: number;
  readonly shutdownTimeout: number;
  readonly realm: string;
  readonly callerHeaders?: CallerHeaders;
  readonly metricsPrefix: string;
}

/**
 * Looks at what a proxy and its doors say.
 *
 * @param renewed What its certificate is for, if a container renews it.
 * @throws RangeError for a value that can't be, and for a name or path that leads to two services
 */
export function checkValues(values: KnownValues, renewed: readonly string[] | undefined): void {
  if (isIP(values.address) === 0) {
    throw new RangeError(
      `the proxy's address is ${JSON.stringify(values.address)}, but must be an IP address of the Docker host`,
    );
  }
  wholeNumber("the read time-out", values.readTimeout, 1, 86_400);
  wholeNumber("the shutdown time-out", values.shutdownTimeout, 1, 86_400);
  checkRealm(values.realm);
  callerHeaders(values.callerHeaders);
  checkMetricsPrefix(values.metricsPrefix);
  checkDoors(values.doors, values.names, renewed);
}

/** The same of the doors alone. */
export function checkDoors(
  doors: readonly KnownDoor[],
  names: readonly string[],
  renewed: readonly string[] | undefined,
): void {
  checkServerNames(names);
  checkDoorNames(
    doors.map((door) => ({ name: door.name, port: door.listen, names: door.names ?? names })),
  );
  for (const { name, standIn, paths = [], ...door } of doors) {
    matching(
      `the access of ${name}`,
      door.access,
      /^(password|certificate|either|both)$/,
      "password, certificate, either or both",
    );
    matching(`the largest body of ${name}`, door.maxBody, MAX_BODY, MAX_BODY_ALLOWED);
    if (standIn !== undefined) {
      checkDoorName(name, standIn);
    }
    checkTraffic(name, door);
    checkPaths(name, paths);
    for (const path of paths) {
      if (path.standIn !== undefined) {
        roleOfStandIn(path.standIn);
      }
    }
    if (renewed !== undefined && door.names) {
      checkRenewed(name, door.names, renewed);
    }
  }
}

/** What is known of a door once its services are there. */
interface DoorPlace {
  /** The port inside the container. */
  readonly port: number;
  readonly room: DoorLimits;
  /** For its service, and for those of its paths. */
  readonly tls: readonly (UpstreamTls | undefined)[];
}

/** The door in the proxy's release. */
export function releaseDoor(door: KnownDoor, { port, room, tls }: DoorPlace): ReleaseDoor {
  const { paths, ...plain } = door;
  const [own, ...others] = tls;
  return {
    ...plain,
    port,
    room,
    ...(own && { tls: own }),
    ...(paths && {
      paths: paths.map((path, index) => {
        const shown = others[index];
        return { ...path, ...(shown && { tls: shown }) };
      }),
    }),
  };
}
