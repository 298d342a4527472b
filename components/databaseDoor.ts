import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import {
  configVolume,
  type DatabaseRole,
  doorRole,
  exitRole,
  labelNames,
} from "../names/docker.ts";
import { COMPONENT } from "../names/types.ts";
import {
  DOOR_CONF,
  DOOR_STATUS_PORT,
  doorConf,
  EXIT_CONF,
  exitConf,
  type HostAddress,
} from "../render/databaseDoor.ts";
import { httpHealthCheck } from "../render/httpProbe.ts";
import { databaseDoorNeeds } from "../render/imageNeeds.ts";
import { namesOfHosts, type ResolvedHosts } from "../render/serviceUri.ts";
import { checkedImage } from "./checkedImage.ts";
import { Container, type NetworkAttachment } from "./container.ts";
import { type Deployment, dockerName, labels, onEngine } from "./deployment.ts";
import { imageId } from "./image.ts";
import { Release } from "./release.ts";

/** The uid and gid of `nginx` in the official image. */
const OWNER = "101:101";

export interface DatabaseDoorArgs {
  readonly deployment: Deployment;
  /** The database's role, such as `kms-db`. */
  readonly role: DatabaseRole;
  /** An Nginx with `stream`. */
  readonly image: string;
  readonly hosts: pulumi.Input<ResolvedHosts>;
  readonly addresses: readonly HostAddress[];
}

/** The only way of a service to a database outside of the stack, and to nothing else. See `databaseDoor.ts`. */
export class DatabaseDoor extends pulumi.ComponentResource {
  /** The network of the service and the first of the two, known once both serve. */
  readonly network: pulumi.Output<string>;

  constructor(name: string, args: DatabaseDoorArgs, opts?: pulumi.ComponentResourceOptions) {
    super(COMPONENT.databaseDoor, name, {}, opts);
    const { deployment, role } = args;
    const [door, exit] = [doorRole(role), exitRole(role)];
    const hosts = pulumi.output(args.hosts);
    const image = checkedImage(
      `${name}-image`,
      imageId(`${name}-image`, args.image, { engine: deployment.engine, parent: this }),
      deployment,
      databaseDoorNeeds(door, OWNER),
      this,
    );

    const network = (part: string, internal: boolean) =>
      new docker.Network(
        `${part}-network`,
        { name: dockerName(deployment, part), internal, labels: labels(deployment, part) },
        onEngine(deployment, this),
      ).name;
    const inside = network(door, true);
    // The first one calls nobody but the second, and engines have few networks to give.
    const outside = network(exit, false);

    const config = new Release(
      `${name}-config`,
      {
        deployment,
        part: configVolume(door),
        files: hosts.apply((resolved) => ({
          [DOOR_CONF]: { content: doorConf(resolved.hosts, exit), mode: 0o400 },
          [EXIT_CONF]: { content: exitConf(resolved.hosts, args.addresses), mode: 0o400 },
        })),
        owner: OWNER,
        image,
      },
      { parent: this },
    );

    const container = (part: string, file: string, networks: readonly NetworkAttachment[]) =>
      new Container(
        part,
        {
          deployment,
          role: part,
          image,
          user: OWNER,
          networks,
          volumes: [{ volume: config.mountableVolume, target: "/config", readOnly: true }],
          // It reads its file at the start only.
          labels: { [labelNames(deployment.labels).release]: config.digest },
          entrypoint: ["nginx", "-e", "stderr", "-c", `/config/current/${file}`],
          healthCheck: httpHealthCheck(DOOR_STATUS_PORT, "/healthz"),
          stopSignal: "SIGTERM",
          stopGrace: 5,
          memory: 64,
          cpus: 0.5,
          pidsLimit: 50,
        },
        { parent: this },
      );
    const second = container(exit, EXIT_CONF, [{ network: outside, aliases: [exit] }]);
    const first = container(door, DOOR_CONF, [
      { network: inside, aliases: hosts.apply(namesOfHosts) },
      { network: outside },
    ]);

    this.network = pulumi.runtime.isDryRun()
      ? inside
      : pulumi.all([inside, first.id, second.id]).apply(([text]) => text);
    this.registerOutputs({ network: this.network });
  }
}
