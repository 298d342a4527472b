/** Reads the KMS's key files from their volume, whether the KMS runs or not. */
import { basename } from "node:path";
import { z } from "zod";
import type { KeyFolder } from "../../render/kmsKeys.ts";
import { MARK, markFile } from "../../settings/keptParts.ts";
import { engineInput } from "../../settings/engineConnection.ts";
import type { Docker } from "../docker/docker.ts";
import { readVolume } from "../volumes/keptVolume.ts";
import { ownerInput } from "../owner.ts";
import type { Owner } from "../../names/docker.ts";

/** The output of `key-files`, which the state keeps. */
export const keyRecord = z.object({
  mark: z.string().optional(),
  keys: z.record(z.string(), z.string()),
});

/** The input of the programs that look at the key files. */
export const keyFilesInput = z.object({
  dockerHost: engineInput,
  ...ownerInput,
  stack: z.string(),
  volume: z.string(),
  files: z.array(z.string()),
  lost: z.array(z.string()),
});

/** Undefined if the engine has no such volume. */
export async function keyFolder(
  docker: Docker,
  volume: string,
  { files, ...owner }: Owner & { readonly files: readonly string[] },
): Promise<KeyFolder | undefined> {
  const found = await readVolume(docker, volume, owner);
  if (found === undefined) {
    return undefined;
  }
  const contents = new Map(found.map(({ path, content }) => [basename(path), content]));
  const mark = contents.get(markFile(owner.labels))?.toString("utf8").trim();
  return {
    mark: mark !== undefined && MARK.test(mark) ? mark : undefined,
    contents: new Map([...contents].filter(([name]) => files.includes(name))),
  };
}
