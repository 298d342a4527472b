import * as pulumi from "@pulumi/pulumi";
import { clientCertificate, listName } from "../names/certificates.ts";
import { generationName, memberName } from "../names/resources.ts";
import { COMPONENT } from "../names/types.ts";
import { certificateEnd, listEnds } from "../render/certificateEnds.ts";
import type { ClientCheck } from "../render/proxyRelease.ts";
import { certificateDays } from "../settings/certificates.ts";
import { overlaps } from "../settings/overlaps.ts";
import type { ClientSettings } from "../settings/types.ts";
import type { End } from "./certificateEnds.ts";
import { ClientCertificate } from "./clientCertificate.ts";
import { Program } from "./program.ts";
import type { RotatedAuthority } from "./rotatedAuthority.ts";

/** A client with an ECDSA key, good while it is on the list: generation 1, nothing retired. */
export type ListedClient = Pick<ClientSettings, "name"> & Partial<ClientSettings>;

/** Arguments of {@link ClientList}. */
export interface ClientListArgs {
  readonly authority: RotatedAuthority;
  readonly clients: readonly ListedClient[];
  /** @default 365 */
  readonly validityDays?: number;
  /** An `up` renews a certificate this many days before it expires. @default 30 */
  readonly renewBeforeDays?: number;
}

/** What a client presents. */
export interface ClientCredential {
  /** PEM. */
  readonly certificate: string;
  /** PEM; absent if the certificate was made from a request, because its owner has the key. */
  readonly privateKey?: string;
}

/**
 * The one list of clients whose certificates are good. In an overlap a client has two. A revoked client's
 * certificates stay in the state, so that it is known what to refuse.
 */
export class ClientList extends pulumi.ComponentResource {
  /** Name -> what the client presents now; without revoked clients. Secret. */
  readonly credentials: pulumi.Output<Record<string, ClientCredential>>;
  /** What the proxy checks certificates against. */
  readonly check: pulumi.Output<ClientCheck>;
  /** Of the certificates that are good, and of the revocation lists. */
  readonly ends: readonly End[];

  constructor(name: string, args: ClientListArgs, opts?: pulumi.ComponentResourceOptions) {
    super(COMPONENT.clientList, name, {}, opts);

    const clients = args.clients.map(withDefaults).map((client) => ({
      client,
      current: this.#certificate(name, args, client, client.generation),
      ...(overlaps(client.generation, client.retired) && {
        previous: this.#certificate(name, args, client, client.generation - 1),
      }),
    }));
    const certificates = clients.flatMap(({ client, current, previous }) => [
      { client, generation: client.generation, certificate: current },
      ...(previous ? [{ client, generation: client.generation - 1, certificate: previous }] : []),
    ]);
    const lists = this.#revocationLists(
      name,
      args.authority,
      certificates
        .filter(({ client }) => client.revoked)
        .map(({ certificate }) => certificate.certificate),
    );

    this.credentials = pulumi.secret(
      pulumi
        .all(
          clients
            .filter(({ client }) => !client.revoked)
            .map(({ client, current: { certificate, privateKey } }) =>
              pulumi.all([client.name, certificate, privateKey]),
            ),
        )
        .apply((list) =>
          Object.fromEntries(
            list.map(([client, certificate, privateKey]): [string, ClientCredential] => [
              client,
              { certificate, ...(privateKey !== "" && { privateKey }) },
            ]),
          ),
        ),
    );
    this.check = pulumi
      .all([
        args.authority.bundle,
        lists,
        pulumi.all(
          certificates.map(({ client, certificate }) =>
            certificate.subject.apply((subject) => ({
              name: client.name,
              subject,
              revoked: client.revoked,
            })),
          ),
        ),
      ])
      .apply(([authorities, revocations, listed]) => ({ authorities, revocations, listed }));
    this.ends = [
      ...certificates
        .filter(({ client }) => !client.revoked)
        .map(({ client, generation, certificate: { certificate } }) => ({
          name: clientCertificate(client.name, generation),
          kind: "client" as const,
          source: "generated" as const,
          notAfter: certificate.apply(certificateEnd),
          ...daysOf(args),
        })),
      ...args.authority.trusted.map(({ certificate, end }, index) => ({
        ...end,
        name: listName(end.name),
        kind: "crl" as const,
        // A list is made to be valid as long as its authority.
        notAfter: pulumi
          .all([lists, certificate])
          .apply(([pem, authority]) => listEnds(pem)[index] ?? certificateEnd(authority)),
      })),
    ];
    this.registerOutputs({ credentials: this.credentials });
  }

  #certificate(prefix: string, args: ClientListArgs, client: ClientSettings, generation: number) {
    return new ClientCertificate(
      generationName(memberName(prefix, client.name), generation),
      {
        authority: args.authority,
        client: client.name,
        generation,
        past: generation !== client.generation,
        keyType: client.keyType,
        ...(client.csr !== undefined && { csr: client.csr }),
        validityDays: daysOf(args).lifetimeDays,
        renewBeforeDays: daysOf(args).renewBeforeDays,
      },
      { parent: this },
    );
  }

  /** One for each trusted authority, PEM. Entries stay, and a list is only created again for a reason. */
  #revocationLists(
    prefix: string,
    authority: RotatedAuthority,
    revoked: readonly pulumi.Output<string>[],
  ): pulumi.Output<string> {
    const program = new Program(
      `${prefix}-revocations`,
      {
        program: "crl",
        input: {
          authorities: authority.trusted.map(({ certificate, privateKey }) => ({
            certificate,
            privateKey,
          })),
          revoked: [...revoked],
        },
        remembers: true,
      },
      { parent: this },
    );
    // A revocation list is public.
    return pulumi.unsecret(program.stdout);
  }
}

function daysOf({ validityDays, renewBeforeDays }: ClientListArgs) {
  return {
    lifetimeDays: validityDays ?? certificateDays.clientValidityDays.fallback,
    renewBeforeDays: renewBeforeDays ?? certificateDays.renewBeforeDays.fallback,
  };
}

function withDefaults(client: ListedClient): ClientSettings {
  return { generation: 1, retired: 0, revoked: false, keyType: "ecdsa", ...client };
}
