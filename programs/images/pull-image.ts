/**
 * Pulls an image with the command line, which knows the operator's logins and credential helpers and passes
 * them on to a remote engine, too. Pulumi's provider would ask the registry anonymously.
 */
import { z } from "zod";
import { engineInput } from "../../settings/engineConnection.ts";
import { Docker } from "../docker/docker.ts";
import { pullImage } from "./pull.ts";
import { runProgram } from "../program.ts";

const input = z.object({ dockerHost: engineInput, image: z.string() });

/** Enough for the largest images on a slow line. */
const PULL_SECONDS = 1800;

await runProgram(input, PULL_SECONDS + 60, async ({ dockerHost, image }, signal) => {
  await pullImage(new Docker(dockerHost), image, { timeoutSeconds: PULL_SECONDS, signal });
});
