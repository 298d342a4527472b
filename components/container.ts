import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { COMPONENT } from "../names/types.ts";
import { connectionOf, type Deployment, dockerName, labels, onEngine } from "./deployment.ts";
import { Program } from "./program.ts";

/** A port of the container, published on one address of the Docker host. */
export interface PublishedPort {
  /** An IP address of the host. Never left out: the engine's default is every address. */
  readonly address: string;
  readonly port: number;
  /** The port in the container; one binding each (kreuzwerker/terraform-provider-docker#909). */
  readonly internal: number;
}

/** A network that a container is in. */
export interface NetworkAttachment {
  readonly network: pulumi.Input<string>;
  /** Host names in that network. */
  readonly aliases?: pulumi.Input<readonly string[]>;
}

/** A single file, bound from the engine's own file system (not the operator's). */
export interface FileMount {
  readonly source: pulumi.Input<string>;
  readonly target: string;
}

/** A volume in a container. */
export interface VolumeMount {
  readonly volume: pulumi.Input<string>;
  readonly target: string;
  readonly readOnly?: boolean;
}

/** Seconds that a container may take to be healthy, unless it says otherwise. */
export const HEALTH_TIMEOUT = 60;

/** Arguments of {@link Container}. */
export interface ContainerArgs {
  readonly deployment: Deployment;
  /** What it is for, such as `kms`: its label `<labels>.role`. */
  readonly role: string;
  /** Part of its name, and its host name. @default the role */
  readonly part?: string;
  /** The image's id (`sha256:...`), see `imageId`. */
  readonly image: pulumi.Input<string>;
  /** Whether another image alone doesn't replace it: whatever does takes the image of then. @default false */
  readonly keepsImage?: boolean;
  /** `uid:gid`: every container of ours runs unprivileged. */
  readonly user: string;
  readonly networks: readonly NetworkAttachment[];
  readonly ports?: readonly PublishedPort[];
  readonly volumes?: readonly VolumeMount[];
  readonly files?: readonly FileMount[];
  /** The image's own if absent. */
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  /** Never a secret: `docker inspect` shows it. */
  readonly environment?: Readonly<Record<string, string>>;
  /** In addition to those of all the deployment's containers. */
  readonly labels?: Readonly<Record<string, pulumi.Input<string>>>;
  /** Run in the container; exit code 0 means healthy. */
  readonly healthCheck: readonly string[];
  /** Seconds until `up` treats an unhealthy container as failed. @default 60 */
  readonly healthTimeout?: number;
  /**
   * Seconds for one that may take very long to start, in place of `healthTimeout`: `up` says meanwhile
   * what it is at, and ends at once where it can't start at all.
   */
  readonly startTimeout?: number;
  /** Whether `up` waits until it is healthy. @default true */
  readonly awaited?: boolean;
  /** @default "SIGTERM" */
  readonly stopSignal?: string;
  /** Seconds between the stop signal and SIGKILL. */
  readonly stopGrace: number;
  /** MiB; no swap beyond it. */
  readonly memory: pulumi.Input<number>;
  /** Processors, in steps of a hundredth. */
  readonly cpus: pulumi.Input<number>;
  /** Processes and threads. @default 200 */
  readonly pidsLimit?: pulumi.Input<number>;
  /** MiB of /tmp. @default 16 */
  readonly tmpSize?: number;
}

/**
 * A hardened container: unprivileged, read-only root, no capabilities, limits on everything. It is also the
 * one place for all the facts about the provider that would otherwise bite.
 */
export class Container extends pulumi.ComponentResource {
  /** The container's id: new whenever it is replaced. */
  readonly id: pulumi.Output<string>;
  readonly containerName: string;

  constructor(name: string, args: ContainerArgs, opts?: pulumi.ComponentResourceOptions) {
    super(COMPONENT.container, name, {}, opts);
    this.containerName = dockerName(args.deployment, args.part ?? args.role);
    args.deployment.take(this.containerName, args.part ?? args.role);

    const container = new docker.Container(
      name,
      {
        ...identity(args, this.containerName),
        ...process(args),
        ...attachments(args),
        ...hardening(args),
        ...lifecycle(args),
      },
      {
        ...onEngine(args.deployment, this),
        // The name and the ports are taken: create-first can't work (pulumi-docker#1356).
        deleteBeforeReplace: true,
        ...(args.keepsImage && { ignoreChanges: ["image"] }),
        // The provider reports a change of these as an update and changes nothing. Some are not marked as
        // replacing (kreuzwerker#988). For sets, a changed element only counts if their number changes.
        replaceOnChanges: [
          "capabilities",
          "healthcheck",
          "init",
          "labels",
          "mounts",
          "networksAdvanced",
          "ports",
          "tmpfs",
          "volumes",
        ],
      },
    );
    this.id =
      args.startTimeout === undefined
        ? container.id
        : afterStart(name, container.id, args.startTimeout, args.deployment, this);

    // The provider has no argument for it. The engine keeps it across restarts.
    new Program(
      `${name}-limits`,
      {
        program: "container-limits",
        input: {
          dockerHost: connectionOf(args.deployment),
          container: container.id,
          pidsLimit: args.pidsLimit ?? 200,
        },
      },
      { parent: this },
    );

    this.registerOutputs({ id: this.id, containerName: this.containerName });
  }
}

