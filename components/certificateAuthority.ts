import * as pulumi from "@pulumi/pulumi";
import { COMPONENT } from "../names/types.ts";
import { certificateEnd } from "../render/certificateEnds.ts";
import type { End } from "./certificateEnds.ts";
import { hours, selfSigned, subjectOf } from "./signing.ts";

/** Arguments of {@link CertificateAuthority}. */
export interface CertificateAuthorityArgs {
  /** Its name in the certificate's subject, such as `example server CA`. */
  readonly commonName: pulumi.Input<string>;
  /** The organization there, such as `Example University`. @default none */
  readonly organization?: pulumi.Input<string> | undefined;
  readonly validityDays: pulumi.Input<number>;
}

/** A certificate authority of our own, with an ECDSA P-256 key that lives in the state only. */
export class CertificateAuthority extends pulumi.ComponentResource {
  /** PEM. */
  readonly certificate: pulumi.Output<string>;
  /** As the TLS provider created it. Only for the provider, which would sign everything again if the text differed. */
  readonly issuer: pulumi.Output<string>;
  /** PEM. Secret. */
  readonly privateKey: pulumi.Output<string>;
  readonly end: End;

  constructor(
    name: string,
    args: CertificateAuthorityArgs,
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super(COMPONENT.certificateAuthority, name, {}, opts);

    const { certificate, issuer, privateKey } = selfSigned(
      name,
      {
        subject: subjectOf(args.commonName, args.organization),
        validityPeriodHours: hours(args.validityDays),
        // The key stays, so what it signed stays good. Clients have a tenth of its life to get the new one.
        earlyRenewalHours: hours(args.validityDays).apply((all) => Math.floor(all / 10)),
        isCaCertificate: true,
        setSubjectKeyId: true,
        allowedUses: ["cert_signing", "crl_signing"],
      },
      this,
    );

    this.issuer = issuer;
    this.certificate = certificate;
    this.privateKey = privateKey;
    this.end = {
      name,
      kind: "authority",
      source: "generated",
      notAfter: this.certificate.apply(certificateEnd),
      lifetimeDays: args.validityDays,
      renewBeforeDays: pulumi.output(args.validityDays).apply((days) => days / 10),
    };
    this.registerOutputs({ certificate: this.certificate });
  }
}
