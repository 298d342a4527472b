/** What the rules look at. */

/** Of `docker container inspect`. */
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
