/**
 * Runs before a collector, or its door, is removed or replaced. First the door lets no more records in: its port
 * on the Docker host is closed, and callers are refused. Then the collector stores what it has accepted. The
 * door goes on passing its calls to the services.
 */
import { z } from "zod";
import { LABEL } from "../../names/docker.ts";
import { Docker } from "../docker/docker.ts";
import { runProgram } from "../program.ts";
import { find } from "../replacement/door.ts";
import { drainAloud, endStandIn, placeSchema, standInName } from "./door.ts";

const input = placeSchema.extend({
  /** The signature of the door that is wanted: one that has it already stays open. */
  signature: z.string().optional(),
});

await runProgram(
  input,
  ({ drainSeconds }) => 3 * drainSeconds + 120,
  async ({ signature, ...place }) => {
    const docker = new Docker(place.dockerHost);
    const door = await find(docker, place.door, place);
    if (
      signature !== undefined &&
      (door?.Config.Labels?.[LABEL.signature] ?? signature) === signature
    ) {
      return;
    }
    if (door !== undefined && place.ingest in door.NetworkSettings.Networks) {
      // It takes the published port along, and nothing else.
      await docker.run(["network", "disconnect", place.ingest, door.Id]);
    }
    await drainAloud(docker, place.container, place.drainSeconds);
    const standIn = await find(docker, standInName(place), place);
    if (standIn !== undefined) {
      await drainAloud(docker, standIn.Id, place.drainSeconds);
      if (signature === undefined) {
        await endStandIn(docker, standIn.Id, place.drainSeconds);
      }
    }
  },
);
