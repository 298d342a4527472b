import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { configVolume, labelNames } from "../names/docker.ts";
import { COMPONENT } from "../names/types.ts";
import { mountedFiles, mountedNames } from "../render/mountedFiles.ts";
import { PROXY_STATUS_PORT } from "../render/proxyRelease.ts";
import { standInHost } from "../render/standIn.ts";
import type { Endpoint } from "../settings/types.ts";
import { Container, type ContainerArgs, HEALTH_TIMEOUT, type VolumeMount } from "./container.ts";
import {
  connectionOf,
  type Deployment,
  dockerName,
  labels,
  ownerOf,
  onEngine,
} from "./deployment.ts";
import { Program } from "./program.ts";
import { Release } from "./release.ts";
import { after, type Description, signatureOf } from "./signature.ts";

/** What describes its container, apart from what the component itself sets. */
type Process = Pick<
  ContainerArgs,
  | "user"
  | "entrypoint"
  | "command"
  | "environment"
  | "healthCheck"
  | "healthTimeout"
  | "memory"
  | "cpus"
  | "pidsLimit"
  | "tmpSize"
>;

/** Arguments of {@link HttpService}. */
export interface HttpServiceArgs extends Process {
  readonly deployment: Deployment;
  /**
   * What it is, such as `web`: part of its names in Docker, its host name in its network, and the name
   * that its door at the proxy must have.
   */
  readonly role: string;
  /** The image's id, see `imageId`. With files, the image needs a POSIX shell and `tar`. */
  readonly image: pulumi.Input<string>;
  /** Where it listens in its container, on every address there. */
  readonly port: number;
  /** Text files: absolute path in the container -> content, which may be secret. A change replaces it. */
  readonly files?: Readonly<Record<string, pulumi.Input<string>>>;
  readonly volumes?: readonly VolumeMount[];
  /** Where the operator reaches it without the proxy; not published if absent. */
  readonly bind?: Endpoint;
  /** Other networks that it joins, such as its database's. */
  readonly networks?: readonly pulumi.Input<string>[];
  /** Whether it may call out of the Docker host. @default false */
  readonly egress?: boolean;
  /** @default "SIGTERM" */
  readonly stopSignal?: string;
  /** Seconds between the stop signal and SIGKILL. @default 30 */
  readonly stopGrace?: number;
  /** Seconds that requests under way may still take when the container is replaced. @default 60 */
  readonly drainSeconds?: number;
}

/**
 * An HTTP service in its container, in a network of its own that only the proxy joins.
 *
 * Its name and port are taken, so a new image or file means that the old container is removed before the new
 * one is created. A stand-in serves in between, so that nobody notices. It is started and checked before, and
 * removed after.
 */
export class HttpService extends pulumi.ComponentResource {
  /** The network that it shares with the proxy and nobody else. */
  readonly network: pulumi.Output<string>;
  /** Host and port for the proxy. */
  readonly upstream: string;
  /** The same while the container is replaced. */
  readonly standIn: string;
  readonly containerId: pulumi.Output<string>;

  constructor(name: string, args: HttpServiceArgs, opts?: pulumi.ComponentResourceOptions) {
    super(
      COMPONENT.httpService,
      name,
      {},
      // As it was called before.
      pulumi.mergeOptions(opts, { aliases: [{ type: "cybexp:index:Service" }] }),
    );
    const { deployment, role, port } = args;

    // First, because it refuses what is wrong.
    const files = this.#deliver(`${name}-config`, args);
    const network = new docker.Network(
      `${name}-network`,
      {
        name: dockerName(deployment, role),
        labels: labels(deployment, role),
        // Not internal, because that would unpublish the loopback port. Without masquerading, nothing
        // that runs in the service can call out.
        options: { "com.docker.network.bridge.enable_ip_masquerade": String(args.egress ?? false) },
      },
      onEngine(deployment, this),
    );

    const description: Description = {
      role,
      image: args.image,
      user: args.user,
      networks: [
        { network: network.name, aliases: [role] },
        ...(args.networks ?? []).map((other) => ({ network: other })),
      ],
      ports: args.bind ? [{ ...args.bind, internal: port }] : [],
      volumes: args.volumes ?? [],
      // The paths contain the digest, so a new file replaces the container, which reads it at the start.
      files: Object.entries(files).map(([target, source]) => ({ source, target })),
      environment: args.environment ?? {},
      healthCheck: args.healthCheck,
      stopSignal: args.stopSignal ?? "SIGTERM",
      stopGrace: args.stopGrace ?? 30,
      cpus: args.cpus,
      ...optional(args),
    };
    const signature = signatureOf(description);

    const place = {
      dockerHost: connectionOf(deployment),
      stack: deployment.stack,
      ...ownerOf(deployment),
      role,
      port,
      container: dockerName(deployment, role),
      network: network.name,
      statusPort: PROXY_STATUS_PORT,
      drainSeconds: args.drainSeconds ?? 60,
    };
    const handover = new Program(
      `${name}-handover`,
      {
        program: "handover",
        input: {
          ...place,
          networks: args.networks ?? [],
          image: args.image,
          files,
          healthCheck: args.healthCheck,
          startSeconds: args.healthTimeout ?? HEALTH_TIMEOUT,
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
        memory: args.memory,
        ...(args.pidsLimit !== undefined && { pidsLimit: args.pidsLimit }),
        deployment,
        image: after(handover, args.image),
        labels: { [labelNames(deployment.labels).signature]: signature },
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
    this.upstream = `${role}:${port}`;
    this.standIn = `${standInHost(role)}:${port}`;
    this.containerId = after(handback, container.id);
    this.registerOutputs({ network: this.network, containerId: this.containerId });
  }

  /** The files on the engine: path in the container -> path in the engine's own file system. */
  #deliver(name: string, args: HttpServiceArgs): Record<string, pulumi.Output<string>> {
    const { deployment, role, files = {} } = args;
    const names = mountedNames(Object.keys(files));
    if (names.size === 0) {
      return {};
    }
    const release = new Release(
      name,
      {
        deployment,
        part: configVolume(role),
        files: pulumi.output(files).apply(mountedFiles),
        owner: args.user,
        image: args.image,
      },
      { parent: this },
    );
    return Object.fromEntries(
      [...names].map(([path, file]) => [path, pulumi.interpolate`${release.hostFolder}/${file}`]),
    );
  }
}

/** Only what is given: absent keys must not be part of the signature. */
function optional(args: HttpServiceArgs): Partial<Process> {
  const { entrypoint, command, healthTimeout, tmpSize } = args;
  return {
    ...(entrypoint && { entrypoint }),
    ...(command && { command }),
    ...(healthTimeout !== undefined && { healthTimeout }),
    ...(tmpSize !== undefined && { tmpSize }),
  };
}
