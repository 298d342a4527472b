/**
 * Runs after a collector's container was created or replaced. Gives the records back to it, and ends the
 * stand-in once that has stored its own. Does nothing if there is none.
 */
import { Docker } from "../docker/docker.ts";
import { runProgram } from "../program.ts";
import { requireSuccessor } from "../replacement/succession.ts";
import { handBack, placeSchema } from "./door.ts";

await runProgram(
  placeSchema,
  ({ drainSeconds }) => 2 * drainSeconds + 120,
  async (place) => {
    const docker = new Docker(place.dockerHost);
    await requireSuccessor(docker, place, "goes on");
    await handBack(docker, place);
  },
);
