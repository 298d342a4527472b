import type * as pulumi from "@pulumi/pulumi";
import type { DatabaseRole, ServiceRole } from "../names/docker.ts";
import { databaseRole } from "../names/docker.ts";
import type { HostAddress } from "../render/databaseDoor.ts";
import type { ContainerLimits } from "../settings/limits.ts";
import type { DatabaseSettings } from "../settings/types.ts";
import { Database } from "./database.ts";
import type { Deployment } from "./deployment.ts";
import { ExternalDatabase } from "./externalDatabase.ts";
import type { ServiceDatabase } from "./serviceDatabase.ts";

export interface DatabaseOfArgs {
  readonly deployment: Deployment;
  readonly service: ServiceRole;
  readonly settings: DatabaseSettings;
  /** The service's image, by id: it has the driver that asks a database outside of the stack. */
  readonly image: pulumi.Output<string>;
  /** An image of Nginx with `stream`, for a database outside of the stack. */
  readonly doorImage: string | undefined;
  /** The name of the service's database (`db_name`). */
  readonly database: string;
  /** The collections with what must not be lost. */
  readonly collections: readonly string[];
  readonly generation: number;
  readonly limits: pulumi.Input<ContainerLimits>;
}

/** The stack's own database for a service, or the way to one outside of it. */
export function databaseOf(
  name: string,
  args: DatabaseOfArgs,
  parent: pulumi.Resource,
): ServiceDatabase {
  const { deployment, service, settings, database } = args;
  const role: DatabaseRole = databaseRole(service);
  const uri = settings.uri?.[service];
  if (uri === undefined) {
    const { generation, limits } = args;
    return new Database(
      name,
      {
        ...{ deployment, role, database, generation, limits },
        image: required(settings.image, "an image for the database"),
        publish: settings.publish[service],
        ...(settings.featureCompatibility !== undefined && {
          featureCompatibility: settings.featureCompatibility,
        }),
      },
      { parent },
    );
  }
  const addresses: readonly HostAddress[] = settings.hosts ?? [];
  const { ca } = settings;
  return new ExternalDatabase(
    name,
    {
      ...{ deployment, role, service, uri, addresses, database },
      ...(ca !== undefined && { ca }),
      collections: args.collections,
      left: settings.left ?? [],
      serviceImage: args.image,
      doorImage: required(args.doorImage, "an image of Nginx for the way to the database"),
    },
    { parent },
  );
}

function required<T>(value: T | undefined, what: string): T {
  if (value === undefined) {
    throw new RangeError(`${what} is missing`);
  }
  return value;
}
