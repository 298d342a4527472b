import * as pulumi from "@pulumi/pulumi";
import { COMPONENT } from "../names/types.ts";
import { ORGANIZATION } from "../render/clientName.ts";
import { selfSigned } from "./signing.ts";

export interface CertificateAuthorityArgs {
  /** Its name in the certificate's subject. */
  readonly commonName: string;
  readonly validityDays: number;
}

/** A certificate authority of our own, with an ECDSA P-256 key that lives in the state only. */
export class CertificateAuthority extends pulumi.ComponentResource {
  /** PEM. */
  readonly certificate: pulumi.Output<string>;
  /** As the TLS provider made it. Only for the provider: with another text it would sign everything anew. */
  readonly issuer: pulumi.Output<string>;
  /** PEM. Secret. */
  readonly privateKey: pulumi.Output<string>;

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
    this.registerOutputs({ certificate: this.certificate });
  }
}
