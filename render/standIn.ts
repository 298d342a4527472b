/** What a service, its stand-in and the proxy must agree on. */

/** The port at which CYBEX-P's services listen in their containers. */
export const SERVICE_PORT = 5000;

/** The host name of the stand-in in the network that it shares with the proxy. */
export function standInHost(role: string): string {
  return `${role}-handover`;
}
