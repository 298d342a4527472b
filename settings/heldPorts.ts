/** Ports that containers of the stack hold already, while an `up` gives them to this one or that. */
import { KAPOW, PROXY } from "../names/docker.ts";
import { clash, type DeclaredListener } from "./listeners.ts";

/**
 * Who holds the port that a container is to listen at:
 *
 * - `nobody` of the stack's own;
 * - `itself`, or one that has given it up by then: the services are replaced before the proxy;
 * - the role of the one that still holds it when it is needed.
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
