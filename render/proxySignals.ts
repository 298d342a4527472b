/** What the proxy's configuration, a service's container and a handover must agree on. */

/** The port at which CYBEX-P's services listen in their containers. */
export const SERVICE_PORT = 5000;

/** The file in the proxy's container that is there while a stand-in serves. */
export function handoverFile(door: string): string {
  return `/tmp/handover-${door}`;
}

/** The host name of the stand-in in the network that it shares with the proxy. */
export function standInHost(door: string): string {
  return `${door}-handover`;
}
