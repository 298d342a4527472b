import { type Owner, ownLabel } from "../../names/docker.ts";
import type { Docker } from "../docker/docker.ts";

interface Container {
  readonly Mounts: readonly { readonly Source: string }[];
}

/** The digests of a volume's releases that containers of the deployment mount, running or stopped. */
export async function mountedReleases(
  docker: Docker,
  { volume, ...owner }: Owner & { readonly volume: string },
): Promise<string[]> {
  const ids = await docker.labelled("container", ownLabel(owner));
  // One may be removed meanwhile: other programs of the same `up` run at the same time.
  const containers = await Promise.all(ids.map((id) => docker.inspect<Container>("container", id)));
  return containers.flatMap((container) => digestsIn(container?.Mounts ?? [], volume));
}

/** A release's file is mounted from `<the volume's folder>/releases/<digest>/<file>`. */
export function digestsIn(mounts: Container["Mounts"], volume: string): string[] {
  return mounts.flatMap(({ Source }) => {
    const [, name, digest] = /\/([^/]+)\/_data\/releases\/([0-9a-f]+)\//.exec(Source) ?? [];
    return digest !== undefined && name === volume ? [digest] : [];
  });
}
