/** How a module's container reaches the proxy by its name. */
import { isLoopback, isUnspecified } from "../../settings/addresses.ts";

/** What is known about the proxy's name where the command runs. */
export interface Resolution {
  /** `proxy.serverName`. */
  readonly serverName: string;
  /** `proxy.address`: where the proxy listens on the Docker host. */
  readonly address: string;
  /** The addresses that the DNS has for the name. Containers ask the DNS alone. */
  readonly dns: readonly string[];
  /** The addresses that this machine has for it, from /etc/hosts, too. */
  readonly here: readonly string[];
}

export type Route =
  /** By the name, as it is. */
  | { readonly kind: "name" }
  /** By an address that goes with the name into the container's /etc/hosts. */
  | { readonly kind: "address"; readonly name: string; readonly address: string }
  /** Through the Docker host's own network: the proxy listens on loopback. */
  | { readonly kind: "host"; readonly name?: string; readonly address?: string }
  /** Nobody here knows the name's address. */
  | { readonly kind: "unknown"; readonly name: string };

export function routeTo({ serverName, address, dns, here }: Resolution): Route {
  if (serverName === "localhost") {
    return { kind: "host" };
  }
  // A container has a loopback of its own.
  if (dns.some((found) => !isLoopback(found))) {
    return { kind: "name" };
  }
  if (isLoopback(address)) {
    return { kind: "host", name: serverName, address };
  }
  const [local] = here;
  if (local !== undefined) {
    return isLoopback(local)
      ? { kind: "host", name: serverName, address: local }
      : { kind: "address", name: serverName, address: local };
  }
  return isUnspecified(address)
    ? { kind: "unknown", name: serverName }
    : { kind: "address", name: serverName, address };
}

/** The options of `docker run`. */
export function routeOptions(route: Route): string[] {
  const entry =
    "address" in route && route.address !== undefined
      ? [`--add-host=${route.name}:${route.address}`]
      : [];
  return route.kind === "host" ? ["--network=host", ...entry] : entry;
}
