/** What a service, its stand-in and the proxy must agree on. */
import { STAND_IN, standInOf } from "../names/docker.ts";

/** The port at which CYBEX-P's services listen in their containers. */
export const SERVICE_PORT = 5000;

/** The host name of the stand-in in the network that it shares with the proxy. */
export function standInHost(role: string): string {
  return standInOf(role);
}

/**
 * The role of the service that a stand-in stands in for.
 *
 * @param standIn `host:port`
 * @throws RangeError if that is no stand-in's host name
 */
export function roleOfStandIn(standIn: string): string {
  const [host = ""] = standIn.split(":");
  const role = host.slice(0, -STAND_IN.length - 1);
  if (role === "" || standInHost(role) !== host) {
    throw new RangeError(
      `${standIn} must be the host name of a stand-in, such as ${standInHost("app")}:80`,
    );
  }
  return role;
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
