import type { Container } from "../../../policy/hardening/container.ts";

/** Of `docker container inspect`, what the rules look at. */
export interface InspectedContainer {
  readonly Name: string;
  readonly AppArmorProfile?: string;
  readonly State: { readonly Status: string; readonly Health?: { readonly Status: string } | null };
  readonly Config: {
    readonly User: string;
    readonly Labels: Readonly<Record<string, string>> | null;
    readonly Healthcheck?: { readonly Test?: readonly string[] | null } | null;
  };
  readonly HostConfig: {
    readonly CapAdd: readonly string[] | null;
    readonly CgroupParent: string;
    readonly CpuShares: number;
    readonly Devices: readonly unknown[] | null;
    readonly IpcMode: string;
    readonly Memory: number;
    readonly NanoCpus: number;
    readonly NetworkMode: string;
    readonly PidMode: string;
    readonly PidsLimit: number | null;
    readonly PortBindings: Readonly<
      Record<string, readonly { readonly HostIp: string; readonly HostPort: string }[] | null>
    > | null;
    readonly Privileged: boolean;
    readonly PublishAllPorts: boolean;
    readonly ReadonlyRootfs: boolean;
    readonly RestartPolicy: { readonly Name: string; readonly MaximumRetryCount: number };
    readonly SecurityOpt: readonly string[] | null;
    readonly UTSMode: string;
    readonly UsernsMode: string;
  };
  readonly Mounts: readonly {
    readonly Type: string;
    readonly Source?: string;
    readonly Propagation?: string;
  }[];
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, unknown>> | null };
}

/** Of `docker info`. */
export interface EngineInfo {
  /** Such as `name=apparmor` and `name=seccomp,profile=default`. */
  readonly SecurityOptions: readonly string[] | null;
}

/** The same as the policies see what a program declares. */
export function asDeclared({ Config, HostConfig, Mounts }: InspectedContainer): Container {
  return {
    user: Config.User,
    privileged: HostConfig.Privileged,
    readOnlyRoot: HostConfig.ReadonlyRootfs,
    namespaces: {
      network: HostConfig.NetworkMode,
      process: HostConfig.PidMode,
      IPC: HostConfig.IpcMode,
      UTS: HostConfig.UTSMode,
      user: HostConfig.UsernsMode,
    },
    addedCapabilities: HostConfig.CapAdd ?? [],
    securityOptions: HostConfig.SecurityOpt ?? [],
    healthCheck: Config.Healthcheck?.Test?.[0] ?? "",
    memory: HostConfig.Memory,
    restart: HostConfig.RestartPolicy.Name,
    retries: HostConfig.RestartPolicy.MaximumRetryCount,
    publishesAllPorts: HostConfig.PublishAllPorts,
    hostPaths: Mounts.map(({ Source = "" }) => Source),
  };
}
