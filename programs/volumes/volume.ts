/** Makes the user that writes to a data volume its owner, after checking that the volume is ours. */
import { randomBytes } from "node:crypto";
import { z } from "zod";
import { markFile } from "../../settings/keptParts.ts";
import { engineInput } from "../../settings/engineConnection.ts";
import { Docker } from "../docker/docker.ts";
import { runProgram } from "../program.ts";
import { requireOwnVolume, throwAway } from "./volumes.ts";
import { ownerInput } from "../owner.ts";

const input = z.object({
  dockerHost: engineInput,
  volume: z.string(),
  ...ownerInput,
  image: z.string(),
  owner: z.string().regex(/^\d+:\d+$/),
});

/**
 * $1 is the owner, $2 the name of the mark, $3 a new one. The mark comes first: as long as the volume is
 * empty, Docker gives it the owner and mode of the image's folder whenever a container is created with it.
 */
const MARK_AND_GIVE = `
  test -e "/volume/$2" || (umask 0377 && printf %s "$3" > "/volume/$2")
  chown "$1" /volume
  chmod 0700 /volume
`;

await runProgram(input, 60, async ({ dockerHost, volume, image, owner, ...deployment }) => {
  const docker = new Docker(dockerHost);
  await requireOwnVolume(docker, volume, deployment);
  await throwAway(docker, {
    image,
    ...deployment,
    volume,
    // By now the volume may belong to its user.
    capabilities: ["CHOWN", "DAC_OVERRIDE", "FOWNER"],
    script: MARK_AND_GIVE,
    args: [owner, markFile(deployment.labels), randomBytes(6).toString("hex")],
  });
});
