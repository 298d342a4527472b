/** The input of the programs for kept volumes, and how they check the volumes. */
import { z } from "zod";
import { type KeptVolume, type Trouble, troubleWith } from "../../render/keptVolumes.ts";
import { engineInput } from "../../settings/engineConnection.ts";
import type { Docker } from "../docker/docker.ts";
import { engineName, findVolume } from "./keptVolume.ts";
import { ownerInput } from "../owner.ts";

/** The output of `keep-volume`, which the state keeps. */
export const volumeRecord = z.object({
  volume: z.string(),
  mark: z.string(),
  engine: z.object({ id: z.string(), name: z.string(), host: z.string().optional() }),
});

/** A stack, and what its operator has given up. */
export const keeperInput = z.object({
  dockerHost: engineInput,
  stack: z.string(),
  ...ownerInput,
  lost: z.array(z.string()),
});

/** A kept part, and whether its service keeps keys in it. */
export const partInput = z.object({ part: z.string(), volume: z.string(), keys: z.boolean() });

/** A kept volume, and how to check it. */
export type Watched = KeptVolume & { readonly keys: boolean; readonly needed?: readonly string[] };

/** What is wrong with the kept volumes of a stack. Changes nothing. */
export async function troublesOf(
  docker: Docker,
  volumes: readonly Watched[],
  { dockerHost, ...keeper }: z.infer<typeof keeperInput>,
): Promise<Trouble[]> {
  const engine = await engineName(docker, dockerHost);
  const found = await Promise.all(
    volumes.map(async (kept) => {
      const { deployment, labels } = keeper;
      const { keys, needed = [] } = kept;
      return troubleWith(
        kept,
        await findVolume(docker, kept.volume, { deployment, labels, keys, needed }),
        { ...keeper, engine },
      );
    }),
  );
  return found.filter((trouble) => trouble !== undefined);
}
