import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { COLLECTOR_DOOR, collectorDoorPart, configVolume, LABEL } from "../names/docker.ts";
import { COMPONENT } from "../names/types.ts";
import {
  DOOR_CONFIG,
  DOOR_ENTRYPOINT,
  doorHealthCheck,
  type DoorWay,
  recordPort,
  renderCollectorDoor,
} from "../render/collectorDoor.ts";
import { collectorDoorNeeds } from "../render/imageNeeds.ts";
import { mountedFiles } from "../render/mountedFiles.ts";
import type { ContainerLimits } from "../settings/limits.ts";
import type { Endpoint } from "../settings/types.ts";
import { checkedImage } from "./checkedImage.ts";
import { Container } from "./container.ts";
import { type Deployment, dockerName, labels } from "./deployment.ts";
import { Program } from "./program.ts";
import { Release } from "./release.ts";
import { after, type Description, signatureOf } from "./signature.ts";

/** The uid and gid of `nginx` in the official image. */
const OWNER = "101:101";

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
  /** The id of an image of Nginx with the stream module. */
  readonly image: pulumi.Input<string>;
  /** The network that it shares with the collector, and the name by which the collector calls the proxy. */
  readonly network: pulumi.Input<string>;
  readonly serverName: string;
  /** The network that it shares with the proxy, and the proxy's doors in it. */
  readonly modules: pulumi.Input<string>;
  readonly ways: readonly DoorWay[];
  readonly bind: Endpoint;
  readonly drainSeconds: number;
  readonly limits: pulumi.Input<ContainerLimits>;
}

/**
 * A collector's only way in and out: it takes records on the Docker host, and passes the collector's calls to the
 * proxy. It can be told to send the records elsewhere, or to let everything wait, without cutting anything off.
 */
export class CollectorDoor extends pulumi.ComponentResource {
  readonly containerId: pulumi.Output<string>;
  readonly place: CollectorPlace;

  constructor(name: string, args: CollectorDoorArgs, opts?: pulumi.ComponentResourceOptions) {
    super(COMPONENT.collectorDoor, name, {}, opts);
    const { deployment, collector, ways, drainSeconds } = args;
    const part = collectorDoorPart(collector);
    const image = checkedImage(
      name,
      pulumi.output(args.image),
      deployment,
      collectorDoorNeeds(OWNER),
      this,
    );

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

    const config = new Release(
      `${name}-config`,
      {
        deployment,
        part: configVolume(part),
        files: mountedFiles({ [DOOR_CONFIG]: renderCollectorDoor({ ways, drainSeconds }) }),
        owner: OWNER,
        image,
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
      image,
      user: OWNER,
      networks: [
        { network: ingest.name },
        { network: args.network, aliases: [args.serverName] },
        { network: args.modules },
      ],
      ports: [{ ...args.bind, internal: recordPort(ways) }],
      files: [
        { source: pulumi.interpolate`${config.hostFolder}${DOOR_CONFIG}`, target: DOOR_CONFIG },
      ],
      entrypoint: DOOR_ENTRYPOINT,
      healthCheck: doorHealthCheck(ways),
      // Nginx finishes what is under way.
      stopSignal: "SIGQUIT",
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
        image: after(closing, image),
        labels: { [LABEL.signature]: signature },
        memory: limits.memory,
        pidsLimit: limits.pids,
      },
      { parent: this },
    ).id;
    this.registerOutputs({ containerId: this.containerId });
  }
}
