import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import {
  COLLECTOR,
  collectorPart,
  configVolume,
  labelNames,
  secretsVolume,
} from "../names/docker.ts";
import { COMPONENT } from "../names/types.ts";
import { COLLECTOR_HOST, COLLECTOR_PORT } from "../render/collectorDoor.ts";
import { collectorNeeds } from "../render/imageNeeds.ts";
import { mountedFiles, mountedNames } from "../render/mountedFiles.ts";
import { moduleConfigDefaults, renderModuleConfig } from "../render/moduleConfig.ts";
import { listeningHealthCheck } from "../render/tcpTable.ts";
import type { StackLimits } from "../settings/limits.ts";
import type { CollectorSettings, ModuleSettings } from "../settings/types.ts";
import { checkedImage } from "./checkedImage.ts";
import { CollectorDoor } from "./collectorDoor.ts";
import { Container } from "./container.ts";
import { type Deployment, dockerName, labels, onEngine } from "./deployment.ts";
import { stackLimits } from "./engineSize.ts";
import { imageId } from "./image.ts";
import { userToken } from "./moduleConfigs.ts";
import { ownedVolume } from "./ownedVolume.ts";
import { Program } from "./program.ts";
import { Release } from "./release.ts";
import { after, type Description, signatureOf } from "./signature.ts";
import type { TlsProxy } from "./tlsProxy.ts";
import type { UserList } from "./userList.ts";

/** A user that no distribution's passwd file has. */
const OWNER = "65532:65532";

/** Where the authorities are in the container: the collector's library is told by its environment. */
const AUTHORITIES = "/cybexp-ca.pem";

/** Seconds that it may take to be let in and to fetch its keys. */
const START_SECONDS = 120;

/** Without a line for localhost, that name is asked for like any other, and means the collector's gate. */
const HOSTS = "127.0.0.1 loopback\n";

/** Arguments of {@link Collector}. */
export interface CollectorArgs {
  readonly deployment: Deployment;
  /** Its `user` is one of `users`. Of several collectors, each has a `name` and a `bind` of its own. */
  readonly settings: CollectorSettings;
  /** It has the doors of both URLs, and lets a password in there. The collector's own resources come after it. */
  readonly proxy: TlsProxy;
  /** The host name in the URLs: the collector reaches the proxy under it. */
  readonly serverName: string;
  /** `https://host:port`, as the users of the stack call them. */
  readonly kmsUrl: string;
  readonly backendUrl: string;
  /** PEM: the authorities that the proxy is verified by. */
  readonly serverCa: pulumi.Input<string>;
  readonly users: UserList;
  /** The KMS's token-signing key (`Kms.jwtKey`), and its number: the collector's token is signed with it. */
  readonly jwtKey: pulumi.Input<string>;
  readonly jwtKeyGeneration: number;
  /** What must know its token and password before it starts. */
  readonly after: readonly pulumi.Resource[];
  /** Numbers of all modules' config.yaml. @default none */
  readonly overrides?: ModuleSettings["config"];
  /** What its containers may take. @default as on an engine with 2 processors and 4 GiB of memory */
  readonly limits?: pulumi.Input<StackLimits>;
}

/**
 * CYBEX-P's collector: takes records, encrypts them and sends them to the Backend. It reaches nothing but its gate.
 *
 * A new image, configuration or authority replaces its container. A stand-in takes the records meanwhile, and
 * each of the two is ended only when it has stored what it has accepted. Before it is removed, its door lets no
 * more records in.
 */
export class Collector extends pulumi.ComponentResource {
  readonly containerId: pulumi.Output<string>;
  /** Known once its port is published. */
  readonly doorId: pulumi.Output<string>;

