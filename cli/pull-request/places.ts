/** Decides where a rehearsal listens: at the real stack's addresses and ports if they are free here. */
import { createHash, randomInt } from "node:crypto";
import { UserError } from "../../programs/errors.ts";
import { endpointText, isLoopback, isUnspecified } from "../../settings/addresses.ts";
import type { Endpoint } from "../../settings/types.ts";
import { tryToListen } from "../../stack/preflight.ts";
import type { Place } from "./listeners.ts";

/** Maps original addresses and ports to rehearsed ones, and back. */
export interface Places {
  readonly place: Place;
  /** The original of what a rehearsed container publishes. Anything else is returned unchanged. */
  original(placed: Endpoint): Endpoint;
  /** Puts the original addresses into a text. */
  translate(text: string): string;
}

/**
 * Finds an address and port for each listener. Loopback and unspecified addresses (0.0.0.0, ::) stay as
 * they are. Any other becomes a loopback address of its own, even if this machine has it, because nobody
 * else may reach a rehearsal. A port that is taken becomes a free one.
 */
export async function findPlaces(originals: readonly Endpoint[]): Promise<Places> {
  const addresses = new Map<string, string>();
  const placed = new Map<string, Endpoint>();
  const taken = new Set<string>();
  for (const original of originals) {
    if (placed.has(endpointText(original))) {
      continue;
    }
    const address = addresses.get(original.address) ?? (await addressFor(original.address));
    addresses.set(original.address, address);
    const wanted = { address, port: original.port };
    const free =
      !taken.has(endpointText(wanted)) && (await tryToListen(address, original.port)) === undefined;
    const place = free ? wanted : { address, port: await freePort(address) };
    taken.add(endpointText(place));
    placed.set(endpointText(original), place);
  }
  return placesOf(originals, addresses, placed);
}

function placesOf(
  originals: readonly Endpoint[],
  addresses: ReadonlyMap<string, string>,
  placed: ReadonlyMap<string, Endpoint>,
): Places {
  const back = new Map<string, Endpoint>();
  const ports = new Map<number, number>();
  for (const original of originals) {
    const place = placed.get(endpointText(original)) ?? original;
    back.set(endpointText(place), original);
    ports.set(place.port, original.port);
  }
  // A text may also mention 127.0.0.1 itself, so that one is not translated.
  const moved = [...addresses].filter(([from, to]) => from !== to && to !== "127.0.0.1");
  return {
    place: (original) => placed.get(endpointText(original)) ?? original,
    original: (place) =>
      back.get(endpointText(place)) ?? {
        address: moved.find(([, to]) => to === place.address)?.[0] ?? place.address,
        port: ports.get(place.port) ?? place.port,
      },
    translate: (text) =>
      moved.reduce(
        (rest, [from, to]) =>
          rest.replace(new RegExp(`(?<![\\d.])${to.replaceAll(".", "\\.")}(?!\\d)`, "g"), from),
        text,
      ),
  };
}

async function addressFor(original: string): Promise<string> {
  const candidates = [
    ...(isLoopback(original) || isUnspecified(original) ? [original] : []),
    loopbackFor(original),
  ];
  for (const candidate of candidates) {
    if ((await tryToListen(candidate, 0)) === undefined) {
      return candidate;
    }
  }
  // macOS has only one loopback address.
  return "127.0.0.1";
}

/** A loopback address for another one: the same each time, and very likely different for two. */
export function loopbackFor(address: string): string {
  const [a = 0, b = 0, c = 0] = createHash("sha256").update(address).digest();
  return `127.${64 + (a % 64)}.${b}.${1 + (c % 254)}`;
}

/** A free port below those that the system uses for outgoing connections, which could take it before us. */
async function freePort(address: string): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 32_768);
    const trouble = await tryToListen(address, port);
    if (trouble === undefined) {
      return port;
    }
    if (trouble !== "EADDRINUSE") {
      throw new UserError(`nothing can listen at ${address} on this machine (${trouble})`);
    }
  }
}
