/**
 * Runs after a collector's container was created or replaced. Gives the records back to it, and ends the
 * stand-in once that has stored its own. Does nothing if there is none.
 */
import { Docker } from "../docker/docker.ts";
import { UserError } from "../errors.ts";
import { runProgram } from "../program.ts";
import { find } from "../replacement/door.ts";
import { isServing } from "../replacement/standIn.ts";
import { handBack, placeSchema, standInName } from "./door.ts";

await runProgram(
  placeSchema,
  ({ drainSeconds }) => 2 * drainSeconds + 120,
  async (place) => {
    const docker = new Docker(place.dockerHost);
    const [own, standIn] = await Promise.all([
      find(docker, place.container, place),
      find(docker, standInName(place), place),
    ]);
    if (standIn?.State.Running && !(await isServing(docker, own))) {
      throw new UserError(
        `${place.container} does not pass its health check, so ${standInName(place)} goes on: ` +
          `see \`docker logs --tail 20 ${place.container}\``,
      );
    }
    await handBack(docker, place);
  },
);
