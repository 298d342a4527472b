import * as pulumi from "@pulumi/pulumi";
import { COMPONENT } from "../names/types.ts";
import { certificateEnd } from "../render/certificateEnds.ts";
import { subjectNames } from "../render/serverNames.ts";
import { certificateDays } from "../settings/certificates.ts";
import type { End } from "./certificateEnds.ts";
import type { RotatedAuthority } from "./rotatedAuthority.ts";
import type { ShownCertificate } from "./shownCertificate.ts";
import { privateKeyFor, signedBy } from "./signing.ts";

/** Arguments of {@link ServerCertificate}. */
export interface ServerCertificateArgs {
  readonly authority: RotatedAuthority;
  /** The host name or IP address that it is for. */
  readonly serverName: string;
  /** Further ones, wildcards among them. @default none */
  readonly serverNames?: readonly string[];
  /** @default 90 */
  readonly validityDays?: number;
  /** An `up` renews it this many days before it expires. @default 30 */
  readonly renewBeforeDays?: number;
  /** Raising it makes a new key and certificate. @default 1 */
  readonly generation?: number;
  /** Who shows it, where its end is told. @default the component's name */
  readonly shownBy?: string;
}

/** A TLS server's ECDSA P-256 key and its certificate, signed by our own authority. */
export class ServerCertificate extends pulumi.ComponentResource implements ShownCertificate {
  readonly pairs: ShownCertificate["pairs"];
  /** PEM: the certificate, and after it the chain to an authority that clients may know. */
  readonly certificate: pulumi.Output<string>;
  /** PEM. Secret. */
  readonly privateKey: pulumi.Output<string>;
  readonly ends: readonly End[];

  constructor(name: string, args: ServerCertificateArgs, opts?: pulumi.ComponentResourceOptions) {
    super(COMPONENT.serverCertificate, name, {}, opts);
    const {
      validityDays = certificateDays.validityDays.fallback,
      renewBeforeDays = certificateDays.renewBeforeDays.fallback,
    } = args;

    const key = privateKeyFor(name, {
      parent: this,
      replacementTrigger: args.generation ?? 1,
    });
    const certificate = signedBy(
      args.authority.current,
      name,
      {
        privateKey: key.privateKeyPem,
        subject: { commonName: args.serverName },
        ...subjectNames([args.serverName, ...(args.serverNames ?? [])]),
        validityDays,
        renewBeforeDays,
        allowedUses: ["digital_signature", "server_auth"],
      },
      this,
    );

    this.certificate = pulumi.concat(certificate, args.authority.chain);
    this.privateKey = key.privateKeyPem;
    this.pairs = pulumi
      .all([this.certificate, this.privateKey])
      .apply(([shown, privateKey]) => [{ certificate: shown, privateKey }]);
    const end: End = {
      name: args.shownBy ?? name,
      kind: "server",
      source: "generated",
      notAfter: certificate.apply(certificateEnd),
      lifetimeDays: validityDays,
      renewBeforeDays,
    };
    this.ends = [end];
    this.registerOutputs({ certificate: this.certificate });
  }
}
