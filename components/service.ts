import { createHash } from "node:crypto";
import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { PROXY_STATUS_PORT } from "../render/proxyRelease.ts";
import { SERVICE_PORT as PORT, standInHost } from "../render/standIn.ts";
import type { Endpoint } from "../settings/types.ts";
import { Container, type ContainerArgs, type VolumeMount } from "./container.ts";
import { type Deployment, dockerName, labels, type Role } from "./deployment.ts";
import { Program } from "./program.ts";
import { Release } from "./release.ts";

/** Where they look for their configuration. */
const CONFIG = "/config.yaml";

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
  /** Seconds that requests which are under way may take when the container is replaced. */
  readonly drainSeconds: number;
}

/**
 * A CYBEX-P service in its container, between its database's network and the proxy's.
 *
 * It reads its configuration at start only, and its name and port are taken, so a new configuration
 * or image means: away with the old container before the new one is made. So that nobody notices, a
 * stand-in serves in between: started and checked before, gone after.
 */
export class Service extends pulumi.ComponentResource {
  /** The network that it shares with the proxy and nobody else. */
  readonly network: pulumi.Output<string>;
  /** Host and port for the proxy. */
  readonly upstream: string;
  /** The same while the container is replaced. */
  readonly standIn: string;
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

    const configFile = pulumi.interpolate`${files.hostFolder}/config.yaml`;
    const description: Omit<ContainerArgs, "deployment"> = {
      role,
      image: args.image,
      user: SERVICE_OWNER,
      networks: [{ network: network.name, aliases: [role] }, { network: args.databaseNetwork }],
      ports: [{ ...args.bind, internal: PORT }],
      volumes: args.volumes ?? [],
      // The path has the digest in it: a new config replaces the container, which reads it at start.
      files: [{ source: configFile, target: CONFIG }],
      environment: { PYTHONUNBUFFERED: "1" },
      healthCheck: HEALTH_CHECK,
      // As PID 1 the services ignore SIGTERM and obey SIGINT.
      stopSignal: "SIGINT",
      stopGrace: 30,
      memory: 512,
      cpus: 1,
    };
    // As a label it makes sure of what the handover expects: another one, another container.
    const signature = pulumi.output(description).apply(signatureOf);

    const place = {
      dockerHost: deployment.dockerHost,
      stack: deployment.stack,
      deployment: deployment.id,
      role,
      port: PORT,
      container: dockerName(deployment, role),
      proxy: dockerName(deployment, "proxy"),
      statusPort: PROXY_STATUS_PORT,
      drainSeconds: args.drainSeconds,
    };
    const handover = new Program(
      `${name}-handover`,
      {
        program: "handover",
        input: {
          ...place,
          network: network.name,
          image: args.image,
          files: { [CONFIG]: configFile },
          signature,
        },
        because: { SIGNATURE: signature },
      },
      { parent: this },
    );

    const container = new Container(
      name,
      {
        ...description,
        deployment,
        image: after(handover, args.image),
        labels: { "cybexp.signature": signature },
      },
      { parent: this },
    );

    const handback = new Program(
      `${name}-handback`,
      {
        program: "handback",
        input: place,
        because: { SIGNATURE: signature, CONTAINER: container.id },
      },
      { parent: this },
    );

    this.network = network.name;
    this.upstream = `${role}:${PORT}`;
    this.standIn = `${standInHost(role)}:${PORT}`;
    this.containerId = after(handback, container.id);
    this.registerOutputs({ network: this.network, containerId: this.containerId });
  }
}

/** A value, once a resource is there: who uses it needs no further order. */
function after<T>(resource: pulumi.CustomResource, value: pulumi.Input<T>): pulumi.Output<T> {
  return pulumi.all([value, resource.id]).apply(([plain]) => plain as T);
}

/** Tells apart what would replace the container; the memory limit alone is changed in place. */
function signatureOf(description: pulumi.Unwrap<Omit<ContainerArgs, "deployment">>): string {
  const text = JSON.stringify({ ...description, memory: undefined });
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}
