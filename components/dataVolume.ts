import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { ownerName } from "../names/resources.ts";
import { COMPONENT } from "../names/types.ts";
import { type Deployment, dockerName, labels, type VolumeWatch } from "./deployment.ts";
import { KeptVolumes } from "./keptVolumes.ts";
import { Program } from "./program.ts";

export interface DataVolumeArgs {
  readonly deployment: Deployment;
  /** The part of its name in Docker, such as `kms-db-data`. */
  readonly part: string;
  /** `uid:gid` of the process that writes to it. */
  readonly owner: string;
  /** An image with a POSIX shell: the throw-away container that sets the owner runs it. */
  readonly image: pulumi.Input<string>;
}

/**
 * A volume with records or keys that nothing can bring back. Unless the stack is a throw-away one, the volume
 * is protected, kept when the stack is destroyed, and never made anew unless the operator says so. A mark in
 * it, the file `.cybexp-volume`, tells it from an empty volume of the same name.
 */
export class DataVolume extends pulumi.ComponentResource {
  /** The volume's name, known once its owner is set, so that whatever mounts it waits for that. */
  readonly volumeName: pulumi.Output<string>;

  constructor(name: string, args: DataVolumeArgs, opts?: pulumi.ComponentResourceOptions) {
    super(COMPONENT.dataVolume, name, {}, opts);
    const { deployment, part } = args;
    const keep = !deployment.throwaway;
    const watch = keep ? watchOver(name, part, deployment, this) : undefined;
    const volumeName = dockerName(deployment, part);

    const volume = new docker.Volume(
      name,
      { name: watch?.after(volumeName) ?? volumeName, labels: labels(deployment, part) },
      {
        parent: this,
        protect: keep,
        retainOnDelete: keep,
        // A destroy that leaves protected resources also leaves what they depend on.
        ...(watch && { dependsOn: watch }),
      },
    );

    // Docker gives a new volume to root, and silently adopts one that exists. When a container first mounts
    // an empty volume, it gets owner and mode of the image's folder. So the mark comes first.
    const mark = watch?.markOf(part);
    const prepared = new Program(
      ownerName(name),
      {
        program: "volume",
        input: {
          dockerHost: deployment.dockerHost,
          volume: volume.name,
          deployment: deployment.id,
          image: args.image,
          owner: args.owner,
        },
        ...(mark && { because: { MARK: mark } }),
      },
      { parent: this },
    );

    this.volumeName = pulumi.all([volume.name, prepared.id]).apply(([text]) => text);
    this.registerOutputs({ volumeName: this.volumeName });
  }
}

/** The deployment's own watch if it covers this part, otherwise one for this volume alone. */
function watchOver(
  name: string,
  part: string,
  deployment: Deployment,
  parent: pulumi.Resource,
): VolumeWatch {
  return deployment.kept?.markOf(part) === undefined
    ? new KeptVolumes(`${name}-kept`, { deployment, parts: [part] }, { parent })
    : deployment.kept;
}
