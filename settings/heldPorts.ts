/** Ports that the stack's containers already hold when an `up` assigns them. */
import { ACME_CHALLENGE, COLLECTOR_DOOR, KAPOW, PROXY, type Role } from "../names/docker.ts";
import { clash, type DeclaredListener } from "./listeners.ts";

/**
 * Who holds the port that a container wants to listen on:
 *
 * - `nobody`: no container of the stack;
 * - `itself`: the container, or one that has released it by then (services are replaced before the proxy, and
 *   the proxy before the doors of collectors and the server that answers an ACME authority);
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
  const early = EARLIER[wanted.role] ?? (() => false);
  const late = holders.find(({ role }) => role !== wanted.role && !early(role));
  return late === undefined ? "itself" : { role: late.role };
}

/** Whether a container of another role is replaced before one of this role. */
const EARLIER: Readonly<Partial<Record<string, (role: string) => boolean>>> = {
  [PROXY]: (role) => role !== KAPOW && role !== ACME_CHALLENGE && role !== COLLECTOR_DOOR,
  [ACME_CHALLENGE]: (role) => role !== KAPOW && role !== COLLECTOR_DOOR,
  [COLLECTOR_DOOR]: (role) => role !== KAPOW && role !== ACME_CHALLENGE,
} satisfies Partial<Record<Role, (role: string) => boolean>>;
