import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { KAPOW, KAPOW_FILES_VOLUME, labelNames } from "../names/docker.ts";
import { COMPONENT } from "../names/types.ts";
import { ACME_OWNER, SERVED, SERVED_AT } from "../render/acmePaths.ts";
import { kapowNeeds } from "../render/imageNeeds.ts";
import {
  KAPOW_FILES,
  KAPOW_PORT,
  kapowArguments,
  kapowHealthCheck,
  kapowShows,
  restartedWith,
} from "../render/kapow.ts";
import type { CertificatePair } from "../render/proxyRelease.ts";
import type { ReleaseFiles } from "../render/release.ts";
import { isProgramText } from "../settings/kapow.ts";
import { MAX_BODY, type StackLimits } from "../settings/limits.ts";
import type { KapowSettings } from "../settings/types.ts";
import type { End } from "./certificateEnds.ts";
import { CertificateVolume } from "./certificateVolume.ts";
import { checkedImage } from "./checkedImage.ts";
import { Container } from "./container.ts";
import { type Deployment, dockerName, labels, onEngine } from "./deployment.ts";
import { stackLimits } from "./engineSize.ts";
import { imageId } from "./image.ts";
import type { ProxyDoor, ProxyUpstream } from "./proxyDoor.ts";
import { Release } from "./release.ts";
import type { ShownCertificate } from "./shownCertificate.ts";

/** A user that no distribution's passwd file has. */
const OWNER = "65532:65532";

/** What a container renews belongs to that container's user and to Kapow!'s group. */
const SHARED = `${ACME_OWNER.split(":")[0]}:${OWNER.split(":")[1]}`;

/** Where the volume of its files is in the container, and the release that is in use. */
const VOLUME = "/kapow";
const FOLDER = `${VOLUME}/current`;

/**
 * No TLS below 1.2, no Triple-DES, no key exchange without forward secrecy. A binary built from Kapow!'s old
 * go.mod allows all three. One built with Go before 1.22 ignores this.
 */
const GODEBUG = "tls10server=0,tls3des=0,tlsrsakex=0";

/** A certificate and its private key, PEM. */
export interface KeyPair {
  readonly certificate: pulumi.Input<string>;
  readonly privateKey: pulumi.Input<string>;
  /** When it expires, if that is worth reporting. */
  readonly end?: End;
}

/** Arguments of {@link Kapow}. */
export interface KapowArgs {
  readonly deployment: Deployment;
  readonly settings: Omit<KapowSettings, "serverNames">;
  /**
   * The certificate that it shows to its callers. Of two it takes the first: Go has one slot. One that is renewed
   * ends Kapow! in its container and starts it anew, since it reads its files at the start.
   */
  readonly certificate: ShownCertificate;
  /** PEM: it lets in the clients of these authorities. */
  readonly clientCa: pulumi.Input<string>;
  /** The certificate of the health check, let in beside those of the authorities. */
  readonly healthClient: KeyPair;
  /** The certificate of the proxy, let in likewise. */
  readonly proxyClient: KeyPair;
  /** What the proxy verifies: the name in its certificate. Beside it the authorities, PEM. */
  readonly serverName: string;
  readonly serverCa: pulumi.Input<string>;
  /** What its container may take. @default as on an engine with 2 processors and 4 GiB of memory */
  readonly limits?: pulumi.Input<StackLimits>;
}

/**
 * A Kapow! server: programs behind HTTP routes, for callers with a client certificate. It checks certificates
 * itself, by their authority alone, and can't check revocation (docs/kapow.md). The proxy's door to it does.
 *
 * It only reads its files at the start, so new files replace the container.
 */
export class Kapow extends pulumi.ComponentResource implements ProxyUpstream {
  readonly network: pulumi.Output<string>;
  readonly upstream = `${KAPOW}:${KAPOW_PORT}`;
  readonly tls: NonNullable<ProxyUpstream["tls"]>;
  /** Its door at the proxy, if it has one. */
  readonly doors: readonly ProxyDoor[];
  readonly containerId: pulumi.Output<string>;
  readonly ends: readonly End[];
  /** Where it finds a certificate that is renewed; the volume's name. */
  readonly certificateVolume: pulumi.Output<string> | undefined;
  /** Run in its container: tells which of those it shows. */
  readonly shows: readonly string[];

