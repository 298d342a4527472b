import * as pulumi from "@pulumi/pulumi";
import type { ServiceRole } from "../names/docker.ts";
import { COMPONENT } from "../names/types.ts";
import { renderBackendConfig } from "../render/backendConfig.ts";
import { serviceNeeds } from "../render/imageNeeds.ts";
import { databaseOf } from "./databaseOf.ts";
import { DATA } from "../settings/services.ts";
import type { DatabaseSettings, ServiceSettings } from "../settings/types.ts";
import { checkedImage } from "./checkedImage.ts";
import type { StackLimits } from "../settings/limits.ts";
import type { Deployment } from "./deployment.ts";
import { stackLimits } from "./engineSize.ts";
import { imageId } from "./image.ts";
import type { ServiceDatabase } from "./serviceDatabase.ts";
import { Service, SERVICE_OWNER } from "./service.ts";

const ROLE = "backend" satisfies ServiceRole;

/** Arguments of {@link Backend}. */
export interface BackendArgs {
  readonly deployment: Deployment;
  readonly settings: ServiceSettings;
  readonly database: DatabaseSettings;
  /** An image of Nginx with `stream`, where the database is outside of the stack. @default none */
  readonly doorImage?: string;
  /** Seconds that requests under way may still take when its container is replaced. */
  readonly drainSeconds: number;
  /** Raising it by one makes new passwords for its database. */
  readonly databaseGeneration: number;
  /** What its containers may take. @default as on an engine with 2 processors and 4 GiB of memory */
  readonly limits?: pulumi.Input<StackLimits>;
}

/**
 * CYBEX-P's store of encrypted records. It has no authentication of its own and runs what it is sent. The
 * proxy's password and a network with no way out protect it.
 */
export class Backend extends pulumi.ComponentResource {
  readonly service: Service;
  readonly database: ServiceDatabase;

  constructor(name: string, args: BackendArgs, opts?: pulumi.ComponentResourceOptions) {
    super(COMPONENT.backend, name, {}, opts);
    const { deployment, settings } = args;
    const image = checkedImage(
      `${name}-image`,
      imageId(`${name}-image`, settings.image, { engine: deployment.engine, parent: this }),
      deployment,
      serviceNeeds(ROLE, SERVICE_OWNER),
      this,
    );
    const limits = pulumi.output(
      args.limits ?? stackLimits({ backend: settings, database: args.database }),
    );

    this.database = databaseOf(
      `${name}-db`,
      {
        deployment,
        service: ROLE,
        settings: args.database,
        image,
        doorImage: args.doorImage,
        ...DATA[ROLE](settings.config),
        generation: args.databaseGeneration,
        limits: limits.backendDatabase,
      },
      this,
    );

    this.service = new Service(
      name,
      {
        deployment,
        role: ROLE,
        image,
        config: this.database.uri.apply((databaseUri) =>
          renderBackendConfig({ databaseUri, overrides: settings.config }),
        ),
        bind: settings.bind,
        databaseNetwork: this.database.network,
        files: this.database.files,
        drainSeconds: args.drainSeconds,
        limits: limits.backend,
      },
      { parent: this },
    );

    this.database.retireOthers(`${name}-db-retired-users`, this.service);
    this.registerOutputs({});
  }
}
