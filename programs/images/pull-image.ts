/**
 * Makes the engine have an image, by the command line: it knows the operator's logins and credential
 * helpers, and hands them to a remote engine as well. Pulumi's provider would ask as nobody.
 */
import { z } from "zod";
import { Docker } from "../docker/docker.ts";
import { pullImage } from "./pull.ts";
import { runProgram } from "../program.ts";

const input = z.object({ dockerHost: z.string().optional(), image: z.string() });

/** For the largest images on a slow line. */
const PULL_SECONDS = 1800;

await runProgram(input, PULL_SECONDS + 60, async ({ dockerHost, image }, signal) => {
  await pullImage(new Docker(dockerHost), image, { timeoutSeconds: PULL_SECONDS, signal });
});
