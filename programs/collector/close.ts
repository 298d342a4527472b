/**
 * Runs before a collector, or its door, is removed or replaced. First the door lets no more records in: its port
 * on the Docker host is closed, and callers are refused. Then the collector stores what the door has. The door
 * goes on passing its calls to the services.
 */
import { z } from "zod";
import { LABEL } from "../../names/docker.ts";
import { Docker } from "../docker/docker.ts";
import { runProgram } from "../program.ts";
import { find } from "../replacement/door.ts";
import { CollectorDoor, endStandIn, placeSchema } from "./door.ts";

const input = placeSchema.extend({
  /** The signature of the door that is wanted: one that has it already stays open. */
  signature: z.string().optional(),
});

await runProgram(
  input,
  ({ drainSeconds }) => 2 * drainSeconds + 120,
  async ({ signature, ...place }) => {
    const docker = new Docker(place.dockerHost);
    const door = await find(docker, place.door, place);
    if (signature !== undefined && (door === undefined || signatureOf(door) === signature)) {
      return;
    }
    await new CollectorDoor(docker, place).close();
    if (signature === undefined) {
      await endStandIn(docker, place);
    }
  },
);

function signatureOf(container: Awaited<ReturnType<typeof find>>): string | undefined {
  return container?.Config.Labels?.[LABEL.signature];
}
