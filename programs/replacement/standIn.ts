import { setTimeout as sleep } from "node:timers/promises";
import { type Docker, DockerError } from "../docker/docker.ts";
import { UserError } from "../errors.ts";
import { exitWords } from "../docker/exitCodes.ts";
import { healthWords } from "../docker/healthWords.ts";
import { lastLine } from "../docker/oneLine.ts";

/** The part of `docker inspect` of a container that a stand-in needs. */
export interface ContainerInfo {
  readonly Id: string;
  readonly Image: string;
  readonly State: {
    readonly Running: boolean;
    readonly Paused?: boolean;
    readonly ExitCode: number;
  };
  readonly Config: {
    readonly User: string;
    readonly Env: readonly string[] | null;
    readonly Entrypoint: readonly string[] | null;
    readonly Cmd: readonly string[] | null;
    readonly Labels: Readonly<Record<string, string>> | null;
    readonly StopSignal?: string;
    readonly StopTimeout?: number;
    readonly Healthcheck?: { readonly Test?: readonly string[] | null };
  };
  readonly HostConfig: {
    readonly ReadonlyRootfs: boolean;
    readonly Tmpfs: Readonly<Record<string, string>> | null;
    readonly CapAdd: readonly string[] | null;
    readonly CapDrop: readonly string[] | null;
    readonly SecurityOpt: readonly string[] | null;
    readonly Memory: number;
    readonly MemorySwap: number;
    readonly NanoCpus: number;
    readonly PidsLimit: number | null;
    readonly LogConfig: {
      readonly Type: string;
      readonly Config: Readonly<Record<string, string>>;
    };
  };
  readonly Mounts: readonly {
    readonly Type: string;
    readonly Name?: string;
    readonly Source: string;
    readonly Destination: string;
    readonly RW: boolean;
  }[];
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, unknown>> };
}

/** What an image adds to each of its containers. */
export interface ImageInfo {
  readonly Config: Pick<ContainerInfo["Config"], "Env" | "Entrypoint" | "Cmd"> | null;
}

/** How a stand-in differs from the container that it stands in for. */
export interface StandInChanges {
  readonly name: string;
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The network that it shares with the proxy, and its host name there. */
  readonly network: string;
  readonly host: string;
  /** The others that it joins, such as its database's. */
  readonly networks: readonly string[];
  /** Path in the container -> the new file on the engine. */
  readonly files: Readonly<Record<string, string>>;
}

/**
 * The arguments of `docker` that create, but do not start, a container like another one: the same user,
 * limits, mounts and hardening, but not its published ports and host names.
 *
 * @param own The image of the other container. What comes from it is left to the new image.
 */
export function creation(like: ContainerInfo, own: ImageInfo, changes: StandInChanges): string[] {
  const { Config: config, HostConfig: host } = like;
  const fromImage = (key: "Env" | "Entrypoint" | "Cmd") => own.Config?.[key] ?? [];
  const [entrypoint, ...leading] = same(config.Entrypoint, fromImage("Entrypoint"))
    ? []
    : (config.Entrypoint ?? []);
  // If a container sets an entrypoint, the engine ignores the image's command.
  const command =
    entrypoint === undefined && same(config.Cmd, fromImage("Cmd")) ? [] : (config.Cmd ?? []);
  return [
    "container",
    "create",
    `--name=${changes.name}`,
    // Newer engines resolve host names, and the service's own container has the role as its name.
    `--hostname=${changes.host}`,
    ...Object.entries(changes.labels).map(([key, value]) => `--label=${key}=${value}`),
    `--network=${changes.network}`,
    `--network-alias=${changes.host}`,
    `--user=${config.User}`,
    ...(config.Env ?? [])
      .filter((entry) => !fromImage("Env").includes(entry))
      .map((entry) => `--env=${entry}`),
    ...like.Mounts.flatMap((mount) => mountArguments(mount, changes.files)),
    ...Object.entries(changes.files)
      .filter(([path]) => !like.Mounts.some(({ Destination }) => Destination === path))
      .map(([path, source]) => `--mount=type=bind,source=${source},target=${path},readonly`),
    ...(host.ReadonlyRootfs ? ["--read-only"] : []),
    ...Object.entries(host.Tmpfs ?? {}).map(([path, opts]) => `--tmpfs=${path}:${opts}`),
    ...(host.CapDrop ?? []).map((name) => `--cap-drop=${name}`),
    ...(host.CapAdd ?? []).map((name) => `--cap-add=${name}`),
    ...(host.SecurityOpt ?? []).map((option) => `--security-opt=${option}`),
    `--memory=${host.Memory}`,
    `--memory-swap=${host.MemorySwap}`,
    `--cpus=${host.NanoCpus / 1e9}`,
    `--pids-limit=${host.PidsLimit ?? 0}`,
    `--log-driver=${host.LogConfig.Type}`,
    ...Object.entries(host.LogConfig.Config).map(([key, value]) => `--log-opt=${key}=${value}`),
    ...(config.StopSignal === undefined ? [] : [`--stop-signal=${config.StopSignal}`]),
    ...(config.StopTimeout === undefined ? [] : [`--stop-timeout=${config.StopTimeout}`]),
    // This program runs the check itself, more often than the engine would.
    "--no-healthcheck",
    ...(entrypoint === undefined ? [] : [`--entrypoint=${entrypoint}`]),
    changes.image,
    ...leading,
    ...command,
  ];
}

