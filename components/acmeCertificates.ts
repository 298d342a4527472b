import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { ACME, configVolume } from "../names/docker.ts";
import { COMPONENT } from "../names/types.ts";
import { acmeCommand, acmeFiles, acmeHealthCheck } from "../render/acme.ts";
import { ACME_OWNER, ACME_PATHS } from "../render/acmePaths.ts";
import { acmeInput } from "../render/acmeSettings.ts";
import { acmeNeeds } from "../render/imageNeeds.ts";
import type { StackLimits } from "../settings/limits.ts";
import type { Settings } from "../settings/types.ts";
import { AcmeVolume } from "./acmeVolume.ts";
import { ChallengeServer } from "./challengeServer.ts";
import { checkedImage } from "./checkedImage.ts";
import { Container } from "./container.ts";
import { type Deployment, dockerName, labels, onEngine } from "./deployment.ts";
import { stackLimits } from "./engineSize.ts";
import { imageId } from "./image.ts";
import { Release } from "./release.ts";

/** A server that shows a certificate from the ACME server. */
export interface RenewedServer {
  /** Lower-case letters, digits and `-`, such as `proxy`. */
  readonly name: string;
  /** Host names, wildcards and IP addresses: what the certificate is for. */
  readonly names: readonly string[];
  /** The next number asks for a new certificate with a new key at once. */
  readonly generation: number;
  /** Its `CertificateVolume`'s name. */
  readonly volume: pulumi.Input<string>;
}

export interface AcmeCertificatesArgs {
  readonly deployment: Deployment;
  readonly settings: NonNullable<Settings["certificates"]["acme"]>;
  readonly servers: readonly RenewedServer[];
  /** What answers the ACME server's HTTP challenge: an address of the Docker host, and an image with Nginx, by id. */
  readonly challenge: { readonly address: string; readonly image: pulumi.Input<string> };
  /** What its containers may take. @default as on an engine with 2 processors and 4 GiB of memory */
  readonly limits?: pulumi.Input<StackLimits>;
}

/**
 * Gets certificates from an ACME server (RFC 8555) and renews them, in a container of its own that reaches the ACME
 * server and no service. Servers find them in their volumes: the proxy's health check has Nginx read them.
 */
export class AcmeCertificates extends pulumi.ComponentResource {
  readonly containerName: string;
  /** Whether it answers the ACME server at a port of its own. */
  readonly answers: boolean;
  readonly containerId: pulumi.Output<string>;
  /** The release of its settings. */
  readonly release: pulumi.Output<string>;

  constructor(name: string, args: AcmeCertificatesArgs, opts?: pulumi.ComponentResourceOptions) {
    super(COMPONENT.acmeCertificates, name, {}, opts);
    const { deployment, settings } = args;
    const limits = pulumi.output(args.limits ?? stackLimits({ certificates: { acme: settings } }));
    const image = checkedImage(
      `${name}-image`,
      imageId(`${name}-image`, settings.image, { engine: deployment.engine, parent: this }),
      deployment,
      acmeNeeds(ACME_OWNER),
      this,
    );

    const state = new AcmeVolume(
      `${name}-data`,
      { deployment, owner: ACME_OWNER, image },
      { parent: this },
    );
    const challenge =
      settings.challenge === "http"
        ? new ChallengeServer(
            `${name}-challenge`,
            {
              deployment,
              ...args.challenge,
              port: settings.httpPort,
              owner: ACME_OWNER,
              limits: limits.acmeChallenge,
            },
            { parent: this },
          )
        : undefined;

    const servers = args.servers.map(({ name: server, names, generation }) => ({
      name: server,
      names,
      generation,
    }));
    const config = new Release(
      `${name}-config`,
      {
        deployment,
        part: configVolume(ACME),
        // Its keys and the text of its programs may let their owner change the DNS.
        files: pulumi.secret(settings).apply((known) => acmeFiles(acmeInput(known, servers))),
        owner: ACME_OWNER,
        image,
      },
      { parent: this },
    );

    const network = new docker.Network(
      `${name}-network`,
      // With a way out, and nobody else in it.
      { name: dockerName(deployment, ACME), labels: labels(deployment, ACME) },
      onEngine(deployment, this),
    );

    const { memory, cpus, pids } = limits.acme;
    const [entrypoint = "", ...command] = acmeCommand();
    const container = new Container(
      name,
      {
        deployment,
        role: ACME,
        image,
        user: ACME_OWNER,
        networks: [{ network: network.name }],
        volumes: [
          // The volume, not a release in it: it takes up a new release by itself.
          { volume: config.mountableVolume, target: ACME_PATHS.config, readOnly: true },
          { volume: state.volumeName, target: ACME_PATHS.state },
          ...args.servers.map((server) => ({
            volume: server.volume,
            target: `${ACME_PATHS.served}/${server.name}`,
          })),
          ...(challenge ? [{ volume: challenge.tokens, target: ACME_PATHS.challenge }] : []),
        ],
        entrypoint: [entrypoint],
        command,
        healthCheck: acmeHealthCheck(),
        // Its health is that of the ACME server, too, which is nothing that an `up` depends on.
        awaited: false,
        stopGrace: 20,
        memory,
        cpus,
        pidsLimit: pids,
      },
      { parent: this },
    );

    this.answers = challenge !== undefined;
    this.containerName = container.containerName;
    this.containerId = container.id;
    this.release = config.digest;
    this.registerOutputs({ containerId: this.containerId, release: this.release });
  }
}
