/** Ports that the stack's containers already hold when an `up` assigns them. */
import { KAPOW, PROXY } from "../names/docker.ts";
import { clash, type DeclaredListener } from "./listeners.ts";

/**
 * Who holds the port that a container wants to listen on:
 *
 * - `nobody`: no container of the stack;
 * - `itself`: the container, or one that has released it by then (services are replaced before the proxy);
 * - the role of a container that still holds the port when it is needed.
 */
export function holderOf(
  wanted: DeclaredListener,
  held: readonly DeclaredListener[],
): "nobody" | "itself" | { readonly role: string } {
  const holders = held.filter((listener) => clash(wanted, listener));
  if (holders.length === 0) {
    return "nobody";
  }
  const late = holders.find(
    ({ role }) => role !== wanted.role && (wanted.role !== PROXY || role === KAPOW),
  );
  return late === undefined ? "itself" : { role: late.role };
}
