/** Prints what `nginx -V` says in an image: what it can spell decides how its configuration is written. */
import { z } from "zod";
import { nginxDialect } from "../../render/nginxDialect.ts";
import { Docker } from "../lib/docker.ts";
import { UserError } from "../lib/errors.ts";
import { runProgram } from "../lib/program.ts";

const input = z.object({
  dockerHost: z.string().optional(),
  deployment: z.string(),
  image: z.string(),
});

await runProgram(input, 60, async ({ dockerHost, deployment, image }) => {
  const text = await new Docker(dockerHost).run([
    "run",
    "--rm",
    "--network=none",
    "--read-only",
    "--cap-drop=ALL",
    "--log-driver=none",
    `--label=cybexp.deployment=${deployment}`,
    "--label=cybexp.role=task",
    "--entrypoint=sh",
    image,
    "-c",
    "nginx -V 2>&1",
  ]);
  try {
    nginxDialect(text);
  } catch (error) {
    throw error instanceof RangeError ? new UserError(error.message) : error;
  }
  process.stdout.write(text);
});
