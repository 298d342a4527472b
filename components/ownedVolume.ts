import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { ownerName } from "../names/resources.ts";
import {
  connectionOf,
  type Deployment,
  dockerName,
  labels,
  ownerOf,
  onEngine,
} from "./deployment.ts";
import { Program } from "./program.ts";

/** Whose volume it is, and what for. */
export interface OwnedVolumeArgs {
  readonly deployment: Deployment;
  /** The part of its name in Docker, such as `kms-db-data`. */
  readonly part: string;
  /** `uid:gid` of the process that writes to it. */
  readonly owner: string;
  /** An image with a POSIX shell: the throw-away container that sets the owner runs it. */
  readonly image: pulumi.Input<string>;
}

/** What a volume that is watched over has beside that. */
export interface Watched {
  /** Its name in Docker, known once it was looked at. */
  readonly volumeName?: pulumi.Input<string> | undefined;
  /** Tells it from an empty volume of the same name. */
  readonly mark?: pulumi.Input<string> | undefined;
  readonly opts?: pulumi.CustomResourceOptions;
}

/**
 * A volume, and the program that gives it to its user.
 *
 * @returns The volume's name, known once its owner is set, so that whatever mounts it waits for that.
 */
export function ownedVolume(
  name: string,
  { deployment, part, owner, image }: OwnedVolumeArgs,
  parent: pulumi.Resource,
  { volumeName = dockerName(deployment, part), mark, opts }: Watched = {},
): pulumi.Output<string> {
  const volume = new docker.Volume(
    name,
    { name: volumeName, labels: labels(deployment, part) },
    { ...onEngine(deployment, parent), ...opts },
  );
  // Docker gives a new volume to root, and silently adopts one that exists. When a container first mounts
  // an empty volume, it gets owner and mode of the image's folder. So the mark comes first.
  const prepared = new Program(
    ownerName(name),
    {
      program: "volume",
      input: {
        dockerHost: connectionOf(deployment),
        volume: volume.name,
        ...ownerOf(deployment),
        image,
        owner,
      },
      ...(mark !== undefined && { because: { MARK: mark } }),
    },
    { parent },
  );
  return pulumi.all([volume.name, prepared.id]).apply(([known]) => known);
}
