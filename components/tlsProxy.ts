import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { awayOf, bodiesVolume, edgeOf, PROXY, releaseVolume } from "../names/docker.ts";
import { COMPONENT } from "../names/types.ts";
import { SERVED_AT } from "../render/acmePaths.ts";
import { type CallerHeaders, defaultRealm } from "../render/callerHeaders.ts";
import type { KnownEnd } from "../render/certificateEnds.ts";
import { certificateMetrics, METRICS_PREFIX } from "../render/certificateMetrics.ts";
import type { DoorWay } from "../render/collectorDoor.ts";
import { proxyNeeds } from "../render/imageNeeds.ts";
import { nginxDialect } from "../render/nginxDialect.ts";
import { BODIES_FOLDER } from "../render/nginxRoom.ts";
import { proxyHealthCheck } from "../render/proxyHealth.ts";
import { PROXY_ENTRYPOINT } from "../render/proxySignals.ts";
import { PROXY_METRICS_PORT, PROXY_STATUS_PORT, proxyRelease } from "../render/proxyRelease.ts";
import { assumedEngine, limitsOf, type ProxyLimits } from "../settings/limits.ts";
import type { Guesses } from "../settings/guesses.ts";
import type { Access, ProxyResources } from "../settings/types.ts";
import { BodyVolume } from "./bodyVolume.ts";
import { type End, knownEnds } from "./certificateEnds.ts";
import { CertificateVolume } from "./certificateVolume.ts";
import type { ClientList } from "./clientList.ts";
import { Container, type LateEndpoint, type PublishedListener } from "./container.ts";
import {
  connectionOf,
  type Deployment,
  dockerName,
  labels,
  ownerOf,
  onEngine,
} from "./deployment.ts";
import { stackLimits } from "./engineSize.ts";
import { imageId } from "./image.ts";
import { checked, refusing } from "./late.ts";
import { Program } from "./program.ts";
import {
  checkValues,
  type KnownValues,
  type ProxyDoor,
  type ProxyUpstream,
  releaseDoor,
  servicesOf,
  valuesOf,
} from "./proxyDoor.ts";
import { Release } from "./release.ts";
import { callable, namesOf } from "./serverNames.ts";
import type { ShownCertificate } from "./shownCertificate.ts";
import type { UserList } from "./userList.ts";

const assumed = limitsOf({}, assumedEngine);

/** The uid and gid of `nginx` in the official image. */
const OWNER = "101:101";

/** The first door's port in the container. */
const FIRST_PORT = 8441;

/** Where a proxy listens, by which names, and for how long it waits. */
export interface TlsProxySettings {
  /** An image of Nginx 1.22 or newer, such as `nginx:1.30`. Name it by digest where it matters. */
  readonly image: pulumi.Input<string>;
  /** The host name or IP address by which clients call it, such as `www.example.edu`. */
  readonly serverName: pulumi.Input<string>;
  /** Further ones, wildcards such as `*.example.edu` among them. @default none */
  readonly serverNames?: pulumi.Input<readonly pulumi.Input<string>[]>;
  /** The IP address of the Docker host where its doors listen: `0.0.0.0` for every one. */
  readonly address: pulumi.Input<string>;
  /** Whether browsers are told to call its host names by TLS for good (HSTS). @default true */
  readonly hsts?: pulumi.Input<boolean>;
  /** Seconds that a service may take to answer, and a stream or WebSocket may be silent. @default 300 */
  readonly readTimeout?: pulumi.Input<number>;
  /** Seconds that requests under way may still take after a rotation. @default 60 */
  readonly shutdownTimeout?: pulumi.Input<number>;
  /** How many wrong passwords an address may send. @default 30 a minute, of which 5 wait */
  readonly guesses?: pulumi.Input<Guesses>;
  /** Where its metrics are read, such as 127.0.0.1 and 9145. @default nowhere */
  readonly metrics?: LateEndpoint;
  /** What its container may take, unless `limits` says. */
  readonly resources?: ProxyResources;
}

/** Arguments of {@link TlsProxy}. */
export interface TlsProxyArgs {
  readonly deployment: Deployment;
  /**
   * What it is called in Docker. Of several proxies in a deployment each has another one, and ports of its own. A
   * service may be behind several. @default "proxy"
   */
  readonly role?: string;
  readonly settings: TlsProxySettings;
  readonly certificate: ShownCertificate;
  readonly users: UserList;
  readonly clients: ClientList;
  readonly doors: readonly ProxyDoor[];
  /** What browsers show when they ask for a password; ASCII. @default "Restricted" */
  readonly realm?: pulumi.Input<string>;
  /** By which headers the services are told who called. @default `X-Authenticated-User` and two more */
  readonly callerHeaders?: pulumi.Input<CallerHeaders>;
  /** How the names of its metrics begin: `<prefix>_certificate_not_after_timestamp_seconds`. @default "proxy" */
  readonly metricsPrefix?: pulumi.Input<string>;
  /** The certificates whose ends its metrics tell. @default its own */
  readonly ends?: readonly End[];
  /** What its container may take. @default as on an engine with 2 processors and 4 GiB of memory */
  readonly limits?: pulumi.Input<ProxyLimits>;
}

