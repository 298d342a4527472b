/**
 * Checks whether a database's new image can read its data. Prints a sentence if it can't, and nothing
 * otherwise. Changes nothing.
 */
import { z } from "zod";
import { engineInput } from "../../settings/engineConnection.ts";
import { refusedStep } from "./databaseStep.ts";
import { Docker } from "../docker/docker.ts";
import { runProgram } from "../program.ts";
import { ownerInput } from "../owner.ts";

const input = z.object({
  dockerHost: engineInput,
  ...ownerInput,
  container: z.string(),
  image: z.string(),
  admin: z.object({
    name: z.string(),
    password: z.string(),
    previous: z.string().optional(),
  }),
  wanted: z.string().optional(),
});

await runProgram(input, 60, async ({ admin, dockerHost, deployment, labels, ...question }) => {
  const { name, password, previous } = admin;
  const passwords = [password, ...(previous === undefined ? [] : [previous])];
  const sentence = await refusedStep(new Docker(dockerHost), {
    ...question,
    dockerHost,
    owner: { deployment, labels },
    admin: { name, passwords },
  });
  process.stdout.write(sentence ?? "");
});
