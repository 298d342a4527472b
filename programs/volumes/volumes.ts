import { isOf, labelNames, type Owner } from "../../names/docker.ts";
import { here } from "../npmRun.ts";
import type { Docker } from "../docker/docker.ts";
import { UserError } from "../errors.ts";
import { runTask } from "../docker/task.ts";

interface VolumeInfo {
  readonly Labels: Readonly<Record<string, string>> | null;
}

/**
 * Checks that a volume carries the deployment's label before anything is written to it: creating a volume
 * that exists adopts it silently, whoever created it.
 */
export async function requireOwnVolume(
  docker: Docker,
  volume: string,
  deployment: Owner,
): Promise<void> {
  const info = await docker.inspect<VolumeInfo>("volume", volume);
  if (info === undefined) {
    throw new UserError(
      `the volume ${volume} is gone: run \`${here("up")}\` or \`pulumi up\` again`,
    );
  }
  if (!isOf(deployment, info.Labels)) {
    const name = labelNames(deployment.labels).deployment;
    const owner = info.Labels?.[name];
    throw new UserError(
      `the volume ${volume} does not belong to this stack (${owner ? `it belongs to deployment ${owner}` : `it has no label ${name}`}): ` +
        `remove it with \`docker volume rm ${volume}\`, or choose another stack name`,
    );
  }
}

export interface ThrowAway extends Owner {
  readonly image: string;
  /** Mounted at /volume. */
  readonly volume: string;
  /** A POSIX shell script; its arguments are $1, $2 ... */
  readonly script: string;
  readonly args?: readonly string[];
  readonly input?: Uint8Array;
  readonly capabilities?: readonly string[];
}

/** Runs a script as root in a throw-away container, with one volume and no network. */
export function throwAway(docker: Docker, task: ThrowAway): Promise<string> {
  const { image, deployment, labels, volume, script, args = [], input, capabilities = [] } = task;
  return runTask(docker, {
    ...{ image, deployment, labels, capabilities },
    user: "0:0",
    volumes: [`${volume}:/volume`],
    program: "sh",
    args: ["-euc", script, "sh", ...args],
    ...(input && { input }),
  });
}
