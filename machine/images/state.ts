/** Finds out which images the engine has, and whether they are up to date. */
import type { Docker } from "../../programs/docker/docker.ts";
import { hubPath } from "./registry.ts";

/** The label that holds the key of the context that an image was built from. */
export const KEY_LABEL = "cybexp.image.key";

export interface FoundImage {
  /** All names of this image on the engine. */
  readonly tags: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/** Asks for all names in one call. The answer leaves out the images that are missing. */
export async function findImages(docker: Docker, names: readonly string[]): Promise<FoundImage[]> {
  if (names.length === 0) {
    return [];
  }
  const format = '{"tags":{{json .RepoTags}},"labels":{{json .Config.Labels}}}';
  // Docker reports a missing name on standard error, with exit code 1.
  const { stdout } = await docker.attempt(["image", "inspect", "--format", format, ...names], {
    timeoutSeconds: Infinity,
  });
  return stdout
    .split("\n")
    .filter(Boolean)
    .map((line) => {
      const { tags, labels } = JSON.parse(line) as Partial<Record<"tags" | "labels", unknown>>;
      return {
        tags: (tags as string[] | null) ?? [],
        labels: (labels as Record<string, string> | null) ?? {},
      };
    });
}

/** Whether the image was built from this very context, or is the official image under our name. */
export function isCurrent(
  name: string,
  wanted: { readonly key: string; readonly official?: string | undefined },
  found: readonly FoundImage[],
): boolean {
  const image = found.find(({ tags }) => tags.includes(name));
  if (image === undefined) {
    return false;
  }
  const { official } = wanted;
  return (
    image.labels[KEY_LABEL] === wanted.key ||
    (official !== undefined &&
      image.tags.some((tag) => tag === official || tag.endsWith(`/${hubPath(official)}`)))
  );
}
