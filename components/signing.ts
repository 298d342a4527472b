/** How our keys are made by the TLS provider, and certificates signed by it. */
import type * as pulumi from "@pulumi/pulumi";
import * as tls from "@pulumi/tls";
import { keyName, requestName } from "../names/resources.ts";
import type { ClientKeyType } from "../settings/types.ts";
import { dated } from "./dated.ts";

const KEYS = {
  ecdsa: { algorithm: "ECDSA", ecdsaCurve: "P256" },
  rsa: { algorithm: "RSA", rsaBits: 3072 },
} as const;

/** The private key for a certificate of that name. */
export function privateKeyFor(
  certificate: string,
  opts: pulumi.CustomResourceOptions,
  type: ClientKeyType = "ecdsa",
): tls.PrivateKey {
  return new tls.PrivateKey(keyName(certificate), KEYS[type], opts);
}

/**
 * A key and the certificate, PEM, that it signs itself. Its `issuer` is the certificate as the TLS provider
 * made it: only for the provider, which would sign everything anew with another text.
 */
export function selfSigned(
  name: string,
  args: Omit<tls.SelfSignedCertArgs, "privateKeyPem">,
  parent: pulumi.Resource,
) {
  const { privateKeyPem: privateKey } = privateKeyFor(name, { parent });
  const { certPem: issuer } = new tls.SelfSignedCert(
    name,
    { privateKeyPem: privateKey, ...args },
    { parent },
  );
  return { privateKey, issuer, certificate: dated(issuer, privateKey) };
}

/** What an authority signs with. */
export interface Signer {
  /** Its certificate as the TLS provider made it, PEM. */
  readonly issuer: pulumi.Output<string>;
  readonly privateKey: pulumi.Output<string>;
}

export interface SignedArgs {
  readonly privateKey: pulumi.Output<string>;
  readonly subject: tls.CertRequestArgs["subject"];
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
  readonly validityDays: number;
  /** An `up` within so many days of its end renews it. @default never */
  readonly renewBeforeDays?: number;
  readonly allowedUses: readonly string[];
  /** @default false */
  readonly isCa?: boolean;
}

/** A certificate, PEM, that an authority signs. */
export function signedBy(
  { issuer, privateKey }: Signer,
  name: string,
  args: SignedArgs,
  parent: pulumi.Resource,
): pulumi.Output<string> {
  const request = new tls.CertRequest(
    requestName(name),
    {
      privateKeyPem: args.privateKey,
      subject: args.subject,
      ...(args.dnsNames && { dnsNames: [...args.dnsNames] }),
      // An empty list would be a difference to the state that the engine has.
      ...(args.ipAddresses?.length && { ipAddresses: [...args.ipAddresses] }),
    },
    { parent },
  );
  const certificate = new tls.LocallySignedCert(
    name,
    {
      certRequestPem: request.certRequestPem,
      caPrivateKeyPem: privateKey,
      caCertPem: issuer,
      validityPeriodHours: args.validityDays * 24,
      ...(args.renewBeforeDays !== undefined && { earlyRenewalHours: args.renewBeforeDays * 24 }),
      ...(args.isCa && { isCaCertificate: true }),
      setSubjectKeyId: true,
      allowedUses: [...args.allowedUses],
    },
    { parent },
  );
  return dated(certificate.certPem, privateKey);
}
