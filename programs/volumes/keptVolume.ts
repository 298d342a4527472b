/** Reads and writes the marks of kept volumes on an engine, without starting a container. */
import { randomBytes } from "node:crypto";
import { basename } from "node:path";
import {
  isOf,
  label,
  labelNames,
  labelTemplate,
  type Owner,
  ownLabel,
  TASK,
} from "../../names/docker.ts";
import { MARK, markFile, RESTORE_FILE, SEAL_FILE } from "../../settings/keptParts.ts";
import type { EngineName, FoundVolume } from "../../render/keptVolumes.ts";
import { type EngineInput, hostOf } from "../../settings/engineConnection.ts";
import { type ArchivedFile, tar, type TarEntry, untar } from "../docker/archive.ts";
import type { Docker } from "../docker/docker.ts";

/**
 * The engine's own id and name.
 *
 * @param engine How it is reached. @default as the environment says
 */
export async function engineName(docker: Docker, engine?: EngineInput): Promise<EngineName> {
  const host = engine === undefined ? process.env["DOCKER_HOST"] : hostOf(engine);
  const [id = "", name = ""] = (await docker.run(["info", "--format", "{{.ID}}\t{{.Name}}"])).split(
    "\t",
  );
  return { id, name, ...(host && { host }) };
}

export interface Look extends Owner {
  /** Whether a service keeps its keys in it, so that a seal lists those that must exist. @default false */
  readonly keys?: boolean;
  /** Keys that must exist even if no seal lists them. @default none */
  readonly needed?: readonly string[];
}

/** The volume; undefined if the engine has none of that name. Changes nothing. */
export async function findVolume(
  docker: Docker,
  volume: string,
  { keys = false, needed = [], ...deployment }: Look,
): Promise<FoundVolume | undefined> {
  const info = await docker.inspect<{ Labels: Record<string, string> | null }>("volume", volume);
  if (info === undefined) {
    return undefined;
  }
  const owner = info.Labels?.[labelNames(deployment.labels).deployment];
  if (!isOf(deployment, info.Labels)) {
    // It belongs to somebody else, so don't look into it.
    return { deployment: owner, mark: undefined, missingKeys: [] };
  }
  return withMounted(docker, volume, deployment, async ({ container, path }) => {
    const files = keys
      ? await filesIn(docker, container, `${path}/.`)
      : await filesIn(docker, container, `${path}/${markFile(deployment.labels)}`);
    const names = files.map((file) => basename(file.path));
    const text = (name: string) =>
      files.find((file) => basename(file.path) === name)?.content.toString("utf8");
    const mark = text(markFile(deployment.labels))?.trim();
    return {
      deployment: owner,
      mark: mark !== undefined && MARK.test(mark) ? mark : undefined,
      missingKeys: [...new Set([...sealed(text(SEAL_FILE)), ...needed])].filter(
        (name) => !names.includes(name),
      ),
      restoring: names.includes(RESTORE_FILE),
    };
  });
}

/** All files of a volume; undefined if the engine has none of that name, or it is somebody else's. */
export async function readVolume(
  docker: Docker,
  volume: string,
  deployment: Owner,
): Promise<ArchivedFile[] | undefined> {
  const info = await docker.inspect<{ Labels: Record<string, string> | null }>("volume", volume);
  return isOf(deployment, info?.Labels)
    ? withMounted(docker, volume, deployment, ({ container, path }) =>
        filesIn(docker, container, `${path}/.`),
      )
    : undefined;
}

function sealed(seal: string | undefined): string[] {
  const names: unknown = seal === undefined ? [] : JSON.parse(seal);
  return Array.isArray(names) ? names.map(String) : [];
}

async function filesIn(docker: Docker, container: string, path: string): Promise<ArchivedFile[]> {
  const archive = await docker.copyOut(container, path);
  return archive === undefined ? [] : untar(archive);
}

/** Writes a new mark into the volume, replacing an old one, and returns it. */
export async function markVolume(
  docker: Docker,
  volume: string,
  deployment: Owner,
): Promise<string> {
  const mark = randomBytes(6).toString("hex");
  // An old seal would list keys that are now missing.
  const entries = [
    ownFile(markFile(deployment.labels), mark),
    ...((await hasSeal(docker, volume, deployment)) ? [ownFile(SEAL_FILE, "[]")] : []),
  ];
  await withMounted(docker, volume, deployment, async ({ container, path }) =>
    docker.run(["container", "cp", "-", `${container}:${path}`], {
      input: await tar(entries),
    }),
  );
  return mark;
}

async function hasSeal(docker: Docker, volume: string, deployment: Owner): Promise<boolean> {
  return withMounted(
    docker,
    volume,
    deployment,
    async ({ container, path }) =>
      (await filesIn(docker, container, `${path}/${SEAL_FILE}`)).length > 0,
  );
}

/** A file that its service can neither read nor write. */
export const ownFile = (path: string, text: string): TarEntry => ({
  path,
  mode: 0o400,
  uid: 0,
  gid: 0,
  content: Buffer.from(text),
});

/** Where a volume is mounted, for `docker cp`. */
export interface Mounted {
  readonly container: string;
  readonly path: string;
}

interface ContainerInfo {
  readonly Mounts: readonly { readonly Name?: string; readonly Destination: string }[];
}

/** Uses a container that has the volume, running or not, or else a temporary one that is never started. */
export async function withMounted<T>(
  docker: Docker,
  volume: string,
  deployment: Owner,
  use: (mounted: Mounted) => Promise<T>,
): Promise<T> {
  const users = await docker.run([
    ...["container", "ls", "--all", "--filter", `volume=${volume}`],
    ...["--filter", `label=${ownLabel(deployment)}`],
    ...["--format", `{{.ID}}\t${labelTemplate("role", deployment.labels)}`],
  ]);
  for (const [container = "", role] of users.split("\n").map((line) => line.split("\t"))) {
    // A task's container may disappear at any moment.
    if (container === "" || role === TASK) {
      continue;
    }
    const info = await docker.inspect<ContainerInfo>("container", container);
    const path = info?.Mounts.find(({ Name }) => Name === volume)?.Destination;
    if (path !== undefined) {
      return use({ container, path });
    }
  }
  const labels = [ownLabel(deployment), label("role", TASK, deployment.labels)].map(
    (text) => `--label=${text}`,
  );
  // An empty image: it needs no registry, and nothing in it can run.
  const image = (await docker.run(["image", "import", "-"], { input: await tar([]) })).trim();
  try {
    const create = ["container", "create", ...labels, `--volume=${volume}:/volume`, image, "none"];
    const container = (await docker.run(create)).trim();
    try {
      return await use({ container, path: "/volume" });
    } finally {
      await docker.run(["container", "rm", container]);
    }
  } finally {
    await docker.run(["image", "rm", image]);
  }
}