function mountArguments(
  { Type, Name = "", Source, Destination, RW }: ContainerInfo["Mounts"][number],
  files: StandInChanges["files"],
): string[] {
  // A volume with a random name is one that the image declares. Each container has its own.
  if (Type === "tmpfs" || (Type === "volume" && /^[0-9a-f]{64}$/.test(Name))) {
    return [];
  }
  const source = files[Destination] ?? (Type === "volume" ? Name : Source);
  return [`--mount=type=${Type},source=${source},target=${Destination}${RW ? "" : ",readonly"}`];
}

function same(one: readonly string[] | null, other: readonly string[]): boolean {
  return JSON.stringify(one ?? []) === JSON.stringify(other);
}

/**
 * Creates and starts a stand-in, and returns its id once it is healthy. If it does not become healthy, it
 * is removed.
 *
 * @param healthCheck The new container's. The old one's may call a program that the new image lacks.
 */
export async function startStandIn(
  docker: Docker,
  like: ContainerInfo,
  changes: StandInChanges,
  healthCheck: readonly string[],
  patienceSeconds: number,
): Promise<string> {
  const image = await docker.inspect<ImageInfo>("image", like.Image);
  const id = await docker.run(creation(like, image ?? { Config: null }, changes));
  try {
    for (const network of changes.networks) {
      if (network !== changes.network) {
        await docker.run(["network", "connect", network, id]);
      }
    }
    await docker.run(["container", "start", id]);
    await untilHealthy(docker, id, healthCheck, patienceSeconds);
    // Only now, so that a crash before it is noticed.
    await docker.run(["container", "update", "--restart=unless-stopped", id]);
    return id;
  } catch (error) {
    await removeContainer(docker, id);
    throw error;
  }
}

async function untilHealthy(
  docker: Docker,
  id: string,
  check: readonly string[],
  patienceSeconds: number,
): Promise<void> {
  const end = Date.now() + patienceSeconds * 1000;
  for (;;) {
    const complaint = await complaintOf(docker, id, check);
    if (complaint === undefined) {
      return;
    }
    const state = (await docker.inspect<ContainerInfo>("container", id))?.State;
    if (!state?.Running) {
      const code = state === undefined ? "it was removed" : exitWords(state.ExitCode);
      throw new UserError(
        `it ends at once (${code}); its log ends with: ${await lastWords(docker, id)}`,
      );
    }
    if (Date.now() > end) {
      const words = healthWords(complaint) ?? "nothing";
      throw new UserError(
        `it is not healthy after ${patienceSeconds} s; its health check says: ${words}; ` +
          `its log ends with: ${await lastWords(docker, id)}`,
      );
    }
    await sleep(250);
  }
}

/** Whether a container runs and passes a health check. @param check Its own, if absent. */
export async function isServing(
  docker: Docker,
  container: ContainerInfo | undefined,
  check = commandOf(container?.Config.Healthcheck?.Test ?? []),
): Promise<boolean> {
  return (
    container?.State.Running === true &&
    (await complaintOf(docker, container.Id, check)) === undefined
  );
}

/** The command of a health check in a container's configuration. */
function commandOf([kind, ...words]: readonly string[]): readonly string[] {
  return kind === "CMD-SHELL" ? ["sh", "-c", ...words] : words;
}

/** Runs a health check in a container. Returns its output if it fails, and undefined if it passes. */
async function complaintOf(
  docker: Docker,
  id: string,
  check: readonly string[],
): Promise<string | undefined> {
  try {
    if (check.length > 0) {
      await docker.run(["exec", id, ...check], { timeoutSeconds: 10 });
    }
    return undefined;
  } catch (error) {
    if (error instanceof DockerError) {
      return error.output || error.message;
    }
    throw error;
  }
}

export async function removeContainer(docker: Docker, id: string): Promise<void> {
  try {
    await docker.run(["container", "rm", "--force", "--volumes", id]);
  } catch (error) {
    // It is gone already, or another run is removing it.
    if (!(
      error instanceof DockerError && /no such container|already in progress/i.test(error.message)
    )) {
      throw error;
    }
  }
}

async function lastWords(docker: Docker, id: string): Promise<string> {
  return lastLine(await docker.logs(id, 20));
}
