import * as pulumi from "@pulumi/pulumi";
import { COMPONENT } from "../names/types.ts";
import { ownedVolume, type OwnedVolumeArgs } from "./ownedVolume.ts";

/**
 * Room on the engine's disk for bodies under way: in a tmpfs they would count as memory. Nginx unlinks each
 * file as soon as it is open, so nothing stays in the volume, and nothing is lost with it.
 */
export class BodyVolume extends pulumi.ComponentResource {
  /** Known once its owner is set. */
  readonly volumeName: pulumi.Output<string>;

  constructor(name: string, args: OwnedVolumeArgs, opts?: pulumi.ComponentResourceOptions) {
    super(COMPONENT.bodyVolume, name, {}, opts);
    this.volumeName = ownedVolume(name, args, this);
    this.registerOutputs({ volumeName: this.volumeName });
  }
}
