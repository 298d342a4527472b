import { label, type Owner, ownLabel, TASK } from "../../names/docker.ts";
import type { Docker, RunOptions } from "./docker.ts";

/** A task of a few seconds for a container that is removed afterwards. */
export interface Task extends Owner {
  readonly image: string;
  /** `uid:gid`. */
  readonly user: string;
  /** The program, and its arguments. */
  readonly program: string;
  readonly args: readonly string[];
  /** As in `docker run --volume`. @default none */
  readonly volumes?: readonly string[];
  /** By its name. @default none */
  readonly network?: string;
  /** Files of the engine's: path in the container -> path there. @default none */
  readonly files?: Readonly<Record<string, string>>;
  /** @default none */
  readonly capabilities?: readonly string[];
  /** As in `docker run --add-host`. @default none */
  readonly addresses?: readonly string[];
  /** Sent to its standard input. */
  readonly input?: Uint8Array;
}

/** The arguments of `docker run` or `docker create` for a task: no network by default, read-only, limited. */
export function taskArguments(task: Task): string[] {
  return [
    ...(task.input === undefined ? [] : ["--interactive"]),
    `--network=${task.network ?? "none"}`,
    ...(task.addresses ?? []).map((entry) => `--add-host=${entry}`),
    "--read-only",
    "--tmpfs=/tmp:size=16m",
    `--user=${task.user}`,
    "--cap-drop=ALL",
    ...(task.capabilities ?? []).map((name) => `--cap-add=${name}`),
    "--security-opt=no-new-privileges",
    "--pids-limit=50",
    "--memory=128m",
    "--cpus=1",
    "--log-driver=none",
    // So that it is found and removed if this process dies first.
    `--label=${ownLabel(task)}`,
    `--label=${label("role", TASK, task.labels)}`,
    ...(task.volumes ?? []).map((volume) => `--volume=${volume}`),
    ...Object.entries(task.files ?? {}).map(
      ([target, source]) => `--mount=type=bind,source=${source},target=${target},readonly`,
    ),
    `--entrypoint=${task.program}`,
    task.image,
    ...task.args,
  ];
}

/** The arguments of `docker` that run a task. */
export const taskCommand = (task: Task): string[] => ["run", "--rm", ...taskArguments(task)];

/** Runs a task and returns its standard output. */
export function runTask(docker: Docker, task: Task): Promise<string> {
  const options: RunOptions = task.input === undefined ? {} : { input: task.input };
  return docker.run(taskCommand(task), options);
}
