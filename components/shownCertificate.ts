import type * as pulumi from "@pulumi/pulumi";
import type { CertificatePair } from "../render/proxyRelease.ts";

/** What a TLS server shows to its callers, wherever it comes from. */
export interface ShownCertificate {
  /** One certificate and its key; or an RSA and an ECDSA one. Secret. */
  readonly pairs: pulumi.Output<readonly CertificatePair[]>;
  /** Whether a container renews it where it is shown (`AcmeCertificates`); the first pair serves until then. */
  readonly renewed?: boolean;
}
