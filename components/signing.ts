/** How our keys are made by the TLS provider, and certificates signed by it. */
import * as pulumi from "@pulumi/pulumi";
import * as tls from "@pulumi/tls";
import { keyName, requestName } from "../names/resources.ts";
import type { ClientKeyType } from "../settings/types.ts";
import { checkOrganization } from "../render/clientName.ts";
import { subjectNames } from "../render/serverNames.ts";
import { dated } from "./dated.ts";
import { checked } from "./late.ts";

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
 * made it: only for the provider, which would sign everything again if the text differed.
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

/** As the TLS provider counts. */
export const hours = (days: pulumi.Input<number>): pulumi.Output<number> =>
  pulumi.output(days).apply((number) => number * 24);

/** The name in a certificate's subject, and the organization if there is one. */
export const subjectOf = (
  commonName: pulumi.Input<string>,
  organization: pulumi.Input<string> | undefined,
) => ({
  commonName,
  ...(organization !== undefined && { organization: checked(organization, checkOrganization) }),
});

/** What an authority signs with. */
export interface Signer {
  /** Its certificate as the TLS provider made it, PEM. */
  readonly issuer: pulumi.Output<string>;
  readonly privateKey: pulumi.Output<string>;
}

export interface SignedArgs {
  readonly privateKey: pulumi.Output<string>;
  readonly subject: tls.CertRequestArgs["subject"];
  /** Host names and IP addresses that it is for. @default none */
  readonly names?: pulumi.Input<readonly string[]>;
  readonly validityDays: pulumi.Input<number>;
  /** An `up` renews it this many days before it expires. @default never */
  readonly renewBeforeDays?: pulumi.Input<number>;
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
      ...(args.names !== undefined && {
        dnsNames: pulumi.output(args.names).apply((names) => subjectNames(names).dnsNames),
        // An empty list would be a difference to the state that the engine has.
        ipAddresses: pulumi.output(args.names).apply((names) => {
          const { ipAddresses } = subjectNames(names);
          return ipAddresses.length > 0 ? ipAddresses : undefined;
        }) as pulumi.Output<string[]>,
      }),
    },
    { parent },
  );
  const certificate = new tls.LocallySignedCert(
    name,
    {
      certRequestPem: request.certRequestPem,
      caPrivateKeyPem: privateKey,
      caCertPem: issuer,
      validityPeriodHours: hours(args.validityDays),
      ...(args.renewBeforeDays !== undefined && {
        earlyRenewalHours: hours(args.renewBeforeDays),
      }),
      ...(args.isCa && { isCaCertificate: true }),
      setSubjectKeyId: true,
      allowedUses: [...args.allowedUses],
    },
    { parent },
  );
  return dated(certificate.certPem, privateKey);
}
