/**
 * Runs before a collector is removed, and before its door is replaced. First the door lets no more records in: its
 * port on the Docker host is closed, and callers are refused. If the collector goes, it then stores all that was
 * taken. The gate goes on passing its calls to the services.
 */
import { z } from "zod";
import { labelNames } from "../../names/docker.ts";
import { Docker } from "../docker/docker.ts";
import { runProgram } from "../program.ts";
import { find } from "../replacement/door.ts";
import { closeDoor, endStandIn, Gate, placeSchema } from "./door.ts";

const input = placeSchema.extend({
  /** The signature of the door that is wanted. Absent if the collector goes. */
  signature: z.string().optional(),
});

await runProgram(
  input,
  ({ drainSeconds }) => 2 * drainSeconds + 120,
  async ({ signature, ...place }) => {
    const docker = new Docker(place.dockerHost);
    if (signature === undefined) {
      await new Gate(docker, place).close();
      await endStandIn(docker, place);
      return;
    }
    const door = await find(docker, place.door, place);
    if (
      door !== undefined &&
      door.Config.Labels?.[labelNames(place.labels).signature] !== signature
    ) {
      await closeDoor(docker, place);
    }
  },
);
