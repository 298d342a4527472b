/** Sets a container's process limit with `docker update`: the provider has no argument for it. */
import { z } from "zod";
import { engineInput } from "../../settings/engineConnection.ts";
import { Docker } from "../docker/docker.ts";
import { runProgram } from "../program.ts";

const input = z.object({
  dockerHost: engineInput,
  container: z.string(),
  pidsLimit: z.number().int().positive(),
});

await runProgram(input, 30, async ({ dockerHost, container, pidsLimit }) => {
  await new Docker(dockerHost).run(["update", "--pids-limit", String(pidsLimit), container]);
});
