/** Prints how many processors and how much memory the engine's machine has. Default limits depend on it. */
import { z } from "zod";
import { engineInput } from "../../settings/engineConnection.ts";
import { Docker } from "../docker/docker.ts";
import { engineSizeOf } from "./engineSize.ts";
import { runProgram } from "../program.ts";

const input = z.object({ dockerHost: engineInput });

await runProgram(input, 30, async ({ dockerHost }) => {
  process.stdout.write(JSON.stringify(await engineSizeOf(new Docker(dockerHost))));
});
