/**
 * Runs after a service's container was replaced. Gives the requests back to it and removes the stand-in.
 * Does nothing if there is none.
 */
import { Docker } from "../docker/docker.ts";
import { UserError } from "../errors.ts";
import { find, handBack, placeSchema, standInName } from "./door.ts";
import { runProgram } from "../program.ts";
import { isServing } from "./standIn.ts";

await runProgram(
  placeSchema,
  ({ drainSeconds }) => drainSeconds + 60,
  async (place) => {
    const docker = new Docker(place.dockerHost);
    const [own, standIn] = await Promise.all([
      find(docker, place.container, place),
      find(docker, standInName(place), place),
    ]);
    if (standIn?.State.Running && !(await isServing(docker, own))) {
      throw new UserError(
        `${place.container} does not pass its health check, so ${standInName(place)} keeps serving: ` +
          `see \`docker logs --tail 20 ${place.container}\``,
      );
    }
    await handBack(docker, place);
  },
);
