/** What a service, its stand-in and the proxy must agree on. */
import { standInOf } from "../names/docker.ts";

/** The port at which CYBEX-P's services listen in their containers. */
export const SERVICE_PORT = 5000;

/** The host name of the stand-in in the network that it shares with the proxy. */
export function standInHost(role: string): string {
  return standInOf(role);
}

/**
 * A service that has a stand-in is handed over at the door that has its role's name.
 *
 * @throws RangeError if a door has another name, because callers would notice its handovers
 */
export function checkDoorName(door: string, standIn: string): void {
  const [host] = standIn.split(":");
  if (host !== standInHost(door)) {
    throw new RangeError(
      `the door ${door} must be called as the role of its service is, whose stand-in is ${standIn}`,
    );
  }
}
