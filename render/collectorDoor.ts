/**
 * A collector's door and gate: a small program that takes records and hands them on, and passes the collector's
 * calls to the proxy. It waits where the other side is away, which Nginx's stream module can't, and gives the
 * collector no more at once than it works on: what waits in the collector's own queue would have to be stored
 * before it can be replaced.
 *
 * There are two of them because Docker can't take a published port from a container that has another network left:
 * it moves the port there. The door has one network, so its port can be closed, and what it has taken is at the
 * gate.
 */
import { collectorDoorProgram } from "./collectorDoorProgram.ts";
import { HOST_NAME, matching, wholeNumber } from "./check.ts";

/** The port at which a collector listens. It is fixed in its code. */
export const COLLECTOR_PORT = 8080;

/** The host name of the collector in the network that it shares with its door. */
export const COLLECTOR_HOST = "collector";

/** The host name of the gate in the network that it shares with the door. */
export const GATE_HOST = "gate";
/** Where the gate takes records from the door; the door takes them there, too. */
export const RECORD_PORT = 6000;

/** The files in its container. */
export const DOOR_PROGRAM = "/door.py";
export const DOOR_CONFIG = "/door.json";

/** Who gets the records: a host's name in it. If the file is not there, the collector's own container does. */
export const TARGET_FILE = "/tmp/target";

/** What it is at, as `DoorStatus` in JSON. */
export const STATUS_FILE = "/tmp/status";

/** At this signal it takes no more records, and goes on with those that it has. */
export const NO_MORE = "USR1";

export interface DoorStatus {
  /** Records that it has, wholly or in part, and that the collector has not finished with. */
  readonly records: number;
  /** How many of them are with each host. */
  readonly at: Readonly<Record<string, number>>;
  /** When the oldest of those that it has wholly came, in seconds since 1970; null if there is none. */
  readonly since: number | null;
  /** Whether the last one that it wanted to hand on was not taken. */
  readonly failing: boolean;
}

/** A way to the proxy. */
export interface DoorWay {
  /** The port that the collector calls: that of the URL. */
  readonly port: number;
  /** The port at which the proxy listens in its container. */
  readonly internal: number;
}

/** The port for records in the gate's container: none of those that the collector calls. */
export function recordPort(ways: readonly DoorWay[]): number {
  const taken = ways.map(({ port }) => port);
  const free = [RECORD_PORT, 6001, 6002, 6003].find((port) => !taken.includes(port));
  if (free === undefined) {
    throw new RangeError("the proxy listens on 6000 to 6003, so that the gate has no port left");
  }
  return free;
}

/** Beside those that the collector works on, so that it never has to wait for one. */
const SPARE = 2;

/** A gate takes all at once, so that it has what its door has taken. */
const ALL = 5000;

const files = (config: object): Record<string, string> => ({
  [DOOR_PROGRAM]: collectorDoorProgram,
  [DOOR_CONFIG]: `${JSON.stringify({ ...config, targetFile: TARGET_FILE, statusFile: STATUS_FILE })}\n`,
});

export function doorFiles(ways: readonly DoorWay[]): Record<string, string> {
  return files({
    records: RECORD_PORT,
    next: { host: GATE_HOST, port: recordPort(ways), says: true },
    says: false,
    turns: ALL,
    ways: [],
  });
}

/** @param workers How many records the collector works on at once. */
export function gateFiles(
  { host, ways }: { readonly host: string; readonly ways: readonly DoorWay[] },
  workers: number,
): Record<string, string> {
  const port = (number: number) => wholeNumber("a port of the proxy", number, 1, 65_535);
  return files({
    records: recordPort(ways),
    next: { host: COLLECTOR_HOST, port: COLLECTOR_PORT, says: false },
    says: true,
    turns: wholeNumber("the collector's threads", workers, 1, 1000) + SPARE,
    proxy: matching("the proxy's name", host, HOST_NAME, "a host name"),
    ways: ways.map((way) => [port(way.port), port(way.internal)]),
  });
}

/** What to write into `TARGET_FILE`. */
export const targetText = (host: string): string =>
  matching("the collector's host", host, HOST_NAME, "a host name");

export const DOOR_ENTRYPOINT: readonly string[] = [
  "python3",
  "-I",
  "-u",
  DOOR_PROGRAM,
  DOOR_CONFIG,
];
