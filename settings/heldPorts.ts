/** Ports that containers of the stack hold already, while an `up` gives them to this one or that. */
import { isUnspecified } from "./addresses.ts";
import type { DeclaredListener } from "./declaredListeners.ts";

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
    ({ role }) => role !== wanted.role && (wanted.role !== "proxy" || role === "kapow"),
  );
  return late === undefined ? "itself" : { role: late.role };
}

function clash(a: DeclaredListener, b: DeclaredListener): boolean {
  return (
    a.port === b.port &&
    (a.address === b.address || isUnspecified(a.address) || isUnspecified(b.address))
  );
}
