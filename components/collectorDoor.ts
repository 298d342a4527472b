import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { COLLECTOR_DOOR, collectorDoorPart, configVolume, LABEL } from "../names/docker.ts";
import { COMPONENT } from "../names/types.ts";
import {
  DOOR_ENTRYPOINT,
  doorFiles,
  doorHealthCheck,
  type DoorWay,
  recordPort,
} from "../render/collectorDoor.ts";
import { mountedFiles, mountedNames } from "../render/mountedFiles.ts";
import type { ContainerLimits } from "../settings/limits.ts";
import type { Endpoint } from "../settings/types.ts";
import { Container } from "./container.ts";
import { type Deployment, dockerName, labels } from "./deployment.ts";
import { Program } from "./program.ts";
import { Release } from "./release.ts";
import { after, type Description, signatureOf } from "./signature.ts";

/** A user that no distribution's passwd file has. */
const OWNER = "65532:65532";

/** What a program needs to find a collector and its door. */
export interface CollectorPlace {
  readonly dockerHost: string | undefined;
  readonly stack: string;
  readonly deployment: pulumi.Output<string>;
  /** The names of the two containers. */
  readonly container: string;
  readonly door: string;
  /** The network by which the door publishes its port. */
  readonly ingest: pulumi.Output<string>;
  readonly drainSeconds: number;
}

export interface CollectorDoorArgs {
  readonly deployment: Deployment;
  /** The collector's name. */
  readonly collector: string;
  /** The name of the collector's container in Docker. */
  readonly container: string;
  /** The id of an image with Python: the collector's own. */
  readonly image: pulumi.Input<string>;
  /** The network that it shares with the collector, and the name by which the collector calls the proxy. */
  readonly network: pulumi.Input<string>;
  readonly serverName: string;
  /** The network that it shares with the proxy, and the proxy's doors in it. */
  readonly modules: pulumi.Input<string>;
  readonly ways: readonly DoorWay[];
  readonly bind: Endpoint;
  /** How many records the collector works on at once. */
  readonly workers: number;
  readonly drainSeconds: number;
  readonly limits: pulumi.Input<ContainerLimits>;
}

/**
 * A collector's only way in and out: it takes records on the Docker host, and passes the collector's calls to the
 * proxy. What it has taken waits while the collector or the proxy is away.
 */
export class CollectorDoor extends pulumi.ComponentResource {
  readonly containerId: pulumi.Output<string>;
  readonly place: CollectorPlace;

  constructor(name: string, args: CollectorDoorArgs, opts?: pulumi.ComponentResourceOptions) {
    super(COMPONENT.collectorDoor, name, {}, opts);
    const { deployment, collector, ways, drainSeconds } = args;
    const part = collectorDoorPart(collector);

    // A network of its own: when the door leaves it, its port is closed, and nothing else.
    const ingest = new docker.Network(
      `${name}-network`,
      {
        name: dockerName(deployment, part),
        labels: labels(deployment, part),
        options: { "com.docker.network.bridge.enable_ip_masquerade": "false" },
      },
      { parent: this },
    );

    const files = doorFiles(ways, args.workers);
    const config = new Release(
      `${name}-config`,
      {
        deployment,
        part: configVolume(part),
        files: mountedFiles(files),
        owner: OWNER,
        image: args.image,
      },
      { parent: this },
    );

    this.place = {
      dockerHost: deployment.dockerHost,
      stack: deployment.stack,
      deployment: deployment.id,
      container: args.container,
      door: dockerName(deployment, part),
      ingest: ingest.name,
      drainSeconds,
    };

    const limits = pulumi.output(args.limits);
    const description: Description = {
      role: COLLECTOR_DOOR,
      part,
      user: OWNER,
      networks: [
        { network: ingest.name },
        { network: args.network, aliases: [args.serverName] },
        { network: args.modules },
      ],
      ports: [{ ...args.bind, internal: recordPort(ways) }],
      files: [...mountedNames(Object.keys(files))].map(([target, file]) => ({
        source: pulumi.interpolate`${config.hostFolder}/${file}`,
        target,
      })),
      entrypoint: DOOR_ENTRYPOINT,
      healthCheck: doorHealthCheck(ways),
      // It finishes what it has.
      stopSignal: "SIGTERM",
      stopGrace: drainSeconds,
      cpus: limits.cpus,
    };
    const signature = signatureOf(description);
    const closing = new Program(
      `${name}-closing`,
      {
        program: "collector-close",
        input: { ...this.place, signature },
        because: { SIGNATURE: signature },
        speaks: true,
      },
      { parent: this },
    );

    this.containerId = new Container(
      name,
      {
        ...description,
        deployment,
        image: after(closing, args.image),
        // A new image of the collector must not close its port.
        keepsImage: true,
        labels: { [LABEL.signature]: signature },
        memory: limits.memory,
        pidsLimit: limits.pids,
      },
      { parent: this },
    ).id;
    this.registerOutputs({ containerId: this.containerId });
  }
}
