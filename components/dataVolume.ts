import * as pulumi from "@pulumi/pulumi";
import { COMPONENT } from "../names/types.ts";
import { type Deployment, dockerName, type VolumeWatch } from "./deployment.ts";
import { KeptVolumes } from "./keptVolumes.ts";
import { ownedVolume, type OwnedVolumeArgs } from "./ownedVolume.ts";

/**
 * A volume with records or keys that nothing can bring back. Unless the stack is a throw-away one, the volume
 * is protected, kept when the stack is destroyed, and never created again unless the operator says so. A mark in
 * it, the file `.<labels>-volume`, tells it from an empty volume of the same name.
 */
export class DataVolume extends pulumi.ComponentResource {
  /** The volume's name, known once its owner is set, so that whatever mounts it waits for that. */
  readonly volumeName: pulumi.Output<string>;

  constructor(name: string, args: OwnedVolumeArgs, opts?: pulumi.ComponentResourceOptions) {
    super(COMPONENT.dataVolume, name, {}, opts);
    const { deployment, part } = args;
    const keep = !deployment.throwaway;
    const watch = keep ? watchOver(name, part, deployment, this) : undefined;

    this.volumeName = ownedVolume(name, args, this, {
      volumeName: watch?.after(dockerName(deployment, part)),
      mark: watch?.markOf(part),
      opts: {
        protect: keep,
        retainOnDelete: keep,
        // A destroy that leaves protected resources also leaves what they depend on.
        ...(watch && { dependsOn: watch }),
      },
    });
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