/** A door, as a client sees it. */
export interface CalledDoor {
  readonly name: string;
  readonly port: number;
  readonly access: Access;
  readonly names: readonly string[];
}

/** Nginx in front of the services: TLS, one user list, and rotation without a dropped request. */
export class TlsProxy extends pulumi.ComponentResource {
  readonly containerId: pulumi.Output<string>;
  /** The release that is being served. */
  readonly release: pulumi.Output<string>;
  /** Where it finds a certificate that is renewed, see `ShownCertificate`; the volume's name. */
  readonly certificateVolume: pulumi.Output<string>;
  /** The image's id, once the proxy runs with it. */
  readonly image: pulumi.Output<string>;
  /** Its own network, its name there, and its doors, for who calls it from a container. */
  readonly network: pulumi.Output<string>;
  readonly host: string;
  readonly ways: readonly DoorWay[];
  /** What it is called in Docker. */
  readonly role: string;
  /** Who may come in, and by which doors to which services. */
  readonly users: UserList;
  readonly clients: ClientList;
  readonly doors: readonly ProxyDoor[];
  readonly services: readonly ProxyUpstream[];
  /** The first of its names. */
  readonly serverName: pulumi.Output<string>;
  /** How its doors are called; wildcards are left out of their names. */
  readonly called: pulumi.Output<readonly CalledDoor[]>;
  /** What it publishes on the Docker host. */
  readonly listeners: readonly PublishedListener[];