/** The container's id, once it is healthy: the provider would wait for a dead one, too, without a word. */
function afterStart(
  name: string,
  container: pulumi.Output<string>,
  limit: number,
  deployment: Deployment,
  parent: pulumi.Resource,
): pulumi.Output<string> {
  const started = new Program(
    `${name}-start`,
    {
      program: "await-start",
      input: { dockerHost: connectionOf(deployment), container, limit },
      speaks: true,
    },
    { parent },
  );
  return pulumi.runtime.isDryRun()
    ? container
    : pulumi.all([container, started.id]).apply(([id]) => id);
}

function identity(args: ContainerArgs, containerName: string) {
  return {
    name: containerName,
    hostname: args.part ?? args.role,
    image: args.image,
    labels: [...labels(args.deployment, args.role), ...moreLabels(args)].sort((a, b) =>
      a.label < b.label ? -1 : 1,
    ),
  };
}

function moreLabels({ labels: more = {} }: ContainerArgs) {
  return Object.entries(more).map(([label, value]) => ({ label, value }));
}

function process(args: ContainerArgs) {
  return {
    user: args.user,
    envs: Object.entries(args.environment ?? {})
      .map(([key, value]) => `${key}=${value}`)
      .sort(),
    ...(args.entrypoint && { entrypoints: [...args.entrypoint] }),
    ...(args.command && { command: [...args.command] }),
  };
}

function attachments(args: ContainerArgs) {
  return {
    networkMode: "bridge",
    networksAdvanced: args.networks.map((attachment) => ({
      name: attachment.network,
      aliases: pulumi.output(attachment.aliases ?? []).apply((names) => [...names]),
    })),
    ports: (args.ports ?? []).map((port) => ({
      ip: port.address,
      external: port.port,
      internal: port.internal,
    })),
    volumes: (args.volumes ?? []).map((mount) => ({
      volumeName: mount.volume,
      containerPath: mount.target,
      readOnly: mount.readOnly ?? false,
    })),
    // If the file is missing, a mount fails; a volume's host path would make a folder.
    mounts: (args.files ?? []).map((file) => ({
      type: "bind",
      source: file.source,
      target: file.target,
      readOnly: true,
    })),
  };
}

function hardening(args: ContainerArgs) {
  return {
    readOnly: true,
    tmpfs: { "/tmp": `rw,noexec,nosuid,nodev,size=${args.tmpSize ?? 16}m,mode=1777` },
    capabilities: { drops: ["ALL"] },
    securityOpts: ["no-new-privileges"],
    memory: args.memory,
    // If it is left out, it reads back as twice the memory, and every preview shows a diff.
    memorySwap: args.memory,
    cpus: pulumi.output(args.cpus).apply(cpuText),
    // Explicit, because the daemon's default would come back as a diff.
    logDriver: "json-file",
    logOpts: { "max-file": "3", "max-size": "10m" },
  };
}

/** As the provider reads it back, "1.0" and "0.25": with any other spelling it replaces every time. */
function cpuText(cpus: number): string {
  return Number.isInteger(cpus) ? cpus.toFixed(1) : String(cpus);
}

function lifecycle(args: ContainerArgs) {
  return {
    restart: "unless-stopped",
    mustRun: true,
    stopSignal: args.stopSignal ?? "SIGTERM",
    stopTimeout: args.stopGrace,
    // Unset means 0: a container that is replaced or removed gets SIGKILL at once.
    destroyGraceSeconds: args.stopGrace,
    healthcheck: {
      tests: ["CMD", ...args.healthCheck],
      // Durations as Go prints them: "60s" would read back as "1m0s" and diff.
      interval: "3s",
      timeout: "5s",
      startPeriod: "2s",
      retries: 5,
    },
    wait: (args.awaited ?? true) && args.startTimeout === undefined,
    waitTimeout: args.healthTimeout ?? HEALTH_TIMEOUT,
  };
}
