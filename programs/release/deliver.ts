/**
 * Delivers a release into its volume and, if a proxy serves it, switches to it:
 *
 * 1. It writes `releases/<digest>.part` and renames it, so a folder with the digest's name is complete.
 *    Then it removes old releases that nothing uses.
 * 2. It checks the release with `nginx -t` in a throw-away container. If that fails, the old release keeps
 *    serving.
 * 3. It switches `current` to the release by an atomic rename.
 * 4. It reloads the running proxy and asks which release it serves. If that is not this one, it switches
 *    `current` back. A proxy of another image, whose Nginx can't read the release, is left as it is: it serves
 *    the old one until its container is replaced, which comes next.
 */
import { z } from "zod";
import { SERVED_AT } from "../../render/acmePaths.ts";
import { IS_RELEASE, releaseEntries } from "../../render/release.ts";
import { releasesToRemove } from "../../render/releasePruning.ts";
import { engineInput } from "../../settings/engineConnection.ts";
import { tar } from "../docker/archive.ts";
import { Docker, DockerError } from "../docker/docker.ts";
import { UserError } from "../errors.ts";
import { runProgram } from "../program.ts";
import { reloadProxy } from "./reload.ts";
import { mountedReleases } from "./mountedReleases.ts";
import { runTask } from "../docker/task.ts";
import { requireOwnVolume, throwAway } from "../volumes/volumes.ts";
import { ownerInput } from "../owner.ts";

const input = z.object({
  dockerHost: engineInput,
  volume: z.string(),
  ...ownerInput,
  image: z.string(),
  owner: z.string().regex(/^\d+:\d+$/),
  digest: z.string().regex(/^[0-9a-f]{32,64}$/),
  files: z.record(z.string(), z.object({ content: z.string(), mode: z.number().int() })),
  reload: z
    .object({
      container: z.string(),
      statusPort: z.number().int(),
      /** The volume with the certificate that is renewed there. */
      certificates: z.string().optional(),
    })
    .optional(),
});
type Input = z.infer<typeof input>;

/**
 * $1 is the digest, $2 the owner; standard input is the archive. Prints where `current` points, and then
 * all releases, newest first.
 */
const WRITE = `
  ${IS_RELEASE}
  umask 077
  # Left by runs that were killed.
  rm -rf /volume/releases/*.part
  # Keep an existing one: a container may be reading it, and its name is the digest of its content.
  if test -d "/volume/releases/$1" && is_release "/volume/releases/$1" "$1"; then
    cat > /dev/null
  else
    tar -xf - -C /volume
    chown 0:0 /volume/releases
    chmod 0755 /volume /volume/releases
    chown "$2" "/volume/releases/$1.part"
    chmod 0500 "/volume/releases/$1.part"
    if test -d "/volume/releases/$1"; then
      # Changed by hand. A container may have one of its files mounted, so the files stay and get their content.
      for file in $(ls -A "/volume/releases/$1"); do
        test -f "/volume/releases/$1.part/$file" || rm -rf "/volume/releases/$1/$file"
      done
      cp -p "/volume/releases/$1.part"/* "/volume/releases/$1/"
      rm -rf "/volume/releases/$1.part"
    else
      mv "/volume/releases/$1.part" "/volume/releases/$1"
    fi
  fi
  # Set the time here, because the archive has none: the same files must give the same bytes.
  touch "/volume/releases/$1"
  readlink /volume/current || echo none
  ls -1t /volume/releases
`;

/** $1, $2 ... are digests. */
const REMOVE = `
  for digest; do
    rm -rf "/volume/releases/$digest"
  done
`;

/** $1 is the new target of `current`. Prints the old one. */
const SWITCH = `
  readlink /volume/current || true
  ln -sfn "$1" /volume/next
  mv -T /volume/next /volume/current
`;

await runProgram(input, 120, async (release) => {
  const docker = new Docker(release.dockerHost);
  await requireOwnVolume(docker, release.volume, release);
  await write(docker, release);
  if (release.reload) {
    await check(docker, release, release.reload);
    await apply(docker, release, release.reload);
  } else {
    await inVolume(docker, release, SWITCH, [`releases/${release.digest}`]);
  }
});

function inVolume(
  docker: Docker,
  release: Input,
  script: string,
  args: string[],
  input?: Uint8Array,
) {
  return throwAway(docker, {
    ...release,
    script,
    args,
    capabilities: ["CHOWN", "FOWNER", "DAC_OVERRIDE"],
    ...(input && { input }),
  });
}

async function write(docker: Docker, release: Input): Promise<void> {
  const { digest, owner, files } = release;
  const [uid = 0, gid = 0] = owner.split(":").map(Number);
  const entries = releaseEntries(files, { uid, gid, prefix: `releases/${digest}.part` });
  const output = await inVolume(docker, release, WRITE, [digest, owner], await tar(entries));
  const [current = "", ...newestFirst] = output.split("\n");
  const old = releasesToRemove({
    newestFirst,
    current: current.replace("releases/", ""),
    written: digest,
    mounted: await mountedReleases(docker, release),
  });
  if (old.length > 0) {
    await inVolume(docker, release, REMOVE, old);
  }
}

/** Runs `nginx -t` as the user that the proxy runs as. */
async function check(
  docker: Docker,
  release: Input,
  { certificates }: NonNullable<Input["reload"]>,
): Promise<void> {
  try {
    await runTask(docker, {
      image: release.image,
      deployment: release.deployment,
      labels: release.labels,
      user: release.owner,
      volumes: [
        `${release.volume}:/release:ro`,
        ...(certificates === undefined ? [] : [`${certificates}:${SERVED_AT}:ro`]),
      ],
      program: "nginx",
      args: ["-t", "-q", "-e", "stderr", "-c", `/release/releases/${release.digest}/nginx.conf`],
    });
  } catch (error) {
    if (error instanceof DockerError) {
      throw new UserError(
        `Nginx refuses the new configuration, so the old one keeps serving: ${error.output}`,
      );
    }
    throw error;
  }
}

async function apply(
  docker: Docker,
  release: Input,
  reload: NonNullable<Input["reload"]>,
): Promise<void> {
  const target = `releases/${release.digest}`;
  const leaves = await isForTheNext(docker, release, reload);
  const before = await inVolume(docker, release, SWITCH, [target]);
  if (leaves) {
    return;
  }
  try {
    await reloadProxy(docker, reload, release.digest);
  } catch (error) {
    if (before !== "" && before !== target) {
      await inVolume(docker, release, SWITCH, [before]);
      await reloadProxy(docker, reload, before.replace("releases/", ""));
    }
    throw error;
  }
}

/** Whether the release is for a container of the new image alone: the one that runs has an Nginx that refuses it. */
async function isForTheNext(
  docker: Docker,
  { image, digest }: Input,
  { container }: NonNullable<Input["reload"]>,
): Promise<boolean> {
  const [running, next] = await Promise.all([
    docker.inspect<{ Image: string; State: { Running: boolean } }>("container", container),
    docker.inspect<{ Id: string }>("image", image),
  ]);
  if (!running?.State.Running || running.Image === next?.Id) {
    return false;
  }
  const config = `/release/releases/${digest}/nginx.conf`;
  const test = ["exec", container, "nginx", "-t", "-q", "-e", "stderr", "-c", config];
  return (await docker.attempt(test)).code !== 0;
}
