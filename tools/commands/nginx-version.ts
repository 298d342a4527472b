/** Prints what `nginx -V` says in an image: what it can spell decides how its configuration is written. */
import { z } from "zod";
import { nginxDialect } from "../../render/nginxDialect.ts";
import { Docker } from "../lib/docker.ts";
import { UserError } from "../lib/errors.ts";
import { runProgram } from "../lib/program.ts";
import { runTask } from "../lib/task.ts";

/** A user of no distribution's passwd file: the answer needs no file. */
const NOBODY = "65532:65532";

const input = z.object({
  dockerHost: z.string().optional(),
  deployment: z.string(),
  image: z.string(),
});

await runProgram(input, 60, async ({ dockerHost, deployment, image }) => {
  const text = await runTask(new Docker(dockerHost), {
    image,
    deployment,
    user: NOBODY,
    program: "sh",
    args: ["-c", "nginx -V 2>&1"],
  });
  try {
    nginxDialect(text);
  } catch (error) {
    throw error instanceof RangeError ? new UserError(error.message) : error;
  }
  process.stdout.write(text);
});
