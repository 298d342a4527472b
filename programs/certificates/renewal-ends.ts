/** Prints, as JSON, when the certificates expire that a container renews. Changes nothing. */
import { z } from "zod";
import { engineInput } from "../../settings/engineConnection.ts";
import { Docker } from "../docker/docker.ts";
import { runProgram } from "../program.ts";
import { statusOf } from "./renewal.ts";

const input = z.object({
  dockerHost: engineInput,
  container: z.string(),
  servers: z.array(z.string()),
});

await runProgram(input, 60, async ({ dockerHost, container, servers }) => {
  const docker = new Docker(dockerHost);
  const found = await Promise.all(
    servers.map(async (name) => {
      const { notBefore = null, notAfter = null } = (await statusOf(docker, container, name)) ?? {};
      return notBefore === null || notAfter === null ? [] : [{ name, notBefore, notAfter }];
    }),
  );
  process.stdout.write(JSON.stringify(found.flat()));
});
