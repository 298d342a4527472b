/**
 * Records in a volume which keys its service has created there, so that a volume without them is never
 * again taken for a new one. Does nothing until the service has created all of them.
 */
import { basename } from "node:path";
import { z } from "zod";
import { markFile, SEAL_FILE } from "../../settings/keptParts.ts";
import { engineInput } from "../../settings/engineConnection.ts";
import { tar, untar } from "../docker/archive.ts";
import { Docker } from "../docker/docker.ts";
import { ownFile } from "./keptVolume.ts";
import { runProgram } from "../program.ts";
import { ownerInput } from "../owner.ts";

const input = z.object({
  dockerHost: engineInput,
  labels: ownerInput.labels,
  container: z.string(),
  folder: z.string(),
  /** The names of the files in that folder. */
  keys: z.array(z.string()),
});

await runProgram(input, 60, async ({ dockerHost, labels, container, folder, keys }) => {
  const docker = new Docker(dockerHost);
  const archive = await docker.copyOut(container, `${folder}/.`);
  const names = (archive === undefined ? [] : await untar(archive)).map(({ path }) =>
    basename(path),
  );
  if (!names.includes(markFile(labels)) || !keys.every((key) => names.includes(key))) {
    return;
  }
  await docker.run(["container", "cp", "-", `${container}:${folder}`], {
    input: await tar([ownFile(SEAL_FILE, JSON.stringify(keys))]),
  });
});
