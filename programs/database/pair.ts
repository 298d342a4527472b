/** A database and the service that uses it, which is frozen while the database goes. */
import { z } from "zod";
import { engineInput } from "../../settings/engineConnection.ts";
import type { Docker } from "../docker/docker.ts";
import { find } from "../replacement/door.ts";
import { ownerInput } from "../owner.ts";

export const pairSchema = z.object({
  dockerHost: engineInput,
  ...ownerInput,
  /** The name of the database's container. */
  container: z.string(),
  /** The name of the service's container. */
  service: z.string(),
});
type Pair = z.infer<typeof pairSchema>;

/** Whether it could be done: a service that does not run has nothing under way. */
export async function freeze(docker: Docker, pair: Pair): Promise<boolean> {
  const service = await find(docker, pair.service, pair);
  // Beside this program, `down` may stop it, or have removed it.
  return (
    service?.State.Running === true &&
    (await docker.attempt(["container", "pause", service.Id])).code === 0
  );
}

/** Does nothing for a service that is not frozen, or that is gone. */
export async function thaw(docker: Docker, pair: Pair): Promise<void> {
  const service = await find(docker, pair.service, pair);
  if (service?.State.Paused) {
    await docker.run(["container", "unpause", service.Id]);
  }
}
