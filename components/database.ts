import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { type DatabaseRole, dataVolume, secretsVolume, serviceOf } from "../names/docker.ts";
import { COMPONENT } from "../names/types.ts";
import { databaseUser } from "../render/databaseUser.ts";
import { databaseNeeds } from "../render/imageNeeds.ts";
import { mongoHello, printfBytes } from "../render/mongoHello.ts";
import { mongoUri } from "../render/mongoUri.ts";
import type { ContainerLimits } from "../settings/limits.ts";
import type { Endpoint } from "../settings/types.ts";
import { checkedImage } from "./checkedImage.ts";
import { Container } from "./container.ts";
import { DataVolume } from "./dataVolume.ts";
import { readableBy } from "./databaseStep.ts";
import {
  connectionOf,
  type Deployment,
  dockerName,
  labels,
  ownerOf,
  onEngine,
} from "./deployment.ts";
import { stackLimits } from "./engineSize.ts";
import { imageId } from "./image.ts";
import { Program } from "./program.ts";
import { Release } from "./release.ts";
import { RotatedPassword } from "./rotatedPassword.ts";
import type { ServiceDatabase } from "./serviceDatabase.ts";

/** The uid and gid of `mongodb` in the official image. */
const OWNER = "999:999";

/** Seconds: a database that was killed replays its journal first and rebuilds indexes. */
const START_TIMEOUT = 3600;

const ADMIN = "admin";
/** In the volume that has it. A new one must not replace the container, which doesn't need it. */
const SECRETS = "/run/cybexp-secrets";

/**
 * Asks for `hello` and waits for the header of an answer. It asks at the container's own address: while an
 * image initialises an empty volume, its server only listens on loopback, and is not the real one yet.
 */
const HEALTH_CHECK = [
  "bash",
  "-c",
  `exec 3<>/dev/tcp/$HOSTNAME/27017 && printf '${printfBytes(mongoHello())}' >&3 && ` +
    `[ "$(head -c 16 <&3 | wc -c)" -eq 16 ]`,
];

/** Arguments of {@link Database}. */
export interface DatabaseArgs {
  readonly deployment: Deployment;
  /** Its service's role and `-db`. */
  readonly role: DatabaseRole;
  readonly image: string;
  /** The database of the one service that uses this server. */
  readonly database: string;
  /** Raising it by one makes new passwords, the administrator's and the service's. */
  readonly generation: number;
  /** The release of MongoDB whose features its data may use, such as `7.0`. @default as it is */
  readonly featureCompatibility?: string;
  /** For the operator; not published if absent. */
  readonly publish: Endpoint | undefined;
  /** @default as on an engine with 2 processors and 4 GiB of memory */
  readonly limits?: pulumi.Input<ContainerLimits>;
}

/** A private MongoDB for one service: generated SCRAM credentials, a network of its own, kept data. */
export class Database extends pulumi.ComponentResource implements ServiceDatabase {
  /** The network that the service joins. It has no way out. */
  readonly network: pulumi.Output<string>;
  readonly containerName: string;
  readonly containerId: pulumi.Output<string>;
  readonly identity: pulumi.Output<string>;
  /** The service's connection string, once its user is there. Secret. */
  readonly uri: pulumi.Output<string>;
  readonly files = {};
  readonly check: pulumi.Input<Record<string, unknown>>;
  readonly #user: string;
  readonly #retireInput: Record<string, unknown>;

