import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { type Deployment, dockerName, labels } from "./deployment.ts";
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
 * A volume with records or keys that nothing can bring back: protected, and kept when the stack is
 * destroyed, unless the stack is a throw-away one.
 */
export class DataVolume extends pulumi.ComponentResource {
  /** The volume's name, known once its owner is set: who mounts it needs no further order. */
  readonly volumeName: pulumi.Output<string>;

  constructor(name: string, args: DataVolumeArgs, opts?: pulumi.ComponentResourceOptions) {
    super("cybexp:docker:DataVolume", name, {}, opts);
    const keep = !args.deployment.throwaway;

    const volume = new docker.Volume(
      name,
      { name: dockerName(args.deployment, args.part), labels: labels(args.deployment, args.part) },
      { parent: this, protect: keep, retainOnDelete: keep },
    );

    // Docker hands a new volume to root, and creating one that exists silently adopts it.
    const prepared = new Program(
      `${name}-owner`,
      {
        program: "volume",
        input: {
          dockerHost: args.deployment.dockerHost,
          volume: volume.name,
          deployment: args.deployment.id,
          image: args.image,
          owner: args.owner,
        },
        // Volumes of stacks from before the mark get it, and their owner, once more.
        because: { MARK: ".cybexp-volume" },
      },
      { parent: this },
    );

    this.volumeName = pulumi.all([volume.name, prepared.id]).apply(([volumeName]) => volumeName);
    this.registerOutputs({ volumeName: this.volumeName });
  }
}
