import * as pulumi from "@pulumi/pulumi";
import { crossName } from "../names/certificates.ts";
import { generationName } from "../names/resources.ts";
import { COMPONENT } from "../names/types.ts";
import { certificateEnd } from "../render/certificateEnds.ts";
import { ORGANIZATION } from "../render/clientName.ts";
import { certificateDays } from "../settings/certificates.ts";
import type { End } from "./certificateEnds.ts";
import { CertificateAuthority } from "./certificateAuthority.ts";
import { signedBy } from "./signing.ts";

/** Arguments of {@link RotatedAuthority}. */
export interface RotatedAuthorityArgs {
  readonly commonName: string;
  /** @default 3650 */
  readonly validityDays?: number;
  /** The authority that signs; the next number makes the next one. @default 1 */
  readonly generation?: number;
  /** Whether clients that only know the one before are still served. @default false */
  readonly overlap?: boolean;
  /**
   * Whether the one before vouches for the new one, for verifiers that only know the one before. Not needed
   * if all verifiers get the bundle. @default true
   */
  readonly vouched?: boolean;
}

/**
 * A certificate authority with a past. In an overlap the new one signs, and the one before vouches for it by a
 * cross certificate that servers send along. So it doesn't matter whether a client has the old one, the new
 * one, or both.
 */
export class RotatedAuthority extends pulumi.ComponentResource {
  /** The authority that signs now. */
  readonly current: CertificateAuthority;
  /** What clients should trust, PEM: the new one and, in an overlap, the old one. */
  readonly bundle: pulumi.Output<string>;
  /** All trusted authorities: the one that signs now and, in an overlap, the one before. */
  readonly trusted: readonly CertificateAuthority[];
  /** What a server sends after its own certificate, PEM: empty without an overlap. */
  readonly chain: pulumi.Output<string>;
  readonly ends: readonly End[];

  constructor(name: string, args: RotatedAuthorityArgs, opts?: pulumi.ComponentResourceOptions) {
    super(COMPONENT.rotatedAuthority, name, {}, opts);
    const { generation = 1 } = args;

    this.current = this.#authority(name, generation, args);
    let cross: pulumi.Output<string> | undefined;
    if (args.overlap) {
      const previous = this.#authority(name, generation - 1, args);
      this.trusted = [this.current, previous];
      this.bundle = pulumi.concat(this.current.certificate, previous.certificate);
      cross =
        (args.vouched ?? true)
          ? this.#crossCertificate(crossName(name, generation), previous, args, generation)
          : undefined;
    } else {
      this.trusted = [this.current];
      this.bundle = this.current.certificate;
    }
    this.chain = cross ?? pulumi.output("");
    this.ends = [
      ...this.trusted.map(({ end }) => end),
      ...(cross ? [crossEnd(crossName(name, generation), cross, args)] : []),
    ];
    this.registerOutputs({ bundle: this.bundle });
  }

  #authority(name: string, generation: number, args: RotatedAuthorityArgs): CertificateAuthority {
    return new CertificateAuthority(
      generationName(name, generation),
      { commonName: nameOf(args, generation), validityDays: validityDaysOf(args) },
      { parent: this },
    );
  }

  /** The new authority's name and key, signed by the one before. */
  #crossCertificate(
    name: string,
    previous: CertificateAuthority,
    args: RotatedAuthorityArgs,
    generation: number,
  ): pulumi.Output<string> {
    return signedBy(
      previous,
      name,
      {
        privateKey: this.current.privateKey,
        subject: { commonName: nameOf(args, generation), organization: ORGANIZATION },
        validityDays: validityDaysOf(args),
        isCa: true,
        allowedUses: ["cert_signing", "crl_signing"],
      },
      this,
    );
  }
}

/** Each generation has a name of its own, so that clients with both don't confuse them. */
function nameOf(args: RotatedAuthorityArgs, generation: number): string {
  return `${args.commonName} ${generation}`;
}

/** Nothing renews it: it goes with the authority before. */
function crossEnd(
  name: string,
  certificate: pulumi.Output<string>,
  args: RotatedAuthorityArgs,
): End {
  const notAfter = certificate.apply(certificateEnd);
  return { name, kind: "cross", source: "generated", notAfter, lifetimeDays: validityDaysOf(args) };
}

function validityDaysOf({ validityDays }: RotatedAuthorityArgs): number {
  return validityDays ?? certificateDays.caValidityDays.fallback;
}