  constructor(name: string, args: CollectorArgs, opts?: pulumi.ComponentResourceOptions) {
    super(COMPONENT.collector, name, {}, opts);
    const { deployment, settings, proxy, serverName } = args;
    const part = collectorPart(settings.name);
    const containerName = dockerName(deployment, part);
    const limits = pulumi.output(args.limits ?? stackLimits({ collector: [settings] }));
    const own = limits.apply(({ collectors }) => {
      const found = collectors[settings.name];
      if (found === undefined) {
        throw new RangeError(`there are no limits for the collector ${settings.name}`);
      }
      return found;
    });
    const image = checkedImage(
      `${name}-image`,
      imageId(`${name}-image`, settings.image, { engine: deployment.engine, parent: this }),
      deployment,
      collectorNeeds(OWNER),
      this,
    );

    const numbers = { ...args.overrides, ...settings.config };
    const access = pulumi
      .all([args.users.credentials, args.jwtKey, args.serverCa])
      .apply(([credentials, key, authorities]) => {
        const credential = credentials[settings.user];
        if (credential === undefined) {
          throw new RangeError(
            `there is no user ${settings.user} for the collector ${settings.name}`,
          );
        }
        return {
          kmsUrl: args.kmsUrl,
          backendUrl: args.backendUrl,
          ...credential,
          token: userToken({ key, user: settings.user, generation: args.jwtKeyGeneration }),
          authorities,
        };
      });

    const contents = access.apply(({ authorities, ...credentials }) => ({
      "/config.yaml": renderModuleConfig({
        ...credentials,
        overrides: numbers,
        ...(settings.policy !== undefined && { policy: settings.policy }),
        debug: settings.debug,
      }),
      [AUTHORITIES]: authorities,
      ...(serverName === "localhost" && { "/etc/hosts": HOSTS }),
    }));
    const paths = [
      "/config.yaml",
      AUTHORITIES,
      ...(serverName === "localhost" ? ["/etc/hosts"] : []),
    ];
    const release = new Release(
      `${name}-config`,
      {
        deployment,
        part: configVolume(part),
        files: pulumi.secret(contents.apply(mountedFiles)),
        owner: OWNER,
        image,
      },
      { parent: this },
    );
    const files = Object.fromEntries(
      [...mountedNames(paths)].map(([path, file]) => [
        path,
        pulumi.interpolate`${release.hostFolder}/${file}`,
      ]),
    );

    // The key files: the KMS gives them out again, so nothing is lost with them.
    const secrets = ownedVolume(
      `${name}-secrets`,
      { deployment, part: secretsVolume(part), owner: OWNER, image },
      this,
    );

    const network = new docker.Network(
      `${name}-network`,
      { name: containerName, labels: labels(deployment, part), internal: true },
      onEngine(deployment, this),
    );

    const door = new CollectorDoor(
      `${name}-door`,
      {
        deployment,
        collector: settings.name,
        container: containerName,
        image,
        network: network.name,
        serverName,
        proxy,
        bind: settings.bind,
        workers: numbers.enc_worker_threads ?? Number(moduleConfigDefaults["enc_worker_threads"]),
        drainSeconds: settings.drainSeconds,
        limits: limits.collectorDoor,
      },
      { parent: this },
    );

    const healthCheck = listeningHealthCheck(COLLECTOR_PORT);
    const description: Description = {
      role: COLLECTOR,
      part,
      image,
      user: OWNER,
      networks: [{ network: network.name, aliases: [COLLECTOR_HOST] }],
      volumes: [{ volume: secrets, target: "/secrets" }],
      // The paths contain the digest, so a new file replaces the container, which reads it at the start.
      files: Object.entries(files).map(([target, source]) => ({ source, target })),
      environment: {
        PYTHONUNBUFFERED: "1",
        REQUESTS_CA_BUNDLE: AUTHORITIES,
        // The image or the engine may name an HTTP proxy. The way to the services is the gate.
        no_proxy: "*",
      },
      healthCheck,
      startTimeout: START_SECONDS,
      // At SIGINT it finishes what it has accepted. As PID 1 it ignores SIGTERM.
      stopSignal: "SIGINT",
      stopGrace: settings.drainSeconds,
      cpus: own.cpus,
    };
    const signature = signatureOf(description);
    const handover = new Program(
      `${name}-handover`,
      {
        program: "collector-handover",
        speaks: true,
        input: {
          ...door.place,
          network: network.name,
          startSeconds: START_SECONDS,
          image,
          owner: OWNER,
          files,
          healthCheck,
          signature,
          access,
        },
        because: { SIGNATURE: signature, GATE: door.gateId },
      },
      { parent: this, dependsOn: [...args.after] },
    );

    const container = new Container(
      name,
      {
        ...description,
        deployment,
        image: after(handover, image),
        labels: { [labelNames(deployment.labels).signature]: signature },
        memory: own.memory,
        pidsLimit: own.pids,
      },
      { parent: this },
    );

    // Whatever is removed, this is the first: the door lets no more in, while the collector and its gate still work.
    const handback = new Program(
      `${name}-handback`,
      {
        program: "collector-handback",
        leaving: "collector-close",
        speaks: true,
        input: { ...door.place },
        because: { SIGNATURE: signature, CONTAINER: container.id },
      },
      { parent: this, dependsOn: [door] },
    );

    this.containerId = after(handback, container.id);
    this.doorId = door.containerId;
    this.registerOutputs({ containerId: this.containerId });
  }
}
