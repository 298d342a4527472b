/** The listeners in a stack's config, before it is read: what is not well-formed is left to the program. */
import { callableAt, endpointText, parseLoopbackEndpoint } from "../../settings/addresses.ts";
import { Fault } from "../../settings/fault.ts";
import { type ListenerKeys, LISTENERS } from "../../settings/listeners.ts";
import { valueAt } from "../../settings/path.ts";
import type { Endpoint } from "../../settings/types.ts";

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

/** The names that callers call, and where that is in a rehearsal. */
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

/** Edits the addresses and ports in a config. What is not well-formed stays, for the program to report. */
export function placeAll(config: Map, place: Place): void {
  // All are read before the first is written: the proxy's listeners share its address.
  const found = LISTENERS.flatMap((keys) => {
    // A rehearsal makes its certificates itself.
    const original = "isAsked" in keys ? undefined : originalOf(config, keys);
    return original === undefined ? [] : [{ keys, original }];
  });
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

/** The path of a setting in a stack's file. */
const inFile = ([first = "", ...rest]: readonly string[]): string[] => [`cybexp:${first}`, ...rest];

function setAt(config: Map, path: readonly string[], value: unknown): void {
  const place = inFile(path);
  const map = valueAt(config, place.slice(0, -1)) as Map;
  map[place.at(-1) ?? ""] = value;
}

/** The map at a key; empty where there is none. */
export function mapAt(value: unknown, key: string): Map {
  const found = (value as Map | null | undefined)?.[key];
  return typeof found === "object" && found !== null ? (found as Map) : {};
}
