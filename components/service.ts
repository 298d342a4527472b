import * as pulumi from "@pulumi/pulumi";
import type { ServiceRole } from "../names/docker.ts";
import { httpHealthCheck } from "../render/httpProbe.ts";
import { SERVICE_PORT } from "../render/standIn.ts";
import type { ContainerLimits } from "../settings/limits.ts";
import type { Endpoint } from "../settings/types.ts";
import type { VolumeMount } from "./container.ts";
import type { Deployment } from "./deployment.ts";
import { stackLimits } from "./engineSize.ts";
import { HttpService } from "./httpService.ts";

/** A user that no distribution's passwd file has. What the service writes belongs to it. */
export const SERVICE_OWNER = "65532:65532";

/** Arguments of {@link Service}. */
export interface ServiceArgs {
  readonly deployment: Deployment;
  readonly role: ServiceRole;
  /** The image's id. */
  readonly image: pulumi.Input<string>;
  /** The text of its /config.yaml. Secret. */
  readonly config: pulumi.Input<string>;
  /** Where the operator reaches it without the proxy: a loopback address. */
  readonly bind: Endpoint;
  /** The network of its database. */
  readonly databaseNetwork: pulumi.Input<string>;
  /** Further files: path in the container -> content. @default none */
  readonly files?: Readonly<Record<string, pulumi.Input<string>>>;
  readonly volumes?: readonly VolumeMount[];
  /** Seconds that requests under way may still take when the container is replaced. */
  readonly drainSeconds: number;
  /** @default as on an engine with 2 processors and 4 GiB of memory */
  readonly limits?: pulumi.Input<ContainerLimits>;
}

/**
 * A CYBEX-P service in its container, between its database's network and the proxy's. It only reads its
 * configuration at the start.
 */
export class Service extends HttpService {
  constructor(name: string, args: ServiceArgs, opts?: pulumi.ComponentResourceOptions) {
    const { config, databaseNetwork, limits, files = {}, ...rest } = args;
    const { memory, cpus, pids } = pulumi.output(limits ?? stackLimits({}).backend);
    super(
      name,
      {
        ...rest,
        port: SERVICE_PORT,
        user: SERVICE_OWNER,
        files: { "/config.yaml": config, ...files },
        networks: [databaseNetwork],
        environment: { PYTHONUNBUFFERED: "1" },
        // `GET /` says "up" even with a dead database. This proves the process; the smoke check proves the rest.
        healthCheck: httpHealthCheck(SERVICE_PORT),
        // As PID 1 the services ignore SIGTERM and obey SIGINT.
        stopSignal: "SIGINT",
        stopGrace: 30,
        memory,
        cpus,
        pidsLimit: pids,
      },
      opts,
    );
  }
}
