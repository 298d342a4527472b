import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { ACME_CHALLENGE, CHALLENGE_VOLUME, configVolume, labelNames } from "../names/docker.ts";
import { ownerName } from "../names/resources.ts";
import { COMPONENT } from "../names/types.ts";
import {
  CHALLENGE_CONF,
  CHALLENGE_PORT,
  CHALLENGE_ROOT,
  CHALLENGE_STATUS_PORT,
  challengeConf,
} from "../render/challengeServer.ts";
import { httpHealthCheck } from "../render/httpProbe.ts";
import type { ContainerLimits } from "../settings/limits.ts";
import { Container } from "./container.ts";
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

export interface ChallengeServerArgs {
  readonly deployment: Deployment;
  /** Where the ACME server finds it: an address of the Docker host, and a port. */
  readonly address: string;
  readonly port: number;
  /** The proxy's image, by id. */
  readonly image: pulumi.Input<string>;
  /** `uid:gid` of who writes the tokens, and of Nginx. */
  readonly owner: string;
  readonly limits: pulumi.Input<ContainerLimits>;
}

/** Shows an ACME server the tokens that prove whose names they are, at port 80, and nothing else to anybody. */
export class ChallengeServer extends pulumi.ComponentResource {
  /** The volume for the tokens, known once the server answers with what is in it. */
  readonly tokens: pulumi.Output<string>;

  constructor(name: string, args: ChallengeServerArgs, opts?: pulumi.ComponentResourceOptions) {
    super(COMPONENT.challengeServer, name, {}, opts);
    const { deployment, owner, image } = args;
    const limits = pulumi.output(args.limits);

    const volume = new docker.Volume(
      `${name}-tokens`,
      {
        name: dockerName(deployment, CHALLENGE_VOLUME),
        labels: labels(deployment, CHALLENGE_VOLUME),
      },
      onEngine(deployment, this),
    );
    const prepared = new Program(
      ownerName(`${name}-tokens`),
      {
        program: "volume",
        input: {
          dockerHost: connectionOf(deployment),
          volume: volume.name,
          ...ownerOf(deployment),
          image,
          owner,
        },
      },
      { parent: this },
    );
    const tokens = pulumi.all([volume.name, prepared.id]).apply(([text]) => text);

    const config = new Release(
      `${name}-config`,
      {
        deployment,
        part: configVolume(ACME_CHALLENGE),
        files: { [CHALLENGE_CONF]: { content: challengeConf(), mode: 0o400 } },
        owner,
        image,
      },
      { parent: this },
    );

    const network = new docker.Network(
      `${name}-network`,
      {
        name: dockerName(deployment, ACME_CHALLENGE),
        labels: labels(deployment, ACME_CHALLENGE),
        // It is called, and calls nobody.
        options: { "com.docker.network.bridge.enable_ip_masquerade": "false" },
      },
      onEngine(deployment, this),
    );

    const container = new Container(
      name,
      {
        deployment,
        role: ACME_CHALLENGE,
        image,
        user: owner,
        networks: [{ network: network.name }],
        ports: [{ address: args.address, port: args.port, internal: CHALLENGE_PORT }],
        volumes: [
          { volume: config.mountableVolume, target: "/config", readOnly: true },
          { volume: tokens, target: CHALLENGE_ROOT, readOnly: true },
        ],
        // It reads its file at the start only.
        labels: { [labelNames(deployment.labels).release]: config.digest },
        entrypoint: ["nginx", "-e", "stderr", "-c", `/config/current/${CHALLENGE_CONF}`],
        healthCheck: httpHealthCheck(CHALLENGE_STATUS_PORT, "/healthz"),
        stopSignal: "SIGQUIT",
        stopGrace: 10,
        memory: limits.memory,
        cpus: limits.cpus,
        pidsLimit: limits.pids,
      },
      { parent: this },
    );

    this.tokens = pulumi.all([tokens, container.id]).apply(([text]) => text);
    this.registerOutputs({ tokens: this.tokens });
  }
}
