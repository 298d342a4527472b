import * as pulumi from "@pulumi/pulumi";
import {
  ACME_CHALLENGE,
  COLLECTOR_DOOR,
  collectorDoorPart,
  KAPOW,
  PROXY,
} from "../names/docker.ts";
import { RECORDED } from "../names/resources.ts";
import { COMPONENT } from "../names/types.ts";
import { proxyShows } from "../render/proxyHealth.ts";
import { PROXY_STATUS_PORT } from "../render/proxyRelease.ts";
import { isWildcard } from "../render/serverNames.ts";
import { declaredListeners, doorsOf } from "../settings/listeners.ts";
import { rotationNumbers } from "../settings/rotationNumbers.ts";
import type { Settings } from "../settings/types.ts";
import { namesOfServers } from "../settings/renewedServers.ts";
import type { AcmeCertificates } from "./acmeCertificates.ts";
import type { Backend } from "./backend.ts";
import type { ClientList } from "./clientList.ts";
import type { Collector } from "./collector.ts";
import { connectionOf, type Deployment, dockerName, ownerOf } from "./deployment.ts";
import type { Kapow } from "./kapow.ts";
import type { Kms } from "./kms.ts";
import { Program } from "./program.ts";
import type { TlsProxy } from "./tlsProxy.ts";
import type { UserList } from "./userList.ts";

export interface SmokeCheckArgs {
  readonly deployment: Deployment;
  readonly settings: Settings;
  /** PEM: what the proxy is verified by. */
  readonly serverCa: pulumi.Input<string>;
  readonly users: UserList;
  readonly clients: ClientList;
  readonly proxy: TlsProxy;
  readonly kms: Kms;
  readonly backend: Backend;
  readonly kapow?: Kapow | undefined;
  /** What renews the servers' certificates, if a container does. */
  readonly renewal?: AcmeCertificates | undefined;
  /** @default none */
  readonly collectors?: readonly Collector[];
}

/**
 * The last thing that `up` does. It calls both services as a client would, and looks for listeners that nobody
 * declared. If it fails, it fails the `up` with the cause in one sentence.
 */
export class SmokeCheck extends pulumi.ComponentResource {
  /** What it said, once it has passed. */
  readonly result: pulumi.Output<string>;

  constructor(name: string, args: SmokeCheckArgs, opts?: pulumi.ComponentResourceOptions) {
    super(COMPONENT.smokeCheck, name, {}, opts);
    const { settings, kms, backend, kapow, proxy, renewal, collectors = [] } = args;
    const doors = doorsOf(settings).map(({ name: door, port, access }) => ({
      ...{ name: door, port, access },
      ...(door === KAPOW && settings.kapow && { route: settings.kapow.healthRoute }),
    }));

    const check = new Program(
      name,
      {
        program: "smoke",
        speaks: true,
        input: {
          dockerHost: connectionOf(args.deployment),
          ...ownerOf(args.deployment),
          serverName: settings.proxy.serverName,
          // Nobody can call a wildcard.
          serverNames: settings.proxy.serverNames.filter((name) => !isWildcard(name)),
          serverCa: args.serverCa,
          credential: args.users.credentials.apply(firstOf),
          // None if every client is revoked, or its owner has the key.
          client: args.clients.credentials.apply((all) =>
            Object.values(all).find(({ privateKey }) => privateKey !== undefined),
          ),
          doors,
          databases: [kms.database.check, backend.database.check],
          listeners: declaredListeners(settings),
          ...(collectors.length > 0 && {
            collectorDoors: settings.collector.map(({ name: collector }) =>
              dockerName(args.deployment, collectorDoorPart(collector)),
            ),
          }),
          // Pulumi removes their containers after everything else.
          leaving: [
            ...(kapow ? [] : [KAPOW]),
            ...(renewal?.answers ? [] : [ACME_CHALLENGE]),
            ...(collectors.length > 0 ? [] : [COLLECTOR_DOOR]),
          ],
          ...(renewal && {
            renewal: {
              container: renewal.containerName,
              release: renewal.release,
              servers: namesOfServers(settings).map((server) => ({
                ...server,
                container:
                  server.name === PROXY ? proxy.host : dockerName(args.deployment, server.name),
                asks: server.name === PROXY ? proxyShows(PROXY_STATUS_PORT) : (kapow?.shows ?? []),
              })),
            },
          }),
        },
        because: {
          [RECORDED.release]: proxy.release,
          PROXY: proxy.containerId,
          KMS: kms.service.containerId,
          BACKEND: backend.service.containerId,
          // Its port must be published before the check looks.
          ...(kapow && { KAPOW: kapow.containerId }),
          ...(collectors.length > 0 && {
            COLLECTORS: pulumi
              .all(collectors.flatMap(({ containerId, doorId }) => [containerId, doorId]))
              .apply((ids) => ids.join(" ")),
          }),
          ...(renewal && { RENEWAL: renewal.release, RENEWING: renewal.containerId }),
          // In the state only after a complete `up`: the next rotation may start from these numbers.
          [RECORDED.rotation]: JSON.stringify(rotationNumbers(settings)),
          // For a preview, which compares it.
          [RECORDED.access]: JSON.stringify(
            Object.fromEntries(doors.map((door) => [door.name, door.access])),
          ),
        },
      },
      { parent: this },
    );

    this.result = check.stdout;
    this.registerOutputs({});
  }
}

function firstOf<T>(record: Record<string, T>): T {
  const [first] = Object.values(record);
  if (first === undefined) {
    throw new Error("the user list is empty");
  }
  return first;
}
