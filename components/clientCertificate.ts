import * as pulumi from "@pulumi/pulumi";
import * as tls from "@pulumi/tls";
import { clockName, RECORDED } from "../names/resources.ts";
import { COMPONENT } from "../names/types.ts";
import {
  type CertifiedClient,
  clientHost,
  clientSerial,
  clientSubject,
} from "../render/clientName.ts";
import { parseCertificateRequest, publicKeyOf } from "../settings/certificateRequest.ts";
import { Fault } from "../settings/fault.ts";
import type { ClientKeyType } from "../settings/types.ts";
import { checked } from "./late.ts";
import { Program } from "./program.ts";
import type { RotatedAuthority } from "./rotatedAuthority.ts";
import { hours, privateKeyFor, signedBy, subjectOf } from "./signing.ts";

export interface ClientCertificateArgs {
  readonly authority: RotatedAuthority;
  /** The client's name. */
  readonly client: string;
  readonly generation: number;
  /** Whether it is the generation before the one in use, which must not change any more. */
  readonly past: boolean;
  readonly keyType: ClientKeyType;
  /** A request made elsewhere, PEM, instead of a key of ours. */
  readonly csr?: pulumi.Input<string>;
  /** In the subject. @default none */
  readonly organization?: pulumi.Input<string> | undefined;
  readonly validityDays: pulumi.Input<number>;
  /** An `up` renews it this many days before it expires, with the same key and name. */
  readonly renewBeforeDays: pulumi.Input<number>;
}

/** The certificate of one client and generation. */
export class ClientCertificate extends pulumi.ComponentResource {
  /** PEM. */
  readonly certificate: pulumi.Output<string>;
  /** PEM; empty if its owner made the key. Secret. */
  readonly privateKey: pulumi.Output<string>;
  /** The whole subject, as the proxy knows it. */
  readonly subject: pulumi.Output<string>;

  constructor(name: string, args: ClientCertificateArgs, opts?: pulumi.ComponentResourceOptions) {
    super(COMPONENT.clientCertificate, name, {}, opts);

    const made =
      args.csr === undefined
        ? this.#ofOwnKey(name, args)
        : this.#ofRequest(name, { ...args, csr: args.csr });
    this.certificate = made.certificate;
    this.privateKey = made.privateKey;
    this.subject = made.subject;
    this.registerOutputs({ subject: this.subject });
  }

  #ofOwnKey(name: string, args: ClientCertificateArgs) {
    const { client } = args;
    const past = args.past && { ignoreChanges: ["algorithm", "ecdsaCurve", "rsaBits"] };
    const key = privateKeyFor(name, { parent: this, ...past }, args.keyType);
    const id = idOf(args, key.publicKeyPem);
    const host = clientHost(client);
    const certificate = signedBy(
      args.authority.current,
      name,
      {
        privateKey: key.privateKeyPem,
        subject: { ...subjectOf(client, args.organization), serialNumber: id.apply(clientSerial) },
        ...(host !== undefined && { names: [host] }),
        validityDays: args.validityDays,
        renewBeforeDays: args.renewBeforeDays,
        allowedUses: ["digital_signature", "client_auth"],
      },
      this,
    );
    return {
      certificate,
      privateKey: key.privateKeyPem,
      subject: id.apply(clientSubject),
    };
  }

  /** The TLS provider copies the name that a request asks for, so a program of our own signs. */
  #ofRequest(name: string, args: ClientCertificateArgs & { readonly csr: pulumi.Input<string> }) {
    const { client } = args;
    const { current } = args.authority;
    // A request is public, whatever the config calls it.
    const publicKey = pulumi.unsecret(checkedRequest(client, args.csr)).apply(publicKeyOf);
    const id = idOf(args, publicKey);
    const signed = new Program(
      name,
      {
        program: "sign-request",
        input: {
          authority: { certificate: current.issuer, privateKey: current.privateKey },
          name: client,
          serial: id.apply(clientSerial),
          ...(args.organization !== undefined && { organization: args.organization }),
          publicKey,
          validityDays: args.validityDays,
        },
        because: { [RECORDED.subject]: id.apply(clientSubject), SINCE: this.#clock(name, args) },
      },
      { parent: this, ...(args.past && { ignoreChanges: ["stdin", "environment"] }) },
    );
    return {
      // It says nothing that the client doesn't show to every server.
      certificate: pulumi.unsecret(signed.stdout),
      privateKey: pulumi.secret(""),
      // For the generation before: the subject that it was signed with, not that of the new request.
      subject: signed.environment.apply((because) => because?.[RECORDED.subject] ?? ""),
    };
  }

  /** A certificate that nobody uses: the TLS provider renews it when the one of the request is due. */
  #clock(name: string, args: ClientCertificateArgs): pulumi.Output<string> {
    const clock = clockName(name);
    const key = privateKeyFor(clock, { parent: this });
    return new tls.SelfSignedCert(
      clock,
      {
        privateKeyPem: key.privateKeyPem,
        subject: { commonName: `the renewal of ${name}` },
        validityPeriodHours: hours(args.validityDays),
        earlyRenewalHours: hours(args.renewBeforeDays),
        allowedUses: ["digital_signature"],
      },
      { parent: this },
    ).validityStartTime;
  }
}

/** What distinguishes the certificate. */
const idOf = (
  { client: name, generation, organization }: ClientCertificateArgs,
  key: pulumi.Output<string>,
): pulumi.Output<CertifiedClient> =>
  pulumi
    .all([key, organization])
    .apply(([publicKey, text]) => ({ name, generation, publicKey, organization: text }));

const checkedRequest = (client: string, csr: pulumi.Input<string>) =>
  checked(csr, (pem) => {
    const fault = parseCertificateRequest(pem);
    if (fault instanceof Fault) {
      throw new RangeError(`the request of ${client}: ${fault.reason} ${fault.remedy}`);
    }
  });
