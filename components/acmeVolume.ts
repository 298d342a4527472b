import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { ACME_VOLUME } from "../names/docker.ts";
import { ownerName } from "../names/resources.ts";
import { COMPONENT } from "../names/types.ts";
import {
  connectionOf,
  type Deployment,
  dockerName,
  labels,
  ownerOf,
  onEngine,
} from "./deployment.ts";
import { Program } from "./program.ts";

export interface AcmeVolumeArgs {
  readonly deployment: Deployment;
  /** `uid:gid` of certbot. */
  readonly owner: string;
  /** An image with a POSIX shell. */
  readonly image: pulumi.Input<string>;
}

/**
 * The account at the ACME server, and the certificates from there. Unless the stack is a throw-away one, Pulumi never
 * deletes the volume: not when the stack is destroyed, and not when certificates come from elsewhere for a while. It
 * is not protected, since that would make such a switch fail; and a loss needs no word from the operator, since a new
 * account gets the same certificates (docs/decisions.md).
 */
export class AcmeVolume extends pulumi.ComponentResource {
  /** Known once its owner is set. */
  readonly volumeName: pulumi.Output<string>;

  constructor(name: string, args: AcmeVolumeArgs, opts?: pulumi.ComponentResourceOptions) {
    super(COMPONENT.acmeVolume, name, {}, opts);
    const { deployment, owner, image } = args;
    const volume = new docker.Volume(
      name,
      { name: dockerName(deployment, ACME_VOLUME), labels: labels(deployment, ACME_VOLUME) },
      { ...onEngine(deployment, this), retainOnDelete: !deployment.throwaway },
    );
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
      },
      { parent: this },
    );
    this.volumeName = pulumi.all([volume.name, prepared.id]).apply(([text]) => text);
    this.registerOutputs({ volumeName: this.volumeName });
  }
}
