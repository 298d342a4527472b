import type * as pulumi from "@pulumi/pulumi";
import type { CertificatePair } from "../render/proxyRelease.ts";
import type { End } from "./certificateEnds.ts";

/** What a TLS server shows to its callers, wherever it comes from. */
export interface ShownCertificate {
  /** One certificate and its key; or an RSA and an ECDSA one. Secret. */
  readonly pairs: pulumi.Output<readonly CertificatePair[]>;
  /** Whether a responder is asked for OCSP answers, to hand out with them. @default false */
  readonly stapled?: boolean;
  /** When they expire. */
  readonly ends: readonly End[];
  /**
   * For which names a container renews it where the server finds it (`AcmeCertificates`); the first of `pairs` is
   * shown until then. @default nobody renews it, `pairs` is what is shown
   */
  readonly renewed?: { readonly names: readonly string[] };
}
