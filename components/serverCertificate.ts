import * as pulumi from "@pulumi/pulumi";
import * as tls from "@pulumi/tls";
import { keyName } from "../names/resources.ts";
import { COMPONENT } from "../names/types.ts";
import { certificateDays } from "../settings/certificates.ts";
import { dated } from "./dated.ts";
import type { RotatedAuthority } from "./rotatedAuthority.ts";

export interface ServerCertificateArgs {
  readonly authority: RotatedAuthority;
  /** The one host name that it is for. */
  readonly serverName: string;
  /** @default 90 */
  readonly validityDays?: number;
  /** An `up` within so many days of its end renews it. @default 30 */
  readonly renewBeforeDays?: number;
  /** Raising it makes a new key and certificate. @default 1 */
  readonly generation?: number;
}

/** A TLS server's ECDSA P-256 key and its certificate, signed by our own authority. */
export class ServerCertificate extends pulumi.ComponentResource {
  /** PEM: the certificate, and after it what leads to an authority that a client may know. */
  readonly certificate: pulumi.Output<string>;
  /** PEM. Secret. */
  readonly privateKey: pulumi.Output<string>;

  constructor(name: string, args: ServerCertificateArgs, opts?: pulumi.ComponentResourceOptions) {
    super(COMPONENT.serverCertificate, name, {}, opts);
    const {
      validityDays = certificateDays.validityDays.fallback,
      renewBeforeDays = certificateDays.renewBeforeDays.fallback,
    } = args;

    const key = new tls.PrivateKey(
      keyName(name),
      { algorithm: "ECDSA", ecdsaCurve: "P256" },
      { parent: this, replacementTrigger: args.generation ?? 1 },
    );
    const request = new tls.CertRequest(
      `${name}-request`,
      {
        privateKeyPem: key.privateKeyPem,
        subject: { commonName: args.serverName },
        dnsNames: [args.serverName],
      },
      { parent: this },
    );
    const certificate = new tls.LocallySignedCert(
      name,
      {
        certRequestPem: request.certRequestPem,
        caPrivateKeyPem: args.authority.current.privateKey,
        caCertPem: args.authority.current.issuer,
        validityPeriodHours: validityDays * 24,
        earlyRenewalHours: renewBeforeDays * 24,
        setSubjectKeyId: true,
        allowedUses: ["digital_signature", "server_auth"],
      },
      { parent: this },
    );

    this.certificate = pulumi.concat(
      dated(certificate.certPem, args.authority.current.privateKey),
      args.authority.chain,
    );
    this.privateKey = key.privateKeyPem;
    this.registerOutputs({ certificate: this.certificate });
  }
}