  constructor(name: string, args: KapowArgs, opts?: pulumi.ComponentResourceOptions) {
    super(COMPONENT.kapow, name, {}, opts);
    const { deployment, settings } = args;
    const { pairs, renewed } = args.certificate;
    const started = [
      settings.program,
      ...(isProgramText(settings.init) ? [] : [settings.init]),
      // For what starts it anew.
      ...(renewed ? ["sleep"] : []),
    ];
    const image = checkedImage(
      `${name}-image`,
      imageId(`${name}-image`, settings.image, { engine: deployment.engine, parent: this }),
      deployment,
      kapowNeeds(OWNER, ...started),
      this,
    );
    const limits = pulumi.output(args.limits ?? stackLimits({ kapow: settings }));
    const { memory, cpus, pids } = limits.kapow;

    const network = new docker.Network(
      `${name}-network`,
      {
        name: dockerName(deployment, KAPOW),
        labels: labels(deployment, KAPOW),
        // Its own, with nobody but the proxy in it. Its commands reach the services like any other caller.
        options: {
          "com.docker.network.bridge.enable_ip_masquerade": String(settings.egress),
        },
      },
      onEngine(deployment, this),
    );

    const certificates =
      renewed &&
      new CertificateVolume(
        `${name}-certificates`,
        {
          deployment,
          role: KAPOW,
          interim: { pairs, names: renewed.names, owner: SHARED, image },
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
            // What is renewed elsewhere must not replace the container.
            certificates ? [] : args.certificate.pairs,
            args.clientCa,
            args.healthClient.certificate,
            args.healthClient.privateKey,
            args.proxyClient.certificate,
          ])
          .apply(([[pair], authorities, healthCertificate, healthKey, proxy]) =>
            kapowFiles({
              ...(!certificates && {
                certificate: pair?.certificate ?? "",
                privateKey: pair?.privateKey ?? "",
              }),
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

    const healthCheck = kapowHealthCheck(FOLDER, settings.healthRoute);
    const container = new Container(
      name,
      {
        deployment,
        role: KAPOW,
        image,
        user: OWNER,
        networks: [{ network: network.name, aliases: [KAPOW] }],
        // The one of its three ports that has mutual TLS. The other two listen on its own loopback.
        ports:
          settings.listen === undefined
            ? []
            : [{ address: settings.address, port: settings.listen, internal: KAPOW_PORT }],
        volumes: [
          { volume: files.mountableVolume, target: VOLUME, readOnly: true },
          ...(certificates
            ? [{ volume: certificates.volumeName, target: SERVED_AT, readOnly: true }]
            : []),
        ],
        // A new release means a new container, which is the restart that Kapow! needs.
        labels: { [labelNames(deployment.labels).release]: files.digest },
        ...(certificates
          ? {
              entrypoint: restartedWith(SERVED.link),
              command: [settings.program, ...kapowArguments(FOLDER, init, SERVED)],
            }
          : { entrypoint: [settings.program], command: kapowArguments(FOLDER, init) }),
        // Its commands inherit all of it, so it must hold no secret.
        environment: { GODEBUG },
        healthCheck,
        // It has no handler: it ends at once, with code 2, and cuts off requests under way.
        stopSignal: "SIGTERM",
        stopGrace: 10,
        // At its own port this is the only limit on a body.
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
    this.ends = [
      ...args.certificate.ends,
      ...[args.healthClient, args.proxyClient].flatMap(({ end }) => end ?? []),
    ];
    this.certificateVolume = certificates?.volumeName;
    this.shows = kapowShows(healthCheck);
    this.registerOutputs({ network: this.network, containerId: this.containerId });
  }
}

/** Without a pair of its own where that is in another volume. */
type FileContents = Readonly<
  Record<Exclude<keyof typeof KAPOW_FILES, keyof CertificatePair>, string>
> &
  Partial<CertificatePair>;

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
