import { rootsOf } from "./publicAuthorities.ts";
import type { Settings } from "./types.ts";

/**
 * PEM: what callers verify servers by. The union of all that may have signed a certificate of the stack's servers,
 * whichever source is chosen now: it can be handed out before the source is switched.
 *
 * @param own The stack's own authorities, PEM.
 */
export function trustedAuthorities(
  { certificates: { authorities = "", acme } }: Pick<Settings, "certificates">,
  own: string,
): string {
  const parts = [own, authorities, ...(acme === undefined ? [] : rootsOf(acme.directory))];
  return parts
    .map((pem) => pem.trim())
    .filter((pem) => pem !== "")
    .map((pem) => `${pem}\n`)
    .join("");
}
