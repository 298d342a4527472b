import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { KMS_KEYS, type ServiceRole } from "../names/docker.ts";
import { COMPONENT } from "../names/types.ts";
import { serviceNeeds } from "../render/imageNeeds.ts";
import { kmsKeyFiles, renderKmsConfig } from "../render/kmsConfig.ts";
import { databaseOf } from "./databaseOf.ts";
import { DATA } from "../settings/services.ts";
import type { DatabaseSettings, ServiceSettings } from "../settings/types.ts";
import { checkedImage } from "./checkedImage.ts";
import type { StackLimits } from "../settings/limits.ts";
import { DataVolume } from "./dataVolume.ts";
import { connectionOf, type Deployment } from "./deployment.ts";
import { stackLimits } from "./engineSize.ts";
import { imageId } from "./image.ts";
import { Program } from "./program.ts";
import type { ServiceDatabase } from "./serviceDatabase.ts";
import { Service, SERVICE_OWNER } from "./service.ts";

const ROLE = "kms" satisfies ServiceRole;

/** Arguments of {@link Kms}. */
export interface KmsArgs {
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
  /** Raising it makes a new token-signing key, which revokes every token. */
  readonly jwtKeyGeneration: number;
}

/** CYBEX-P's key management server: holds the keys, and hands them to callers with one of its tokens. */
export class Kms extends pulumi.ComponentResource {
  readonly service: Service;
  readonly database: ServiceDatabase;
  /** The key that signs tokens, 64 hex digits. Secret. */
  readonly jwtKey: pulumi.Output<string>;

  constructor(name: string, args: KmsArgs, opts?: pulumi.ComponentResourceOptions) {
    super(COMPONENT.kms, name, {}, opts);
    const { deployment, settings } = args;
    const image = checkedImage(
      `${name}-image`,
      imageId(`${name}-image`, settings.image, { engine: deployment.engine, parent: this }),
      deployment,
      serviceNeeds(ROLE, SERVICE_OWNER),
      this,
    );
    const limits = pulumi.output(
      args.limits ?? stackLimits({ kms: settings, database: args.database }),
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
        limits: limits.kmsDatabase,
      },
      this,
    );

    // 32 bytes, as HS256 wants (RFC 7518, 3.2); the manual's recipe makes 16.
    const jwtKey = new random.RandomBytes(
      `${name}-jwt-key`,
      { length: 32 },
      { parent: this, replacementTrigger: args.jwtKeyGeneration },
    );
    this.jwtKey = jwtKey.hex;

    // If the KMS finds no keys, it silently makes new ones, and nobody can read the old records.
    const secrets = new DataVolume(
      `${name}-secrets`,
      { deployment, part: KMS_KEYS, owner: SERVICE_OWNER, image },
      { parent: this },
    );

    this.service = new Service(
      name,
      {
        deployment,
        role: ROLE,
        image,
        config: pulumi
          .all([this.jwtKey, this.database.uri])
          .apply(([key, databaseUri]) =>
            renderKmsConfig({ jwtKey: key, databaseUri, overrides: settings.config }),
          ),
        bind: settings.bind,
        databaseNetwork: this.database.network,
        files: this.database.files,
        drainSeconds: args.drainSeconds,
        limits: limits.kms,
        volumes: [{ volume: secrets.volumeName, target: "/secrets" }],
      },
      { parent: this },
    );

    if (!deployment.throwaway) {
      new Program(
        `${name}-keys`,
        {
          program: "seal-keys",
          input: {
            dockerHost: connectionOf(deployment),
            labels: deployment.labels,
            container: this.service.containerId,
            folder: "/secrets",
            keys: kmsKeyFiles(settings.config),
          },
        },
        { parent: this },
      );
    }

    this.database.retireOthers(`${name}-db-retired-users`, this.service);
    this.registerOutputs({ jwtKey: this.jwtKey });
  }
}
