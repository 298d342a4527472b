import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import {
  COLLECTOR_DOOR,
  COLLECTOR_GATE,
  collectorDoorPart,
  collectorGatePart,
  configVolume,
  labelNames,
} from "../names/docker.ts";
import { COMPONENT } from "../names/types.ts";
import {
  DOOR_ENTRYPOINT,
  doorFiles,
  GATE_HOST,
  gateFiles,
  RECORD_PORT,
  recordPort,
} from "../render/collectorDoor.ts";
import { mountedFiles, mountedNames } from "../render/mountedFiles.ts";
import { listeningHealthCheck } from "../render/tcpTable.ts";
import type { EngineInput } from "../settings/engineConnection.ts";
import type { ContainerLimits } from "../settings/limits.ts";
import type { Endpoint } from "../settings/types.ts";
import { Container, type FileMount } from "./container.ts";
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
import type { TlsProxy } from "./tlsProxy.ts";

/** A user that no distribution's passwd file has. */
const OWNER = "65532:65532";

/** Seconds that a door may take to end. What it has taken is at the gate. */
const DOOR_GRACE = 10;

/** What a program needs to find a collector, its door and its gate. */
export interface CollectorPlace {
  readonly dockerHost: pulumi.Input<EngineInput>;
  readonly stack: string;
  readonly deployment: pulumi.Output<string>;
  /** The names of the containers. */
  readonly container: string;
  readonly door: string;
  readonly gate: string;
  /** The door's only network. */
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
  readonly proxy: Pick<TlsProxy, "network" | "host" | "ways">;
  readonly bind: Endpoint;
  /** How many records the collector works on at once. */
  readonly workers: number;
  readonly drainSeconds: number;
  readonly limits: pulumi.Input<ContainerLimits>;
}

/**
 * A collector's only way in and out, in two containers. The door takes records on the Docker host. The gate hands
 * them to the collector, and passes the collector's calls to the proxy. What was taken waits while the collector or
 * the proxy is away.
 */
export class CollectorDoor extends pulumi.ComponentResource {
  /** The container that publishes the port. */
  readonly containerId: pulumi.Output<string>;
  readonly gateId: pulumi.Output<string>;
  readonly place: CollectorPlace;

  constructor(name: string, args: CollectorDoorArgs, opts?: pulumi.ComponentResourceOptions) {
    super(COMPONENT.collectorDoor, name, {}, opts);
    const { deployment, collector, drainSeconds } = args;
    const { ways } = args.proxy;
    const part = collectorDoorPart(collector);
    const gatePart = collectorGatePart(collector);
    const { memory, cpus, pids } = pulumi.output(args.limits);

    const ingest = new docker.Network(
      `${name}-network`,
      {
        name: dockerName(deployment, part),
        labels: labels(deployment, part),
        options: { "com.docker.network.bridge.enable_ip_masquerade": "false" },
      },
      onEngine(deployment, this),
    );

    this.place = {
      dockerHost: connectionOf(deployment),
      stack: deployment.stack,
      ...ownerOf(deployment),
      container: args.container,
      door: dockerName(deployment, part),
      gate: dockerName(deployment, gatePart),
      ingest: ingest.name,
      drainSeconds,
    };

    // It may be replaced at any time: its door gives a record that it has not handed on to the next one.
    const gate = new Container(
      `${name}-gate`,
      {
        deployment,
        role: COLLECTOR_GATE,
        part: gatePart,
        image: args.image,
        keepsImage: true,
        user: OWNER,
        networks: [
          { network: ingest.name, aliases: [GATE_HOST] },
          { network: args.network, aliases: [args.serverName] },
          // It has no use for the way to the world that this one has; with a network more, the proxy would be
          // replaced for the first collector, and for the last while that still has records.
          { network: args.proxy.network },
        ],
        files: this.#files(`${name}-gate`, args, gatePart, gateFiles(args.proxy, args.workers)),
        entrypoint: DOOR_ENTRYPOINT,
        healthCheck: listeningHealthCheck(recordPort(ways)),
        stopGrace: drainSeconds,
        memory,
        cpus,
        pidsLimit: pids,
      },
      { parent: this },
    );

    const description: Description = {
      role: COLLECTOR_DOOR,
      part,
      user: OWNER,
      // With another one, Docker would move the port there instead of closing it.
      networks: [{ network: ingest.name }],
      ports: [{ ...args.bind, internal: RECORD_PORT }],
      files: this.#files(name, args, part, doorFiles(ways)),
      entrypoint: DOOR_ENTRYPOINT,
      healthCheck: listeningHealthCheck(RECORD_PORT),
      stopGrace: DOOR_GRACE,
      cpus,
    };
    const signature = signatureOf(description);
    const closing = new Program(
      `${name}-closing`,
      {
        program: "collector-close",
        input: { ...this.place, signature },
        because: { SIGNATURE: signature },
      },
      { parent: this },
    );
    const door = new Container(
      name,
      {
        ...description,
        deployment,
        image: after(closing, args.image),
        // A new image of the collector must not close its port.
        keepsImage: true,
        labels: { [labelNames(deployment.labels).signature]: signature },
        memory,
        pidsLimit: pids,
      },
      { parent: this },
    );

    this.containerId = door.id;
    this.gateId = gate.id;
    this.registerOutputs({ containerId: this.containerId });
  }

  #files(
    name: string,
    { deployment, image }: CollectorDoorArgs,
    part: string,
    contents: Record<string, string>,
  ): FileMount[] {
    const release = new Release(
      `${name}-config`,
      {
        deployment,
        part: configVolume(part),
        files: mountedFiles(contents),
        owner: OWNER,
        image,
      },
      { parent: this },
    );
    return [...mountedNames(Object.keys(contents))].map(([target, file]) => ({
      source: pulumi.interpolate`${release.hostFolder}/${file}`,
      target,
    }));
  }
}
