import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { RECORDED } from "../names/resources.ts";
import { COMPONENT } from "../names/types.ts";
import { type ReleaseFiles, releaseDigest } from "../render/release.ts";
import {
  connectionOf,
  type Deployment,
  dockerName,
  labels,
  ownerOf,
  onEngine,
} from "./deployment.ts";
import { Program } from "./program.ts";

/** Arguments of {@link Release}. */
export interface ReleaseArgs {
  readonly deployment: Deployment;
  /** The part of the volume's name in Docker, such as `kms-config`. */
  readonly part: string;
  /** The files, by name; a secret when any of them is. */
  readonly files: pulumi.Input<ReleaseFiles>;
  /** The name of the release. @default the digest of the files' content */
  readonly digest?: pulumi.Input<string>;
  /** `uid:gid` of the process that reads them; nobody else can. */
  readonly owner: string;
  /** The image of the throw-away container that writes and checks the files. */
  readonly image: pulumi.Input<string>;
  /** The proxy that checks the release and reloads it; absent for other containers' files. */
  readonly reload?: {
    readonly container: string;
    readonly statusPort: number;
    /** The volume with the certificate that is renewed there, by its name. */
    readonly certificates?: pulumi.Input<string>;
  };
}

/**
 * Files for a container, delivered as a release: written into a volume under the digest of their content,
 * checked, and only then put into use. The engine may be remote. No secret is in an argument, an environment or
 * a layer of an image.
 *
 * The volume holds `releases/<digest>/<file>`, and a link `current`.
 */
export class Release extends pulumi.ComponentResource {
  /** The volume's name, known once a release is in it, so that whatever mounts it finds the files. */
  readonly mountableVolume: pulumi.Output<string>;
  /** The content's digest, known once the release is in the volume. */
  readonly digest: pulumi.Output<string>;
  /** The release's folder in the engine's own file system, once it is there. */
  readonly hostFolder: pulumi.Output<string>;

  constructor(name: string, args: ReleaseArgs, opts?: pulumi.ComponentResourceOptions) {
    super(COMPONENT.release, name, {}, opts);

    const volume = new docker.Volume(
      name,
      { name: dockerName(args.deployment, args.part), labels: labels(args.deployment, args.part) },
      onEngine(args.deployment, this),
    );

    // The content has more than 128 random bits, so its digest reveals nothing about it.
    const digest = pulumi.unsecret(
      pulumi.output(args.digest ?? pulumi.output(args.files).apply(releaseDigest)),
    );
    const delivered = new Program(
      `${name}-delivery`,
      {
        program: "deliver",
        input: {
          dockerHost: connectionOf(args.deployment),
          volume: volume.name,
          ...ownerOf(args.deployment),
          image: args.image,
          owner: args.owner,
          digest,
          files: args.files,
          reload: args.reload,
        },
        because: { [RECORDED.release]: digest },
      },
      { parent: this },
    );

    this.mountableVolume = pulumi.all([volume.name, delivered.id]).apply(([text]) => text);
    this.digest = pulumi.all([digest, delivered.id]).apply(([text]) => text);
    this.hostFolder = pulumi.interpolate`${volume.mountpoint}/releases/${this.digest}`;
    this.registerOutputs({ digest: this.digest });
  }
}
