/**
 * Everything that listens on the Docker host, in one table: which keys ask for it, and whose container
 * publishes it. Code that needs to know a stack's listeners takes them from here.
 */
import {
  ACME_CHALLENGE,
  COLLECTOR_DOOR,
  databaseRole,
  KAPOW,
  PROXY,
  type Role,
} from "../names/docker.ts";
import { isUnspecified } from "./addresses.ts";
import { KAPOW_ADDRESS } from "./kapow.ts";
import { type Path, valueAt } from "./path.ts";
import type { Access, Endpoint, PartialSettings, Partly, Settings } from "./types.ts";

/** The paths at which the settings have a value of a type. A stack's config has the same paths. */
type PathTo<V, T = Settings> = {
  [K in keyof T & string]-?: NonNullable<T[K]> extends V
    ? readonly [K]
    : NonNullable<T[K]> extends readonly unknown[] | string | number | boolean
      ? never
      : readonly [K, ...PathTo<V, NonNullable<T[K]>>];
}[keyof T & string];

/** The keys of one listener. */
export type ListenerKeys = { readonly role: Role } & (
  | { readonly endpoint: PathTo<Endpoint> }
  | {
      readonly address: PathTo<string>;
      /** The address where the config names none. */
      readonly fallback?: string;
      readonly port: PathTo<number>;
      /** Whether the rest of the config asks for it. @default whenever there is a port */
      readonly isAsked?: (settings: PartialSettings) => boolean;
      /** The door at the proxy that it is. */
      readonly door?: DoorKeys;
    }
);

/** A door has the name of the service behind it. */
export type DoorName = "kms" | "backend" | typeof KAPOW;

const PROXY_ADDRESS = ["proxy", "address"] as const;

/** A way through the proxy, and the key that says what it asks for. */
export interface DoorKeys {
  readonly name: DoorName;
  readonly access: PathTo<Access>;
}

export const LISTENERS: readonly ListenerKeys[] = [
  { role: "kms", endpoint: ["kms", "bind"] },
  { role: "backend", endpoint: ["backend", "bind"] },
  {
    role: PROXY,
    address: PROXY_ADDRESS,
    port: ["kms", "listen"],
    door: { name: "kms", access: ["kms", "access"] },
  },
  {
    role: PROXY,
    address: PROXY_ADDRESS,
    port: ["backend", "listen"],
    door: { name: "backend", access: ["backend", "access"] },
  },
  { role: databaseRole("kms"), endpoint: ["database", "publish", "kms"] },
  { role: databaseRole("backend"), endpoint: ["database", "publish", "backend"] },
  {
    role: PROXY,
    address: PROXY_ADDRESS,
    port: ["kapow", "door", "listen"],
    door: { name: KAPOW, access: ["kapow", "door", "access"] },
  },
  {
    role: KAPOW,
    address: ["kapow", "address"],
    fallback: KAPOW_ADDRESS,
    port: ["kapow", "listen"],
  },
  { role: PROXY, endpoint: ["proxy", "metrics"] },
  {
    role: ACME_CHALLENGE,
    address: PROXY_ADDRESS,
    port: ["certificates", "acme", "httpPort"],
    isAsked: ({ certificates }) =>
      certificates?.source === "acme" && certificates.acme?.challenge === "http",
  },
];

/** The part of the table that a config asks for. */
const askedBy = (settings: PartialSettings): readonly ListenerKeys[] =>
  LISTENERS.filter((keys) => !("isAsked" in keys) || keys.isAsked?.(settings));

export const DOORS: readonly DoorKeys[] = LISTENERS.flatMap((keys) =>
  "door" in keys && keys.door !== undefined ? [keys.door] : [],
);

/** A port that a container publishes on the Docker host. */
export interface DeclaredListener extends Endpoint {
  /** The container's role. */
  readonly role: string;
}

/** Every listener that the stack's config asks for. Nothing else in the stack may listen. */
export function declaredListeners(settings: Settings): DeclaredListener[] {
  const collectors = settings.collector.map(({ bind }) => ({ role: COLLECTOR_DOOR, ...bind }));
  const others = askedBy(settings).flatMap((keys) => {
    if ("endpoint" in keys) {
      const endpoint = valueAt(settings, keys.endpoint) as Endpoint | undefined;
      return endpoint === undefined ? [] : [{ role: keys.role, ...endpoint }];
    }
    const port = valueAt(settings, keys.port) as number | undefined;
    const address = valueAt(settings, keys.address) as string;
    return port === undefined ? [] : [{ role: keys.role, address, port }];
  });
  return [...others, ...collectors];
}

/** A way through the proxy to a service. */
export interface Door {
  readonly name: DoorName;
  /** The path of its own part of the config. */
  readonly path: Path;
  /** The proxy's port. */
  readonly port: number;
  readonly access: Access;
}

/** The doors that the stack's config asks for. */
export function doorsOf(settings: Settings): Door[] {
  return LISTENERS.flatMap((keys) => {
    const door = "door" in keys ? keys.door : undefined;
    const port = "port" in keys ? valueAt(settings, keys.port) : undefined;
    if (door === undefined || port === undefined) {
      return [];
    }
    const access = valueAt(settings, door.access) as Access;
    return [{ name: door.name, path: door.access.slice(0, -1), port: port as number, access }];
  });
}

/** A listener in a config that hasn't been validated yet, and the key that asks for it. */
export interface Listener {
  readonly path: Path;
  /** An IP address, or undefined if it isn't known: all unknown addresses count as the same. */
  readonly address: string | undefined;
  readonly port: number;
}

/** Every listener that a configuration asks for, as far as it can be read: those on loopback first. */
export function listenersIn(settings: PartialSettings): Listener[] {
  const endpoints: Listener[] = [];
  const others: Listener[] = [];
  for (const keys of askedBy(settings)) {
    if ("endpoint" in keys) {
      const { address, port } = (valueAt(settings, keys.endpoint) ?? {}) as Partly<Endpoint>;
      if (port !== undefined) {
        endpoints.push({ path: keys.endpoint, address, port });
      }
      continue;
    }
    const port = valueAt(settings, keys.port) as number | undefined;
    const address = valueAt(settings, keys.address) as string | undefined;
    if (port !== undefined) {
      others.push({ path: keys.port, address, port });
    }
  }
  (settings.collector ?? []).forEach((collector, index) => {
    const { address, port } = collector?.bind ?? {};
    if (port !== undefined) {
      others.push({ path: ["collector", index, "bind"], address, port });
    }
  });
  return [...endpoints, ...others];
}

/** Two listeners, the second of which can't start. */
export interface Clash {
  readonly first: Listener;
  readonly second: Listener;
}

/** Each listener that clashes with an earlier one. */
export function clashes(listeners: readonly Listener[]): Clash[] {
  return listeners.flatMap((second, index) => {
    const first = listeners.slice(0, index).find((earlier) => clash(earlier, second));
    return first === undefined ? [] : [{ first, second }];
  });
}

type Place = Pick<Listener, "address" | "port">;

/** Whether two can't listen at once: same port, and same address or one that means every address. */
export function clash(a: Place, b: Place): boolean {
  return (
    a.port === b.port &&
    (a.address === b.address || isUnspecified(a.address) || isUnspecified(b.address))
  );
}
