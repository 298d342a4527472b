import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { KAPOW, KAPOW_FILES_VOLUME, LABEL } from "../names/docker.ts";
import { COMPONENT } from "../names/types.ts";
import { kapowNeeds } from "../render/imageNeeds.ts";
import { KAPOW_FILES, KAPOW_PORT, kapowArguments, kapowHealthCheck } from "../render/kapow.ts";
import type { ReleaseFiles } from "../render/release.ts";
import { isProgramText } from "../settings/kapow.ts";
import { MAX_BODY, type StackLimits } from "../settings/limits.ts";
import type { KapowSettings } from "../settings/types.ts";
import { checkedImage } from "./checkedImage.ts";
import { Container } from "./container.ts";
import { type Deployment, dockerName, labels } from "./deployment.ts";
import { stackLimits } from "./engineSize.ts";
import { imageId } from "./image.ts";
import type { ProxyDoor, ProxyUpstream } from "./tlsProxy.ts";
import { Release } from "./release.ts";

/** A user of no distribution's passwd file. */
const OWNER = "65532:65532";

/** Where the volume of its files is in the container, and the release that is in use. */
const VOLUME = "/kapow";
const FOLDER = `${VOLUME}/current`;

/**
 * No TLS below 1.2, no Triple-DES, no key exchange without forward secrecy: a binary built from its old
 * go.mod allows all three. Built with Go before 1.22 it does not look at this.
 */
const GODEBUG = "tls10server=0,tls3des=0,tlsrsakex=0";

/** A certificate and its private key, PEM. */
export interface KeyPair {
  readonly certificate: pulumi.Input<string>;
  readonly privateKey: pulumi.Input<string>;
}

export interface KapowArgs {
  readonly deployment: Deployment;
  readonly settings: KapowSettings;
  /** What it shows to its callers. */
  readonly certificate: KeyPair;
  /** The authorities whose clients are let in, PEM. */
  readonly clientCa: pulumi.Input<string>;
  /** What the health check comes with; let in beside those of the authorities. */
  readonly healthClient: KeyPair;
  /** Likewise what the proxy comes with. */
  readonly proxyClient: KeyPair;
  /** What the proxy verifies it by: the name in its certificate, and the authorities, PEM. */
  readonly serverName: string;
  readonly serverCa: pulumi.Input<string>;
  /** What its container may take. @default as on an engine with 2 processors and 4 GiB of memory */
  readonly limits?: pulumi.Input<StackLimits>;
}

/**
 * A Kapow! server: programs behind HTTP routes, for callers with a client certificate. It checks the
 * certificates itself, by their authority alone: it knows no revocation (docs/kapow.md). The proxy's
 * door to it does.
 *
 * It reads its files at the start only, so new ones replace the container.
 */
export class Kapow extends pulumi.ComponentResource implements ProxyUpstream {
  readonly network: pulumi.Output<string>;
  readonly upstream = `${KAPOW}:${KAPOW_PORT}`;
  readonly tls: NonNullable<ProxyUpstream["tls"]>;
  /** Its door at the proxy, if there is to be one. */
  readonly doors: readonly ProxyDoor[];
  readonly containerId: pulumi.Output<string>;

  constructor(name: string, args: KapowArgs, opts?: pulumi.ComponentResourceOptions) {
    super(COMPONENT.kapow, name, {}, opts);
    const { deployment, settings } = args;
    const ownInit = isProgramText(settings.init) ? [] : [settings.init];
    const image = checkedImage(
      `${name}-image`,
      imageId(`${name}-image`, settings.image, this),
      deployment,
      kapowNeeds(OWNER, settings.program, ...ownInit),
      this,
    );
    const limits = pulumi.output(args.limits ?? stackLimits({ kapow: settings }));
    const { memory, cpus, pids } = limits.kapow;

    const network = new docker.Network(
      `${name}-network`,
      {
        name: dockerName(deployment, KAPOW),
        labels: labels(deployment, KAPOW),
        // Its own, with at most the proxy in it: its commands reach the services as every caller does.
        options: {
          "com.docker.network.bridge.enable_ip_masquerade": String(settings.egress),
        },
      },
      { parent: this },
    );

    const files = new Release(
      `${name}-files`,
      {
        deployment,
        part: KAPOW_FILES_VOLUME,
        files: pulumi
          .all([
            args.certificate.certificate,
            args.certificate.privateKey,
            args.clientCa,
            args.healthClient.certificate,
            args.healthClient.privateKey,
            args.proxyClient.certificate,
          ])
          .apply(([certificate, privateKey, authorities, healthCertificate, healthKey, proxy]) =>
            kapowFiles({
              certificate,
              privateKey,
              clientCa: [authorities, healthCertificate, proxy]
                .map((pem) => `${pem.trim()}\n`)
                .join(""),
              healthCertificate,
              healthKey,
              init: settings.init,
            }),
          ),
        owner: OWNER,
        image,
      },
      { parent: this },
    );

    const init = isProgramText(settings.init) ? `${FOLDER}/${KAPOW_FILES.init}` : settings.init;

    const container = new Container(
      name,
      {
        deployment,
        role: KAPOW,
        image,
        user: OWNER,
        networks: [{ network: network.name, aliases: [KAPOW] }],
        // Of its three ports the one with mutual TLS: the other two listen on its own loopback.
        ports:
          settings.listen === undefined
            ? []
            : [{ address: settings.address, port: settings.listen, internal: KAPOW_PORT }],
        volumes: [{ volume: files.mountableVolume, target: VOLUME, readOnly: true }],
        // Another release, another container: that is its restart.
        labels: { [LABEL.release]: files.digest },
        entrypoint: [settings.program],
        command: kapowArguments(FOLDER, init),
        // Its commands inherit all of it: no secret could be here.
        environment: { GODEBUG },
        healthCheck: kapowHealthCheck(FOLDER, settings.healthRoute),
        // It has no handler: it is gone at once, with code 2, and requests under way with it.
        stopSignal: "SIGTERM",
        stopGrace: 10,
        // At its own port a body has no limit but this.
        memory,
        cpus,
        pidsLimit: pids,
      },
      { parent: this },
    );

    this.network = network.name;
    this.tls = pulumi.output({
      serverName: args.serverName,
      authorities: args.serverCa,
      certificate: args.proxyClient.certificate,
      privateKey: args.proxyClient.privateKey,
    });
    this.doors = settings.door
      ? [
          {
            name: KAPOW,
            service: this,
            maxBody: `${MAX_BODY.kapow}m`,
            room: limits.doors.kapow,
            ...settings.door,
          },
        ]
      : [];
    this.containerId = container.id;
    this.registerOutputs({ network: this.network, containerId: this.containerId });
  }
}

type FileContents = Readonly<Record<keyof typeof KAPOW_FILES, string>>;

function kapowFiles({ init, ...contents }: FileContents): ReleaseFiles {
  const names = Object.keys(contents) as (keyof typeof contents)[];
  return {
    ...Object.fromEntries(
      names.map((key) => [KAPOW_FILES[key], { content: contents[key], mode: 0o400 }]),
    ),
    // Executed as it stands.
    ...(isProgramText(init) && { [KAPOW_FILES.init]: { content: init, mode: 0o500 } }),
  };
}
