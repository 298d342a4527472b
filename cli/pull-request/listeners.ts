/** Finds the listeners in a raw stack config. The program reports what is not well-formed. */
import {
  callableAt,
  endpointText,
  isLoopback,
  parseEndpoint,
  parseLoopbackEndpoint,
} from "../../settings/addresses.ts";
import { COLLECTOR_BIND } from "../../settings/collector.ts";
import { Fault } from "../../settings/fault.ts";
import { type ListenerKeys, LISTENERS } from "../../settings/listeners.ts";
import { inFile, valueAt } from "../../settings/path.ts";
import type { Endpoint } from "../../settings/types.ts";

/** A config in the stack's file, by keys. */
export type Map = Record<string, unknown>;

/** Maps an address and port of the real stack to those of the rehearsal. */
export type Place = (original: Endpoint) => Endpoint;

/** Every well-formed listener in a config. */
export function endpointsOf(config: Map): Endpoint[] {
  const found: Endpoint[] = [];
  placeAll(structuredClone(config), (original) => {
    found.push(original);
    return original;
  });
  return found;
}

/** The names that callers use, with their addresses in a rehearsal. */
export function hostsOf(config: Map, place: Place): Record<string, string> {
  const { serverName, serverNames, address } = mapAt(config, "cybexp:proxy");
  const port = Number(mapAt(config, "cybexp:kms")["listen"]);
  if (typeof serverName !== "string" || typeof address !== "string") {
    return {};
  }
  const placed = callableAt(place({ address, port }).address);
  const names = [serverName, ...(Array.isArray(serverNames) ? (serverNames as unknown[]) : [])];
  return Object.fromEntries(names.map((name) => [String(name).toLowerCase(), placed]));
}

/** Edits the addresses and ports in a config. What is not well-formed stays, so that the program reports it. */
export function placeAll(config: Map, place: Place): void {
  // Read all before writing any, because the proxy's listeners share its address.
  const found = LISTENERS.flatMap((keys) => {
    // A rehearsal makes its certificates itself.
    const original = "isAsked" in keys ? undefined : originalOf(config, keys);
    return original === undefined ? [] : [{ keys, original }];
  });
  const collectors = mapsAt(config, "cybexp:collector").flatMap((collector) => {
    const original = collectorAt(collector);
    return original === undefined ? [] : [{ collector, original }];
  });
  for (const { collector, original } of collectors) {
    collector["bind"] = endpointText(place(original));
  }
  for (const { keys, original } of found) {
    const placed = place(original);
    if ("endpoint" in keys) {
      setAt(config, keys.endpoint, endpointText(placed));
    } else {
      setAt(config, keys.port, placed.port);
      setAt(config, keys.address, placed.address);
    }
  }
}

function originalOf(config: Map, keys: ListenerKeys): Endpoint | undefined {
  if ("endpoint" in keys) {
    const parsed = parseLoopbackEndpoint(valueAt(config, inFile(keys.endpoint)));
    return parsed instanceof Fault ? undefined : parsed;
  }
  const address = valueAt(config, inFile(keys.address)) ?? keys.fallback;
  const port = Number(valueAt(config, inFile(keys.port)));
  return typeof address === "string" && Number.isInteger(port) && port > 0
    ? { address, port }
    : undefined;
}

/** Where a collector takes records. An address that it may not have stays. */
function collectorAt({ bind, expose }: Map): Endpoint | undefined {
  const parsed = bind === undefined ? COLLECTOR_BIND : parseEndpoint(bind);
  return parsed instanceof Fault || !(isLoopback(parsed.address) || String(expose) === "true")
    ? undefined
    : parsed;
}

function setAt(config: Map, path: readonly string[], value: unknown): void {
  const place = inFile(path);
  const map = valueAt(config, place.slice(0, -1)) as Map;
  map[String(place.at(-1))] = value;
}

/** The map at a key; empty if there is none. */
export function mapAt(value: unknown, key: string): Map {
  const found = (value as Map | null | undefined)?.[key];
  return typeof found === "object" && found !== null ? (found as Map) : {};
}

/** The maps at a key that has one, or a list of them. */
export function mapsAt(config: Map, key: string): Map[] {
  return [config[key]]
    .flat()
    .filter((found): found is Map => typeof found === "object" && found !== null);
}
