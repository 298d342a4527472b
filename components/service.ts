import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import type { Endpoint } from "../settings/types.ts";
import { Container, type VolumeMount } from "./container.ts";
import { type Deployment, dockerName, labels, type Role } from "./deployment.ts";
import { Release } from "./release.ts";

/** The port at which CYBEX-P's services listen in their containers. */
const PORT = 5000;

/** A user of no distribution's passwd file; what the service writes belongs to it. */
export const SERVICE_OWNER = "65532:65532";

/**
 * `GET /` says "up" even with a dead database: this proves the process, the smoke check the rest.
 * CYBEX-P's images have wget and no curl.
 */
const HEALTH_CHECK = ["wget", "-q", "-O", "/dev/null", "-T", "4", `http://127.0.0.1:${PORT}/`];

export interface ServiceArgs {
  readonly deployment: Deployment;
  readonly role: Extract<Role, "kms" | "backend">;
  /** The image's id. */
  readonly image: pulumi.Input<string>;
  /** The text of its /config.yaml. Secret. */
  readonly config: pulumi.Input<string>;
  /** Where the operator reaches it without the proxy: a loopback address. */
  readonly bind: Endpoint;
  /** The network of its database. */
  readonly databaseNetwork: pulumi.Input<string>;
  readonly volumes?: readonly VolumeMount[];
}

/** A CYBEX-P service in its container, between its database's network and the proxy's. */
export class Service extends pulumi.ComponentResource {
  /** The network that it shares with the proxy and nobody else. */
  readonly network: pulumi.Output<string>;
  /** Host and port for the proxy. */
  readonly upstream: string;
  readonly containerId: pulumi.Output<string>;

  constructor(name: string, args: ServiceArgs, opts?: pulumi.ComponentResourceOptions) {
    super("cybexp:index:Service", name, {}, opts);
    const { deployment, role } = args;

    const network = new docker.Network(
      `${name}-network`,
      {
        name: dockerName(deployment, role),
        labels: labels(deployment, role),
        // Not internal, since that would unpublish the loopback port; without masquerade nothing
        // that runs in the service can call out.
        options: { "com.docker.network.bridge.enable_ip_masquerade": "false" },
      },
      { parent: this },
    );

    const files = new Release(
      `${name}-config`,
      {
        deployment,
        part: `${role}-config`,
        files: pulumi
          .output(args.config)
          .apply((content) => ({ "config.yaml": { content, mode: 0o400 } })),
        owner: SERVICE_OWNER,
        image: args.image,
      },
      { parent: this },
    );

    const container = new Container(
      name,
      {
        deployment,
        role,
        image: args.image,
        user: SERVICE_OWNER,
        networks: [{ network: network.name, aliases: [role] }, { network: args.databaseNetwork }],
        ports: [{ ...args.bind, internal: PORT }],
        volumes: args.volumes ?? [],
        // The path has the digest in it: a new config replaces the container, which reads it at start.
        files: [
          {
            source: pulumi.interpolate`${files.hostFolder}/config.yaml`,
            target: "/config.yaml",
          },
        ],
        environment: { PYTHONUNBUFFERED: "1" },
        healthCheck: HEALTH_CHECK,
        // As PID 1 the services ignore SIGTERM and obey SIGINT.
        stopSignal: "SIGINT",
        stopGrace: 30,
        memory: 512,
        cpus: 1,
      },
      { parent: this },
    );

    this.network = network.name;
    this.upstream = `${role}:${PORT}`;
    this.containerId = container.id;
    this.registerOutputs({ network: this.network, containerId: this.containerId });
  }
}
