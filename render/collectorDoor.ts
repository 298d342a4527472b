/**
 * A collector's door: a small Nginx that hands on TCP connections, records to the collector and the collector's
 * calls to the proxy.
 *
 * Two files in its /tmp say what it does now, and a reload makes it do so. A reload keeps the listening sockets
 * and the connections that are under way.
 */
import { HOST_NAME, matching, wholeNumber } from "./check.ts";
import { listeningHealthCheck } from "./tcpTable.ts";

/** The port at which a collector listens. It is fixed in its code. */
export const COLLECTOR_PORT = 8080;

/** The host name of the proxy in the network that it shares with the doors. */
export const PROXY_HOST = "proxy";

/** Where its configuration is in the container. */
export const DOOR_CONFIG = "/nginx-door.conf";

/** Who gets the records: in it is `COLLECTOR_HOST`, or the stand-in's name. */
export const TARGET_FILE = "/tmp/door-target.conf";
/** How many workers there are. Without any, connections wait in the kernel: a door on hold. */
export const WORKERS_FILE = "/tmp/door-workers.conf";
/** The second at which a hold ends by itself, so that a run that is killed leaves no closed door. */
export const HELD_FILE = "/tmp/door-held";

/** The host name of the collector in the network that it shares with its door. */
export const COLLECTOR_HOST = "collector";

const WORKERS = 2;

/** Connections that wait while the door is on hold. The kernel of a container allows no more by default. */
export const WAITING = 4096;

export const workersText = (held: boolean): string => `worker_processes ${held ? 0 : WORKERS};\n`;

export const targetText = (host: string): string =>
  `map "" $collector { default ${matching("the collector's host", host, HOST_NAME, "a host name")}:${COLLECTOR_PORT}; }\n`;

/** A way to the proxy. */
export interface DoorWay {
  /** The port that the collector calls: that of the URL. */
  readonly port: number;
  /** The port at which the proxy listens in its container. */
  readonly internal: number;
}

export interface CollectorDoorConfig {
  readonly ways: readonly DoorWay[];
  /** Seconds that connections of before a reload may still take. */
  readonly drainSeconds: number;
}

/** The port for records in the door's container: none of those that the collector calls. */
export function recordPort(ways: readonly DoorWay[]): number {
  const taken = ways.map(({ port }) => port);
  return [6000, 6001, 6002, 6003, 6004].find((port) => !taken.includes(port)) ?? 6005;
}

/** Seconds after which a shipper that says nothing is given up: it keeps one of the collector's threads. */
const SILENCE = 600;
/** More than a service may take to answer: the proxy says so first. */
const ANSWER = 3660;

/** The stream module's own file, where it is loaded at run time: Debian's, Alpine's and Fedora's. Patterns may match nothing. */
export const STREAM_MODULE = [
  "/etc/nginx/modules-enabled/*mod-stream.conf",
  "/etc/nginx/modules/*stream.conf",
  "/usr/share/nginx/modules/mod-stream.con[f]",
]
  .map((path) => `include ${path};\n`)
  .join("");

export function renderCollectorDoor({ ways, drainSeconds }: CollectorDoorConfig): string {
  const seconds = wholeNumber("the time to drain", drainSeconds, 1, 3600);
  return `\
${STREAM_MODULE}daemon off;
pid /tmp/nginx.pid;
error_log stderr error;
include ${WORKERS_FILE};
worker_shutdown_timeout ${seconds}s;
events {
    worker_connections 8192;
}
stream {
    # Asked for each connection, because a container that is replaced gets another address.
    resolver 127.0.0.11 valid=1s ipv6=off;
    resolver_timeout 10s;
    include ${TARGET_FILE};
    map "" $proxy { default ${PROXY_HOST}; }
    server {
        listen ${recordPort(ways)} backlog=${WAITING};
        proxy_pass $collector;
        # A shipper that ends its record and waits learns when the collector has finished with it.
        proxy_half_close on;
        proxy_connect_timeout 60s;
        proxy_timeout ${SILENCE}s;
    }
${ways.map(wayServer).join("")}}
`;
}

function wayServer({ port, internal }: DoorWay): string {
  return `\
    server {
        listen ${wholeNumber("a port of the proxy", port, 1, 65_535)} backlog=${WAITING};
        proxy_pass $proxy:${wholeNumber("a port of the proxy", internal, 1, 65_535)};
        proxy_connect_timeout 60s;
        proxy_timeout ${ANSWER}s;
    }
`;
}

/** Opens a door on hold whose time is over: $(cat) is not in every image, so the shell reads. */
const END_HOLD = `\
if [ -e ${HELD_FILE} ]; then
  read -r end < ${HELD_FILE}
  if [ "$(date +%s)" -ge "\${end:-0}" ]; then
    printf '%s\\n' '${workersText(false).trim()}' > ${WORKERS_FILE}
    rm -f ${HELD_FILE}
    nginx -q -e stderr -c ${DOOR_CONFIG} -s reload
  fi
fi
`;

export function doorHealthCheck(ways: readonly DoorWay[]): string[] {
  return listeningHealthCheck(recordPort(ways), END_HOLD);
}

/** Starts it with what it does by default. A restart of the container ends a hold and a handover. */
export const DOOR_ENTRYPOINT: readonly string[] = [
  "sh",
  "-c",
  `printf '%s' "$1" > ${WORKERS_FILE}; printf '%s' "$2" > ${TARGET_FILE}; exec nginx -e stderr -c ${DOOR_CONFIG}`,
  "door",
  workersText(false),
  targetText(COLLECTOR_HOST),
];
