import * as pulumi from "@pulumi/pulumi";
import * as tls from "@pulumi/tls";
import { generationName, memberName, requestName } from "../names/resources.ts";
import { COMPONENT } from "../names/types.ts";
import { certificateEnd } from "../render/certificateEnds.ts";
import type { CertificatePair } from "../render/proxyRelease.ts";
import { subjectNames } from "../render/serverNames.ts";
import { Fault } from "../settings/fault.ts";
import { type SuppliedEntry, suppliedPair } from "../settings/suppliedCertificates.ts";
import type { End } from "./certificateEnds.ts";
import { refusal } from "./refusal.ts";
import type { ShownCertificate } from "./shownCertificate.ts";
import { privateKeyFor } from "./signing.ts";

export interface SuppliedCertificateArgs {
  /** One certificate, or an RSA and an ECDSA one. */
  readonly entries: readonly SuppliedEntry[];
  /** The names that they must be for. */
  readonly names: readonly string[];
  /** PEM: what callers trust. @default the public authorities */
  readonly authorities?: string | undefined;
  /** The next number makes a new key and request; certificates of the key before are still taken. @default 1 */
  readonly generation?: number;
  /** Whether Nginx staples OCSP answers, for which it needs the issuer in the chain. @default false */
  readonly ocspStapling?: boolean;
  /** The server that shows it, in warnings and outputs. @default the component's own name */
  readonly shownBy?: string;
  /** What is shown until there is a certificate. */
  readonly interim: () => ShownCertificate;
}

/**
 * A TLS server's certificate from an authority of the operator's. The private key is supplied, too; or the stack
 * makes it, offers a certificate request, and shows an interim certificate until the signed one is there.
 */
export class SuppliedCertificate extends pulumi.ComponentResource implements ShownCertificate {
  readonly pairs: ShownCertificate["pairs"];
  readonly stapled: boolean;
  readonly ends: ShownCertificate["ends"];
  /** Requests to get signed, PEM, by the kind of their key: `ecdsa` or `rsa`. */
  readonly requests: Readonly<Record<string, pulumi.Output<string>>>;

  constructor(name: string, args: SuppliedCertificateArgs, opts?: pulumi.ComponentResourceOptions) {
    super(COMPONENT.suppliedCertificate, name, {}, opts);
    const { entries, names, generation = 1 } = args;

    const requests: Record<string, pulumi.Output<string>> = {};
    const pairs = entries.flatMap(({ certificate, privateKey, keyType }) => {
      const keys =
        privateKey === undefined
          ? this.#keys(memberName(name, keyType), keyType, generation)
          : [pulumi.secret(privateKey)];
      if (privateKey === undefined && keys[0] !== undefined) {
        requests[keyType] = this.#request(memberName(name, keyType), keys[0], names);
      }
      return certificate === undefined
        ? []
        : [pulumi.all(keys).apply((known) => pairOf(certificate, known, args))];
    });

    this.requests = requests;
    this.stapled = args.ocspStapling === true && pairs.length > 0;
    const interim = pairs.length > 0 ? undefined : args.interim();
    this.pairs = interim?.pairs ?? pulumi.all(pairs);
    this.ends =
      interim?.ends ?? pairs.map((pair, index) => endOf(pair, index, args.shownBy ?? name));
    this.registerOutputs({ requests });
  }

  /** The key in use and the one before: a certificate may take weeks to be signed. */
  #keys(name: string, type: SuppliedEntry["keyType"], generation: number): pulumi.Output<string>[] {
    return [generation, generation - 1]
      .filter((number) => number > 0)
      .map(
        (number) =>
          privateKeyFor(generationName(name, number), { parent: this }, type).privateKeyPem,
      );
  }

  #request(
    name: string,
    privateKeyPem: pulumi.Output<string>,
    names: readonly string[],
  ): pulumi.Output<string> {
    const { dnsNames, ipAddresses } = subjectNames(names);
    const [commonName = ""] = names;
    return new tls.CertRequest(
      requestName(name),
      {
        privateKeyPem,
        subject: { commonName },
        dnsNames,
        // An empty list would be a difference to the state that the engine has.
        ...(ipAddresses.length > 0 && { ipAddresses }),
      },
      { parent: this },
    ).certRequestPem;
  }
}

/** Of two certificates of a server, the second has a name of its own. */
function endOf(pair: pulumi.Output<CertificatePair>, index: number, server: string): End {
  return {
    name: index === 0 ? server : `${server}-${index + 1}`,
    kind: "server",
    source: "supplied",
    // Secret only for the key beside it.
    notAfter: pulumi.unsecret(pair.apply(({ certificate }) => certificateEnd(certificate))),
  };
}

function pairOf(
  certificate: string,
  keys: readonly string[],
  { names, authorities, ocspStapling }: SuppliedCertificateArgs,
) {
  const pair = suppliedPair(certificate, keys, {
    names,
    authorities,
    now: new Date(),
    withIssuer: ocspStapling === true,
  });
  if (pair instanceof Fault) {
    throw refusal(`cybexp:certificates.supplied: ${pair.reason} ${pair.remedy}`);
  }
  return pair;
}
