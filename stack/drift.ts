import { NAME, nameIn, recorded } from "../names/resources.ts";
import { COMMAND, CONTAINER, VOLUME } from "../names/types.ts";
import { type AccountLook, driftOfAccounts } from "./driftAccounts.ts";
import { type DatabaseLook, driftOfDatabases } from "./driftDatabases.ts";
import { IS_RELEASE } from "../render/release.ts";
import type { EngineSize } from "../settings/limits.ts";
import type { Drift } from "./driftRepairs.ts";
import { engineSizeOf, isSameSize } from "../programs/limits/engineSize.ts";
import { runTask } from "../programs/docker/task.ts";
import type { Session } from "./session.ts";
import type { ExportedResource, StackState } from "./state.ts";
import { ours } from "../names/docker.ts";

/**
 * Finds changes by hand that Pulumi's own refresh does not see:
 *
 * - volumes that are gone, or whose files are not the ones that were delivered: a command filled them, and its
 *   inputs have not changed;
 * - containers that are paused, or are on the wrong networks;
 * - an engine of another size than when the limits were computed;
 * - databases whose passwords are from another time;
 * - accounts that the KMS has lost, or that are not as the config says.
 *
 * @param image An image with a POSIX shell, to look into the volumes with.
 */
export async function findDrift(
  session: Session,
  state: StackState,
  image: string,
  look: DatabaseLook & AccountLook,
): Promise<Drift[]> {
  const [volumes, containers, size, databases] = await Promise.all([
    driftOfVolumes(session, state, image),
    driftOfContainers(session, state.resources),
    driftOfSize(session, state.resources),
    driftOfDatabases(session, state, look),
  ]);
  // After the databases, which may have been started.
  const accounts = await driftOfAccounts(session, state.resources, look);
  return [...volumes, ...containers, ...size, ...databases, ...accounts];
}

async function driftOfVolumes(
  session: Session,
  state: StackState,
  image: string,
): Promise<Drift[]> {
  const there = new Set((await session.docker.run(["volume", "ls", "--quiet"])).split("\n"));
  const { resources } = state;
  const writers = resources
    .filter(({ type }) => type === VOLUME)
    .flatMap(({ parent, id: volume = "" }) =>
      // The command that fills the volume, or sets its owner, is in the same component.
      resources
        .filter((r) => r.type === COMMAND && r.parent === parent)
        .map(({ urn, inputs }) => ({ urn, volume, digest: recorded("release", inputs) })),
    );
  const gone = writers.filter(({ volume }) => !there.has(volume));
  const wrong = await wrongReleases(
    session,
    state.deployment,
    writers.filter(({ volume, digest }) => there.has(volume) && digest !== undefined),
    image,
  );
  return [
    ...gone.map(({ urn, volume }) => ({ urn, why: `the volume ${volume} is gone` })),
    ...wrong.map(({ urn, volume, fault }) => ({ urn, why: FAULTS[fault](volume) })),
  ];
}

/** What is wrong with a release, in the words of `LOOK`. */
const FAULTS = {
  gone: (volume: string) => `its files are gone from ${volume}`,
  changed: (volume: string) => `its files in ${volume} were changed`,
  unused: (volume: string) => `${volume} has another release in use`,
} as const;

/** $1, $2 ... are `volume/digest`. Prints what is wrong, and with which. */
const LOOK = `
  ${IS_RELEASE}
  for release; do
    volume="/volumes/\${release%/*}"
    digest="\${release#*/}"
    if test -z "$(ls -A "$volume/releases/$digest" 2>/dev/null)"; then
      echo "gone $release"
    elif ! is_release "$volume/releases/$digest" "$digest"; then
      echo "changed $release"
    elif test "$(readlink "$volume/current")" != "releases/$digest"; then
      echo "unused $release"
    fi
  done
`;

async function wrongReleases<T extends { volume: string; digest: string | undefined }>(
  session: Session,
  deployment: string | undefined,
  releases: readonly T[],
  image: string,
): Promise<(T & { fault: keyof typeof FAULTS })[]> {
  // If the image is gone, the refresh finds more than that.
  if (releases.length === 0 || !(await session.docker.inspect("image", image))) {
    return [];
  }
  const key = ({ volume, digest }: T) => `${volume}/${digest}`;
  const output = await runTask(session.docker, {
    image,
    ...ours(deployment ?? ""),
    user: "0:0",
    capabilities: ["DAC_READ_SEARCH"],
    volumes: releases.map(({ volume }) => `${volume}:/volumes/${volume}:ro`),
    program: "sh",
    args: ["-euc", LOOK, "sh", ...releases.map(key)],
  });
  const lines = new Set(output.split("\n"));
  const faults = Object.keys(FAULTS) as (keyof typeof FAULTS)[];
  return releases.flatMap((release) =>
    faults
      .filter((fault) => lines.has(`${fault} ${key(release)}`))
      .map((fault) => ({ ...release, fault })),
  );
}

/** The default limits depend on the engine's machine, which may have changed in size or been replaced. */
async function driftOfSize(
  session: Session,
  resources: readonly ExportedResource[],
): Promise<Drift[]> {
  const asked = resources.find(
    ({ urn, type }) => type === COMMAND && nameIn(urn) === NAME.engineSize,
  );
  const stdout = asked?.outputs?.["stdout"];
  if (asked === undefined || typeof stdout !== "string") {
    return [];
  }
  const before = JSON.parse(stdout) as EngineSize;
  const now = await engineSizeOf(session.docker);
  return isSameSize(before, now)
    ? []
    : [
        {
          urn: asked.urn,
          why: `the engine has ${now.processors} processors and ${now.memory} MiB of memory, but had ${before.processors} and ${before.memory} when the limits were computed`,
        },
      ];
}

interface ContainerInfo {
  readonly Id: string;
  readonly State: { readonly Paused: boolean };
  readonly NetworkSettings: {
    readonly Networks: Readonly<Record<string, { readonly NetworkID: string }>>;
  };
}

async function driftOfContainers(
  session: Session,
  resources: readonly ExportedResource[],
): Promise<Drift[]> {
  const containers = resources.filter(({ type, id }) => type === CONTAINER && id !== undefined);
  const networks = new Set(
    (await session.docker.run(["network", "ls", "--quiet", "--no-trunc"])).split("\n"),
  );
  const found = await Promise.all(
    containers.map(({ id = "" }) => session.docker.inspect<ContainerInfo>("container", id)),
  );
  return containers.flatMap(({ urn, inputs }, index) => {
    const info = found[index];
    // The refresh sees a container that is gone or stopped.
    if (info === undefined) {
      return [];
    }
    if (info.State.Paused) {
      return [{ urn, why: "it is paused" }];
    }
    const wanted = (inputs?.["networksAdvanced"] ?? []) as { name: string }[];
    const lost = wanted
      .map(({ name }) => name)
      .find((name) => {
        const id = info.NetworkSettings.Networks[name]?.NetworkID;
        // A stopped container has no network id yet.
        return id === undefined || (id !== "" && !networks.has(id));
      });
    return lost === undefined ? [] : [{ urn, why: `it is not on the network ${lost}` }];
  });
}
