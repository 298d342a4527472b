/** Gives a data volume to the user that writes to it, after making sure that the volume is ours. */
import { z } from "zod";
import { Docker } from "../lib/docker.ts";
import { runProgram } from "../lib/program.ts";
import { requireOwnVolume, throwAway } from "../lib/volumes.ts";

const input = z.object({
  dockerHost: z.string().optional(),
  volume: z.string(),
  deployment: z.string(),
  image: z.string(),
  owner: z.string().regex(/^\d+:\d+$/),
});

await runProgram(input, 60, async ({ dockerHost, volume, deployment, image, owner }) => {
  const docker = new Docker(dockerHost);
  await requireOwnVolume(docker, volume, deployment);
  await throwAway(docker, {
    image,
    deployment,
    volume,
    capabilities: ["CHOWN", "DAC_OVERRIDE", "FOWNER"],
    // Over an empty volume Docker copies the image's folder, its owner and mode as well, at the first start.
    script: ': >> /volume/.cybexp-volume && chown "$1" /volume && chmod 0700 /volume',
    args: [owner],
  });
});
