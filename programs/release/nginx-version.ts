/**
 * Checks that the proxy's image has everything that it needs, and prints the output of its `nginx -V`. The
 * directives that this Nginx knows decide how its configuration is written.
 */
import { z } from "zod";
import { nginxDialect } from "../../render/nginxDialect.ts";
import { engineInput } from "../../settings/engineConnection.ts";
import { Docker } from "../docker/docker.ts";
import { UserError } from "../errors.ts";
import { checkImage, needsSchema } from "../images/imageCheck.ts";
import { runProgram } from "../program.ts";
import { ownerInput } from "../owner.ts";

const input = z.object({
  dockerHost: engineInput,
  ...ownerInput,
  image: z.string(),
  needs: needsSchema,
});

await runProgram(input, 60, async ({ dockerHost, ...question }) => {
  const text = await checkImage(new Docker(dockerHost), question, "nginx -V 2>&1");
  try {
    nginxDialect(text);
  } catch (error) {
    throw error instanceof RangeError ? new UserError(error.message) : error;
  }
  process.stdout.write(text);
});
