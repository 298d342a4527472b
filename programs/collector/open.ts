/** Runs after the proxy's container was replaced: what has waited at the doors of collectors goes on. */
import { z } from "zod";
import { Docker } from "../docker/docker.ts";
import { runProgram } from "../program.ts";
import { CollectorDoor } from "./door.ts";
import { doorsOf } from "./doors.ts";

const input = z.object({ dockerHost: z.string().optional(), deployment: z.string() });

await runProgram(input, 60, async ({ dockerHost, deployment }) => {
  const docker = new Docker(dockerHost);
  const doors = await doorsOf(docker, deployment);
  await Promise.all(doors.map((id) => new CollectorDoor(docker, id).open()));
});
