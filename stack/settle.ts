import { dockerName, label, ours, SERVICES, STAND_IN } from "../names/docker.ts";
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
  const own = label("deployment", deployment);
  if ((await session.docker.labelled("container", own, label("role", STAND_IN))).length === 0) {
    return;
  }
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
    const container = await find(session.docker, place.container, place);
    if (standIn && (await isServing(session.docker, container))) {
      await handBack(session.docker, place);
    }
  }
}
