/**
 * Runs after a service's container was replaced. Gives the requests back to it and removes the stand-in.
 * Does nothing if there is none.
 */
import { Docker } from "../docker/docker.ts";
import { runProgram } from "../program.ts";
import { handBack, placeSchema } from "./door.ts";
import { requireSuccessor } from "./succession.ts";

await runProgram(
  placeSchema,
  ({ drainSeconds }) => drainSeconds + 60,
  async (place) => {
    const docker = new Docker(place.dockerHost);
    await requireSuccessor(docker, place, "keeps serving");
    await handBack(docker, place);
  },
);
