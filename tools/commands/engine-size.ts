/** Prints how many processors and how much memory the engine's machine has: default limits follow from it. */
import { z } from "zod";
import { Docker } from "../lib/docker.ts";
import { engineSizeOf } from "../lib/engineSize.ts";
import { runProgram } from "../lib/program.ts";

const input = z.object({ dockerHost: z.string().optional() });

await runProgram(input, 30, async ({ dockerHost }) => {
  process.stdout.write(JSON.stringify(await engineSizeOf(new Docker(dockerHost))));
});
