import * as pulumi from "@pulumi/pulumi";
import { COMPONENT } from "../names/types.ts";
import { certificateEnd } from "../render/certificateEnds.ts";
import type { End } from "./certificateEnds.ts";
import { selfSigned } from "./signing.ts";

/** Ten years, renewed a year before the end. It only opens the server that it is made for. */
const VALIDITY_DAYS = 10 * 365;
const RENEWAL_DAYS = 365;

/**
 * A client certificate for one server of the stack: of its health check, or of the proxy in front of it.
 * It vouches for itself. No authority of the stack signs it, so somebody who reads it in a container can't get
 * in anywhere else.
 */
export class SelfSignedClient extends pulumi.ComponentResource {
  /** PEM; its server has to trust it as an authority. */
  readonly certificate: pulumi.Output<string>;
  /** PEM. Secret. */
  readonly privateKey: pulumi.Output<string>;
  readonly end: End;

  constructor(name: string, opts?: pulumi.ComponentResourceOptions) {
    super(COMPONENT.selfSignedClient, name, {}, opts);

    const { certificate, privateKey } = selfSigned(
      name,
      {
        subject: { commonName: name },
        validityPeriodHours: VALIDITY_DAYS * 24,
        earlyRenewalHours: RENEWAL_DAYS * 24,
        allowedUses: ["digital_signature", "client_auth"],
      },
      this,
    );

    this.certificate = certificate;
    this.privateKey = privateKey;
    this.end = {
      name,
      kind: "internal",
      source: "generated",
      notAfter: this.certificate.apply(certificateEnd),
      lifetimeDays: VALIDITY_DAYS,
      renewBeforeDays: RENEWAL_DAYS,
    };
    this.registerOutputs({ certificate: this.certificate });
  }
}