  constructor(name: string, args: TlsProxyArgs, opts?: pulumi.ComponentResourceOptions) {
    super(COMPONENT.tlsProxy, name, {}, opts);
    const { deployment, settings, role = PROXY } = args;
    const { stapled = false } = args.certificate;
    const limits = pulumi.output(args.limits ?? stackLimits({ proxy: settings }).proxy);
    const image = imageId(`${name}-image`, settings.image, {
      engine: deployment.engine,
      parent: this,
    });
    const { pairs, renewed } = args.certificate;
    const values = checked(
      {
        names: namesOf(settings),
        doors: args.doors.map(valuesOf),
        address: settings.address,
        readTimeout: settings.readTimeout ?? 300,
        shutdownTimeout: settings.shutdownTimeout ?? 60,
        realm: args.realm ?? defaultRealm,
        callerHeaders: args.callerHeaders ?? {},
        metricsPrefix: args.metricsPrefix ?? METRICS_PREFIX,
      },
      (known) => {
        checkValues(known, renewed?.names);
      },
    ) as unknown as pulumi.Output<KnownValues>;
    // Above 1024, because Nginx runs unprivileged. One for each published port, so that it says which that was.
    const listens = [...new Set(args.doors.map(({ listen }) => listen))];
    const internal = (listen: number) => FIRST_PORT + listens.indexOf(listen);
    const services = [...new Set(args.doors.flatMap(servicesOf))];

    // Asks the image itself, because a tag or digest doesn't tell. It comes first, so that nothing is replaced
    // with something that the image can't run.
    const version = new Program(
      `${name}-nginx-version`,
      {
        program: "nginx-version",
        input: {
          dockerHost: connectionOf(deployment),
          ...ownerOf(deployment),
          image,
          needs: proxyNeeds(OWNER),
        },
      },
      { parent: this },
    );

    const certificates = new CertificateVolume(
      `${name}-certificates`,
      {
        deployment,
        role,
        ...(renewed && {
          interim: { pairs, names: renewed.names, owner: OWNER, image },
        }),
      },
      { parent: this },
    );

    const content = pulumi
      .all([
        version.stdout,
        pulumi.output({
          pairs: renewed ? [] : pairs,
          ends: knownEnds(args.ends ?? args.certificate.ends),
          guesses: settings.guesses,
          hsts: settings.hsts,
        }),
        values,
        args.users.check,
        args.clients.check,
        pulumi.all(services.map((service) => pulumi.output(service.tls))),
        pulumi.all(args.doors.map(({ room }) => pulumi.output(room ?? assumed.doors.backend))),
        limits,
      ])
      .apply(([nginxV, own, known, check, clients, tls, rooms, room]) => {
        const dialect = nginxDialect(nginxV);
        for (const door of known.doors.filter(({ keepAlive = 0 }) => keepAlive > 0)) {
          if (!dialect.resolvingUpstreams) {
            void pulumi.log.warn(
              `the Nginx of the proxy's image is older than 1.27.3, so it opens a connection to the ${door.name} for each request: keepAlive has no effect until the image is newer`,
              this,
            );
          }
        }
        const tlsOf = (service: ProxyUpstream) => tls[services.indexOf(service)];
        return refusing(() =>
          proxyRelease({
            dialect,
            serverNames: known.names,
            ...(own.hsts !== undefined && { hsts: own.hsts }),
            realm: known.realm,
            ...(known.callerHeaders && { callerHeaders: known.callerHeaders }),
            readTimeout: known.readTimeout,
            doors: args.doors.flatMap((door, index) => {
              const plain = known.doors[index];
              return plain === undefined
                ? []
                : releaseDoor(plain, {
                    port: internal(door.listen),
                    room: rooms[index] ?? assumed.doors.backend,
                    tls: servicesOf(door).map(tlsOf),
                  });
            }),
            pairs: own.pairs,
            metrics: certificateMetrics(
              known.metricsPrefix,
              deployment.stack,
              own.ends as KnownEnd[],
            ),
            ocspStapling: stapled,
            check,
            clients,
            publishesMetrics: settings.metrics !== undefined,
            shutdownTimeout: known.shutdownTimeout,
            ...(own.guesses && { guesses: own.guesses }),
            room: {
              workers: room.workers,
              connections: room.connections,
              largeBodies: room.largeBodies,
            },
          }),
        );
      });

    const edge = new docker.Network(
      `${name}-network`,
      { name: dockerName(deployment, edgeOf(role)), labels: labels(deployment, edgeOf(role)) },
      onEngine(deployment, this),
    );

    // A network of its own, since the proxy calls nobody otherwise.
    const away = stapled
      ? new docker.Network(
          `${name}-away`,
          { name: dockerName(deployment, awayOf(role)), labels: labels(deployment, awayOf(role)) },
          onEngine(deployment, this),
        )
      : undefined;

    const release = new Release(
      `${name}-release`,
      {
        deployment,
        part: releaseVolume(role),
        files: content.files,
        digest: content.digest,
        owner: OWNER,
        image,
        reload: {
          container: dockerName(deployment, role),
          statusPort: PROXY_STATUS_PORT,
          certificates: certificates.volumeName,
        },
      },
      { parent: this },
    );

    const bodies = new BodyVolume(
      `${name}-bodies`,
      { deployment, part: bodiesVolume(role), owner: OWNER, image },
      { parent: this },
    );

    const container = new Container(
      name,
      {
        deployment,
        role,
        image,
        user: OWNER,
        networks: [
          { network: edge.name },
          ...(away ? [{ network: away.name }] : []),
          ...services.map(({ network }) => ({ network })),
        ],
        ports: [
          ...listens.map((listen) => ({
            address: values.address,
            port: listen,
            internal: internal(listen),
          })),
          ...(settings.metrics ? [{ ...settings.metrics, internal: PROXY_METRICS_PORT }] : []),
        ],
        // The volume, not a release in it: a new release must not replace the container.
        volumes: [
          { volume: release.mountableVolume, target: "/release", readOnly: true },
          { volume: bodies.volumeName, target: BODIES_FOLDER },
          // Whatever the source of certificates: another one must not replace the container.
          { volume: certificates.volumeName, target: SERVED_AT, readOnly: true },
        ],
        entrypoint: PROXY_ENTRYPOINT,
        healthCheck: proxyHealthCheck(PROXY_STATUS_PORT),
        // Nginx finishes the requests that are under way.
        stopSignal: "SIGQUIT",
        stopGrace: 30,
        memory: limits.memory,
        cpus: limits.cpus,
        pidsLimit: limits.pids,
      },
      { parent: this, dependsOn: services },
    );

    this.containerId = container.id;
    this.release = release.digest;
    this.certificateVolume = certificates.volumeName;
    this.image = pulumi.runtime.isDryRun()
      ? image
      : pulumi.all([image, container.id]).apply(([id]) => id);
    this.role = role;
    this.users = args.users;
    this.clients = args.clients;
    this.doors = args.doors;
    this.services = services;
    this.serverName = values.apply(({ names: [first = ""] }) => first);
    this.called = values.apply(({ names, doors }) =>
      doors.map((door) => ({
        name: door.name,
        port: door.listen,
        access: door.access,
        names: callable(door.names ?? names),
      })),
    );
    this.listeners = [
      ...listens.map((port) => ({ role, address: values.address, port })),
      ...(settings.metrics ? [{ role, ...settings.metrics }] : []),
    ];
    this.network = edge.name;
    this.host = container.containerName;
    this.ways = listens.map((listen) => ({
      port: listen,
      internal: internal(listen),
    }));
    this.registerOutputs({ containerId: this.containerId, release: this.release });
  }
}
