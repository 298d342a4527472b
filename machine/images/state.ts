/** Which of the images the engine has, and whether they are what they should be. */
import type { DockerCommand } from "./dockerCommand.ts";
import { hubPath } from "./registry.ts";

/** The label that holds the key of the context that an image was built from. */
export const KEY_LABEL = "cybexp.image.key";

export interface FoundImage {
  /** All names of this image, as the engine tells them. */
  readonly tags: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/** One call for all names; those that are not there are not in the answer. */
export async function findImages(
  docker: DockerCommand,
  names: readonly string[],
): Promise<FoundImage[]> {
  if (names.length === 0) {
    return [];
  }
  const format = '{"tags":{{json .RepoTags}},"labels":{{json .Config.Labels}}}';
  // A name that is not there is said on standard error, with exit code 1.
  const { stdout } = await docker(["image", "inspect", "--format", format, ...names], {
    mayFail: true,
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

/** Built from this very context, or the official image itself under our name. */
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
