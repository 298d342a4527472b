/** The listeners in a stack's config, before it is read: what is not well-formed is left to the program. */
import { parseLoopbackEndpoint } from "../../settings/addresses.ts";
import { Fault } from "../../settings/fault.ts";
import type { Endpoint } from "../../settings/types.ts";
import { endpoint } from "../preview/words.ts";

/** A config as it stands in the stack's file, by keys. */
export type Map = Record<string, unknown>;

/** Where something listens in a rehearsal that listens at `original` in the real stack. */
export type Place = (original: Endpoint) => Endpoint;

/** Every listener that a config asks for, as far as it is well-formed. */
export function endpointsOf(config: Map): Endpoint[] {
  const found: Endpoint[] = [];
  placeAll(structuredClone(config), (original) => {
    found.push(original);
    return original;
  });
  return found;
}

/** The name that callers call, and where that is in a rehearsal. */
export function hostsOf(config: Map, place: Place): Record<string, string> {
  const { serverName, address } = mapAt(config, "cybexp:proxy");
  const port = Number(mapAt(config, "cybexp:kms")["listen"]);
  if (typeof serverName !== "string" || typeof address !== "string") {
    return {};
  }
  const placed = place({ address, port }).address;
  const reachable: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };
  return { [serverName.toLowerCase()]: reachable[placed] ?? placed };
}

/** Edits the addresses and ports in a config. What is not well-formed stays, for the program to report. */
export function placeAll(config: Map, place: Place): void {
  for (const service of [config["cybexp:kms"], config["cybexp:backend"]]) {
    placeText(service, "bind", place);
  }
  const publish = mapAt(config["cybexp:database"], "publish");
  Object.keys(publish).forEach((name) => placeText(publish, name, place));
  const doors = [
    config["cybexp:kms"],
    config["cybexp:backend"],
    (config["cybexp:kapow"] as Map | undefined)?.["door"],
  ];
  placePorts(config["cybexp:proxy"], doors, place);
  placePorts(config["cybexp:kapow"], [config["cybexp:kapow"]], place, "127.0.0.1");
}

function placeText(map: unknown, key: string, place: Place): void {
  const parsed = parseLoopbackEndpoint((map as Map | undefined)?.[key]);
  if (!(parsed instanceof Fault)) {
    (map as Map)[key] = endpoint(place(parsed));
  }
}

/** One address, and a port in each of some other maps. */
function placePorts(
  host: unknown,
  listening: readonly unknown[],
  place: Place,
  fallback?: string,
): void {
  const address = (host as Map | undefined)?.["address"] ?? fallback;
  if (host === undefined || typeof address !== "string") {
    return;
  }
  for (const map of listening as (Map | undefined)[]) {
    const port = Number(map?.["listen"]);
    if (map !== undefined && Number.isInteger(port) && port > 0) {
      const placed = place({ address, port });
      map["listen"] = placed.port;
      (host as Map)["address"] = placed.address;
    }
  }
}

/** The map at a key; empty where there is none. */
export function mapAt(value: unknown, key: string): Map {
  const found = (value as Map | null | undefined)?.[key];
  return typeof found === "object" && found !== null ? (found as Map) : {};
}