  constructor(name: string, args: DatabaseArgs, opts?: pulumi.ComponentResourceOptions) {
    super(COMPONENT.database, name, {}, opts);
    const { deployment, role } = args;
    // As protected as the data: without it, nobody can reach the data.
    const admin = new RotatedPassword(
      `${name}-admin-password`,
      {
        generation: args.generation,
        withPrevious: args.generation > 1,
        protect: !deployment.throwaway,
      },
      { parent: this },
    );
    const image = readableBy(
      checkedImage(
        `${name}-image`,
        imageId(`${name}-image`, args.image, { engine: deployment.engine, parent: this }),
        deployment,
        databaseNeeds(role, OWNER),
        this,
      ),
      {
        deployment,
        role,
        admin: { name: ADMIN, password: admin },
        wanted: args.featureCompatibility,
      },
      this,
    );
    const { memory, cpus, pids } = pulumi.output(args.limits ?? stackLimits({}).backendDatabase);

    const network = new docker.Network(
      `${name}-network`,
      { name: dockerName(deployment, role), internal: true, labels: labels(deployment, role) },
      onEngine(deployment, this),
    );

    const data = new DataVolume(
      `${name}-data`,
      { deployment, part: dataVolume(role), owner: OWNER, image },
      { parent: this },
    );

    const secrets = new Release(
      `${name}-secrets`,
      {
        deployment,
        part: secretsVolume(role),
        files: admin.current.apply((content) => ({ "admin-password": { content, mode: 0o400 } })),
        owner: OWNER,
        image,
      },
      { parent: this },
    );

    const container = new Container(
      name,
      {
        deployment,
        role,
        image,
        user: OWNER,
        networks: [{ network: network.name, aliases: [role] }],
        ports: args.publish ? [{ ...args.publish, internal: 27017 }] : [],
        volumes: [
          { volume: data.volumeName, target: "/data/db" },
          { volume: secrets.mountableVolume, target: SECRETS, readOnly: true },
        ],
        // The image only reads it on an empty volume.
        environment: {
          MONGO_INITDB_ROOT_USERNAME: ADMIN,
          MONGO_INITDB_ROOT_PASSWORD_FILE: `${SECRETS}/current/admin-password`,
        },
        healthCheck: HEALTH_CHECK,
        startTimeout: START_TIMEOUT,
        stopGrace: 60,
        memory,
        cpus,
        pidsLimit: pids,
      },
      { parent: this },
    );

    this.containerName = container.containerName;
    new Program(
      `${name}-rest`,
      {
        program: "database-wake",
        leaving: "database-rest",
        livesWith: container.id,
        input: {
          dockerHost: connectionOf(deployment),
          ...ownerOf(deployment),
          container: this.containerName,
          service: dockerName(deployment, serviceOf(role)),
        },
      },
      // To be removed before the container is, and so made after it.
      { parent: this, deleteBeforeReplace: true, dependsOn: container },
    );

    // One user for each generation, so that the service has a good password while it is switched over.
    this.#user = databaseUser(args.database, args.generation);
    const password = new RotatedPassword(
      `${name}-password`,
      { generation: args.generation, withPrevious: false },
      { parent: this },
    );
    const users = new Program(
      `${name}-users`,
      {
        program: "database-users",
        input: {
          dockerHost: connectionOf(deployment),
          container: container.id,
          admin: { name: ADMIN, password: admin.current, previous: admin.previous },
          user: { name: this.#user, password: password.current, database: args.database },
        },
        because: { USER: this.#user },
      },
      { parent: this },
    );

    if (args.featureCompatibility !== undefined) {
      new Program(
        `${name}-features`,
        {
          program: "database-features",
          input: {
            dockerHost: connectionOf(deployment),
            container: container.id,
            admin: { name: ADMIN, password: admin.current },
            wanted: args.featureCompatibility,
          },
          because: { FEATURES: args.featureCompatibility },
        },
        // The administrator has the current password only then.
        { parent: this, dependsOn: users },
      );
    }

    this.#retireInput = {
      dockerHost: connectionOf(deployment),
      container: container.id,
      admin: { name: ADMIN, password: admin.current },
      user: this.#user,
    };
    this.network = network.name;
    this.containerId = container.id;
    this.identity = container.id;
    // A preview orders nothing; in one that makes the users again nothing else would be known.
    const known = pulumi.runtime.isDryRun()
      ? password.current
      : pulumi.all([password.current, users.id]).apply(([text]) => text);
    this.uri = pulumi.secret(
      known.apply((text) =>
        mongoUri({
          user: this.#user,
          password: text,
          host: role,
          port: 27017,
          database: args.database,
          authSource: "admin",
        }),
      ),
    );
    this.check = { container: this.containerName, uri: this.uri };
    this.registerOutputs({ network: this.network, uri: this.uri });
  }

  /** Removes the users of earlier generations, after their service has changed over to this one. */
  retireOthers(name: string, service: pulumi.Resource): void {
    new Program(
      name,
      {
        program: "database-retire",
        input: this.#retireInput,
        because: { USER: this.#user },
      },
      { parent: this, dependsOn: service },
    );
  }
}
