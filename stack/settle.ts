import { dockerName, ours, SERVICES } from "../names/docker.ts";
import { SERVICE_PORT } from "../render/standIn.ts";
import { PROXY_STATUS_PORT } from "../render/proxyRelease.ts";
import { find, handBack, type Place, standInName } from "../programs/replacement/door.ts";
import { isServing } from "../programs/replacement/standIn.ts";
import type { Session } from "./session.ts";

/**
 * Makes each service's own container serve after an `up` that worked. A stand-in may still be there: a run
 * was killed, its config change was taken back, and so Pulumi saw nothing to do.
 */
export async function settleHandovers(
  session: Session,
  deployment: string,
  drainSeconds: number,
): Promise<void> {
  for (const role of SERVICES) {
    const place: Place = {
      stack: session.stack,
      ...ours(deployment),
      role,
      port: SERVICE_PORT,
      container: dockerName(session.stack, role),
      network: dockerName(session.stack, role),
      statusPort: PROXY_STATUS_PORT,
      drainSeconds,
    };
    const standIn = await find(session.docker, standInName(place), place);
    const own = await find(session.docker, place.container, place);
    if (standIn && (await isServing(session.docker, own))) {
      await handBack(session.docker, place);
    }
  }
}
