import * as pulumi from "@pulumi/pulumi";
import { COMPONENT } from "../names/types.ts";
import { ORGANIZATION } from "../render/clientName.ts";
import { certificateEnd } from "../render/certificateEnds.ts";
import type { End } from "./certificateEnds.ts";
import { selfSigned } from "./signing.ts";

/** Arguments of {@link CertificateAuthority}. */
export interface CertificateAuthorityArgs {
  /** Its name in the certificate's subject. */
  readonly commonName: string;
  readonly validityDays: number;
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
        subject: { commonName: args.commonName, organization: ORGANIZATION },
        validityPeriodHours: args.validityDays * 24,
        // The key stays, so what it signed stays good. Clients have a tenth of its life to get the new one.
        earlyRenewalHours: Math.floor((args.validityDays * 24) / 10),
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
      renewBeforeDays: args.validityDays / 10,
    };
    this.registerOutputs({ certificate: this.certificate });
  }
}
