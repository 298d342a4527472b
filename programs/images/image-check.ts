/** Checks that an image has everything that it needs, before the first container uses it. */
import { z } from "zod";
import { engineInput } from "../../settings/engineConnection.ts";
import { Docker } from "../docker/docker.ts";
import { checkImage, needsSchema } from "./imageCheck.ts";
import { runProgram } from "../program.ts";
import { ownerInput } from "../owner.ts";

const input = z.object({
  dockerHost: engineInput,
  ...ownerInput,
  image: z.string(),
  needs: needsSchema,
});

await runProgram(input, 60, async ({ dockerHost, ...question }) => {
  await checkImage(new Docker(dockerHost), question);
});
