import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { ownerName } from "../names/resources.ts";
import { COMPONENT } from "../names/types.ts";
import { type Deployment, dockerName, labels } from "./deployment.ts";
import { Program } from "./program.ts";

export interface BodyVolumeArgs {
  readonly deployment: Deployment;
  /** The part of its name in Docker. */
  readonly part: string;
  /** `uid:gid` of the process that writes to it. */
  readonly owner: string;
  /** An image with a POSIX shell: the throw-away container that sets the owner runs it. */
  readonly image: pulumi.Input<string>;
}

/**
 * Room on the engine's disk for bodies under way: in a tmpfs they would count as memory. Nginx unlinks each
 * file as soon as it is open, so nothing stays in the volume, and nothing is lost with it.
 */
export class BodyVolume extends pulumi.ComponentResource {
  /** Known once its owner is set. */
  readonly volumeName: pulumi.Output<string>;

  constructor(name: string, args: BodyVolumeArgs, opts?: pulumi.ComponentResourceOptions) {
    super(COMPONENT.bodyVolume, name, {}, opts);
    const { deployment, part, owner, image } = args;

    const volume = new docker.Volume(
      name,
      { name: dockerName(deployment, part), labels: labels(deployment, part) },
      { parent: this },
    );
    const prepared = new Program(
      ownerName(name),
      {
        program: "volume",
        input: {
          dockerHost: deployment.dockerHost,
          volume: volume.name,
          deployment: deployment.id,
          image,
          owner,
        },
      },
      { parent: this },
    );

    this.volumeName = pulumi.all([volume.name, prepared.id]).apply(([volumeName]) => volumeName);
    this.registerOutputs({ volumeName: this.volumeName });
  }
}
