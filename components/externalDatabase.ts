import * as pulumi from "@pulumi/pulumi";
import { type DatabaseRole, type ServiceRole, SPOKEN } from "../names/docker.ts";
import { RECORDED } from "../names/resources.ts";
import { COMPONENT } from "../names/types.ts";
import type { HostAddress } from "../render/databaseDoor.ts";
import { placeOf, type ResolvedHosts, serviceUri, writtenHosts } from "../render/serviceUri.ts";
import { readDatabaseUri } from "../settings/databaseUri.ts";
import { DatabaseDoor } from "./databaseDoor.ts";
import { connectionOf, type Deployment, dockerName, ownerOf } from "./deployment.ts";
import { Program } from "./program.ts";
import type { ServiceDatabase } from "./serviceDatabase.ts";

/** The path of the CA's certificates in the service's container. */
export const CA_FILE = "/database-ca.pem";

export interface ExternalDatabaseArgs {
  readonly deployment: Deployment;
  /** Its service's role and `-db`. */
  readonly role: DatabaseRole;
  readonly service: ServiceRole;
  /** The connection string, with user and password. Secret. */
  readonly uri: string;
  /** PEM: the CA of its certificate. @default the public ones that the service's image knows */
  readonly ca?: string;
  /** Hosts that the engine's DNS does not know. */
  readonly addresses: readonly HostAddress[];
  /** The service's database there. */
  readonly database: string;
  /** The collections with what must not be lost. */
  readonly collections: readonly string[];
  /** Databases that the operator allows to be left, as in `cybexp:database.left`. */
  readonly left: readonly string[];
  /** The service's image, by id: it has the driver that asks. */
  readonly serviceImage: pulumi.Output<string>;
  /** An Nginx with `stream`. */
  readonly doorImage: string;
}

/** A database that the stack does not run: it is asked, and the service gets a way to it and to nothing else. */
export class ExternalDatabase extends pulumi.ComponentResource implements ServiceDatabase {
  readonly network: pulumi.Output<string>;
  readonly uri: pulumi.Output<string>;
  readonly files: Readonly<Record<string, string>>;
  readonly check: Record<string, unknown>;
  readonly identity: string;

  constructor(name: string, args: ExternalDatabaseArgs, opts?: pulumi.ComponentResourceOptions) {
    super(COMPONENT.externalDatabase, name, {}, opts);
    const { deployment, service, ca, addresses, database, collections } = args;
    const uri = readDatabaseUri(args.uri);
    const place = placeOf(uri, database);
    this.identity = place;
    const question = {
      service: SPOKEN[service],
      uri: pulumi.secret(args.uri),
      ca,
      database,
      collections,
    };
    const reach = new Program(
      `${name}-reach`,
      {
        program: "database-reach",
        input: {
          ...question,
          dockerHost: connectionOf(deployment),
          ...ownerOf(deployment),
          image: args.serviceImage,
          addresses,
          place,
          role: service,
          containers: { own: dockerName(deployment, args.role) },
          left: args.left,
          throwaway: deployment.throwaway,
        },
        because: { [RECORDED.database]: place },
        remembers: true,
      },
      // It says where the data is: without it, the service would get a new and empty database.
      { parent: this, protect: !deployment.throwaway },
    );
    // The names of hosts are no secret: whoever has the service's network finds them.
    const asked = pulumi.unsecret(reach.stdout).apply((text) => JSON.parse(text) as ResolvedHosts);
    const written = writtenHosts(uri);
    const hosts: pulumi.Output<ResolvedHosts> =
      written === undefined
        ? asked
        : pulumi.runtime.isDryRun()
          ? pulumi.output(written)
          : asked.apply(() => written);

    const door = new DatabaseDoor(
      `${name}-door`,
      { deployment, role: args.role, image: args.doorImage, hosts, addresses },
      { parent: this },
    );

    const caFile = ca === undefined ? undefined : CA_FILE;
    this.network = door.network;
    this.files = ca === undefined ? {} : { [CA_FILE]: ca };
    this.uri = pulumi.secret(hosts.apply((resolved) => serviceUri(uri, resolved, caFile)));
    this.check = {
      ...question,
      caFile,
      hosts,
      // The service's own container asks.
      container: dockerName(deployment, service),
      external: true,
    };
    this.registerOutputs({ network: this.network, uri: this.uri });
  }

  /** The stack has no users there. */
  retireOthers(): void {
    // Nothing to do.
  }
}
