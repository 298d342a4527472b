import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { certificatesVolume } from "../names/docker.ts";
import { COMPONENT } from "../names/types.ts";
import type { CertificatePair } from "../render/proxyRelease.ts";
import {
  connectionOf,
  type Deployment,
  dockerName,
  labels,
  ownerOf,
  onEngine,
} from "./deployment.ts";
import { Program } from "./program.ts";
import type { ShownCertificate } from "./shownCertificate.ts";

export interface CertificateVolumeArgs {
  readonly deployment: Deployment;
  /** The server that shows the certificate. */
  readonly role: string;
  /** If absent, nothing is put into the volume. */
  readonly interim?: InterimCertificate | undefined;
}

/** What the server shows until an ACME server has issued a certificate. */
export interface InterimCertificate {
  readonly pairs: ShownCertificate["pairs"];
  /** What the certificate is for. */
  readonly names: readonly string[];
  /** `uid:gid`: the user of the container that renews the certificate, and the group of the server. */
  readonly owner: string;
  /** An image with a POSIX shell and `tar`. */
  readonly image: pulumi.Input<string>;
}

/**
 * Where a server finds the certificate that a container of ours renews. If the volume is lost, that container puts
 * its certificate there again.
 */
export class CertificateVolume extends pulumi.ComponentResource {
  /** The volume's name, known once a certificate is in it. */
  readonly volumeName: pulumi.Output<string>;

  constructor(name: string, args: CertificateVolumeArgs, opts?: pulumi.ComponentResourceOptions) {
    super(COMPONENT.certificateVolume, name, {}, opts);
    const { deployment, interim } = args;
    const part = certificatesVolume(args.role);
    const volume = new docker.Volume(
      name,
      { name: dockerName(deployment, part), labels: labels(deployment, part) },
      onEngine(deployment, this),
    );
    const seeded =
      interim &&
      new Program(
        `${name}-interim`,
        {
          program: "interim-certificate",
          input: {
            dockerHost: connectionOf(deployment),
            ...ownerOf(deployment),
            volume: volume.name,
            image: interim.image,
            owner: interim.owner,
            names: interim.names,
            certificate: interim.pairs.apply((pairs) => first(pairs).certificate),
            privateKey: interim.pairs.apply((pairs) => first(pairs).privateKey),
          },
        },
        { parent: this },
      );
    // In a preview nothing waits: an unknown name would show a replacement of the server.
    this.volumeName =
      seeded === undefined || pulumi.runtime.isDryRun()
        ? volume.name
        : pulumi.all([volume.name, seeded.id]).apply(([text]) => text);
    this.registerOutputs({ volumeName: this.volumeName });
  }
}

function first([pair]: readonly CertificatePair[]): CertificatePair {
  if (pair === undefined) {
    throw new RangeError("a server needs a certificate to show until it has one from elsewhere");
  }
  return pair;
}
