import type { Docker } from "./docker.ts";
import { UserError } from "./errors.ts";

interface VolumeInfo {
  readonly Labels: Readonly<Record<string, string>> | null;
}

/**
 * Creating a volume that exists silently adopts it, whoever made it: so nothing is written to one
 * that does not carry the deployment's label.
 */
export async function requireOwnVolume(
  docker: Docker,
  volume: string,
  deployment: string,
): Promise<void> {
  const info = await docker.inspect<VolumeInfo>("volume", volume);
  if (info === undefined) {
    throw new UserError(`the volume ${volume} is gone: run \`npm run up\` or \`pulumi up\` again`);
  }
  const owner = info.Labels?.["cybexp.deployment"];
  if (owner !== deployment) {
    throw new UserError(
      `the volume ${volume} is not this stack's (${owner ? `its deployment is ${owner}` : "it has no label cybexp.deployment"}): ` +
        `remove it with \`docker volume rm ${volume}\`, or choose another stack name`,
    );
  }
}

export interface ThrowAway {
  readonly image: string;
  readonly deployment: string;
  /** Mounted at /volume. */
  readonly volume: string;
  /** A POSIX shell script; its arguments are $1, $2 ... */
  readonly script: string;
  readonly args?: readonly string[];
  readonly input?: Uint8Array;
  readonly capabilities?: readonly string[];
}

/** Runs a script as root in a container that is gone afterwards, with one volume and no network. */
export async function throwAway(docker: Docker, task: ThrowAway): Promise<string> {
  return docker.run(
    [
      "run",
      "--rm",
      "--interactive",
      "--network=none",
      "--read-only",
      "--tmpfs=/tmp:size=16m",
      "--user=0:0",
      "--cap-drop=ALL",
      ...(task.capabilities ?? []).map((name) => `--cap-add=${name}`),
      "--security-opt=no-new-privileges",
      "--pids-limit=50",
      "--memory=128m",
      "--log-driver=none",
      // Found again, and removed, if this process dies first.
      `--label=cybexp.deployment=${task.deployment}`,
      "--label=cybexp.role=task",
      `--volume=${task.volume}:/volume`,
      "--entrypoint=sh",
      task.image,
      "-euc",
      task.script,
      "sh",
      ...(task.args ?? []),
    ],
    { input: task.input ?? "" },
  );
}
