import * as pulumi from "@pulumi/pulumi";
import { COMPONENT } from "../names/types.ts";
import { selfSigned } from "./signing.ts";

/** Ten years, renewed a year before the end. It only opens the server that it is made for. */
const VALIDITY_HOURS = 10 * 365 * 24;
const RENEWAL_HOURS = 365 * 24;

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

  constructor(name: string, opts?: pulumi.ComponentResourceOptions) {
    super(COMPONENT.selfSignedClient, name, {}, opts);

    const { certificate, privateKey } = selfSigned(
      name,
      {
        subject: { commonName: name },
        validityPeriodHours: VALIDITY_HOURS,
        earlyRenewalHours: RENEWAL_HOURS,
        allowedUses: ["digital_signature", "client_auth"],
      },
      this,
    );

    this.certificate = certificate;
    this.privateKey = privateKey;
    this.registerOutputs({ certificate: this.certificate });
  }
}
