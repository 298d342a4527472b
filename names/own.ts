/**
 * What this stack calls itself where callers, services and operators see it. The package's own defaults name nobody.
 */

/** What browsers show when they ask for a password. */
export const OWN_REALM = "CYBEX-P";
/** The organization in the subjects of certificates. */
export const OWN_ORGANIZATION = "CYBEX-P";
/** The headers by which the proxy tells the services who called. */
export const OWN_CALLER_HEADERS = {
  user: "X-Cybexp-User",
  enteredBy: "X-Cybexp-Door",
  client: "X-Cybexp-Client",
} as const;
/** How the names of its metrics begin. */
export const OWN_METRICS = "cybexp";
