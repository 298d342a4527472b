import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { mongoHello, printfBytes } from "../render/mongoHello.ts";
import { mongoUri } from "../render/mongoUri.ts";
import type { Endpoint } from "../settings/types.ts";
import { Container } from "./container.ts";
import { DataVolume } from "./dataVolume.ts";
import { type Deployment, dockerName, labels, type Role } from "./deployment.ts";
import { imageId } from "./image.ts";
import { Program } from "./program.ts";
import { Release } from "./release.ts";

/** The uid and gid of `mongodb` in the official image. */
const OWNER = "999:999";

const ADMIN = "admin";
const PASSWORD_FILE = "/run/secrets/mongo-admin-password";

/**
 * Asks for `hello` and waits for the header of an answer. At the container's own address: while an
 * image initialises an empty volume, its server listens on loopback only, and is not the real one yet.
 */
const HEALTH_CHECK = [
  "bash",
  "-c",
  `exec 3<>/dev/tcp/$HOSTNAME/27017 && printf '${printfBytes(mongoHello())}' >&3 && ` +
    `[ "$(head -c 16 <&3 | wc -c)" -eq 16 ]`,
];

export interface DatabaseArgs {
  readonly deployment: Deployment;
  readonly role: Extract<Role, "kms-db" | "backend-db">;
  readonly image: string;
  /** The database of the one service that uses this server. */
  readonly database: string;
  /** That service's user in it. */
  readonly user: string;
  /** For the operator; not published if absent. */
  readonly publish: Endpoint | undefined;
}

/** A private MongoDB for one service: generated SCRAM credentials, a network of its own, kept data. */
export class Database extends pulumi.ComponentResource {
  /** The network, without a way out, that the service joins. */
  readonly network: pulumi.Output<string>;
  readonly containerName: string;
  /** The service's connection string, once its user is there. Secret. */
  readonly uri: pulumi.Output<string>;

  constructor(name: string, args: DatabaseArgs, opts?: pulumi.ComponentResourceOptions) {
    super("cybexp:index:Database", name, {}, opts);
    const { deployment, role } = args;
    const image = imageId(`${name}-image`, args.image, this);

    const network = new docker.Network(
      `${name}-network`,
      { name: dockerName(deployment, role), internal: true, labels: labels(deployment, role) },
      { parent: this },
    );

    const data = new DataVolume(
      `${name}-data`,
      { deployment, part: `${role}-data`, owner: OWNER, image },
      { parent: this },
    );

    // The image reads it on an empty volume only, so it is protected as the data is.
    const admin = generatedPassword(`${name}-admin-password`, {
      parent: this,
      protect: !deployment.throwaway,
    });
    const secrets = new Release(
      `${name}-secrets`,
      {
        deployment,
        part: `${role}-secrets`,
        files: admin.apply((content) => ({ "admin-password": { content, mode: 0o400 } })),
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
        volumes: [{ volume: data.volumeName, target: "/data/db" }],
        files: [
          {
            source: pulumi.interpolate`${secrets.hostFolder}/admin-password`,
            target: PASSWORD_FILE,
          },
        ],
        environment: {
          MONGO_INITDB_ROOT_USERNAME: ADMIN,
          MONGO_INITDB_ROOT_PASSWORD_FILE: PASSWORD_FILE,
        },
        healthCheck: HEALTH_CHECK,
        stopGrace: 60,
        memory: 1024,
        cpus: 1,
      },
      { parent: this },
    );

    const password = generatedPassword(`${name}-password`, { parent: this });
    const user = new Program(
      `${name}-user`,
      {
        program: "database-user",
        input: {
          dockerHost: deployment.dockerHost,
          container: container.id,
          admin: { name: ADMIN, password: admin },
          user: { name: args.user, password, database: args.database },
        },
      },
      { parent: this },
    );

    this.network = network.name;
    this.containerName = container.containerName;
    this.uri = pulumi.secret(
      pulumi.all([password, user.id]).apply(([text]) =>
        mongoUri({
          user: args.user,
          password: text,
          host: role,
          port: 27017,
          database: args.database,
          authSource: "admin",
        }),
      ),
    );
    this.registerOutputs({ network: this.network, uri: this.uri });
  }
}

/** 32 letters and digits: 190 bits, and nothing that a URI or YAML would have to quote. */
function generatedPassword(
  name: string,
  opts: pulumi.CustomResourceOptions,
): pulumi.Output<string> {
  return new random.RandomPassword(name, { length: 32, special: false }, opts).result;
}
