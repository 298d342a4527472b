import { type Docker, DockerError } from "../docker/docker.ts";

/** How often a container has hit a limit since it was started. */
export interface LimitEvents {
  /** Processes that were killed for lack of memory. For a child process, nothing else shows it. */
  readonly oomKills: number;
  /** Processes and threads that were not started. */
  readonly refusedProcesses: number;
  /** Processes that have ended and that nobody collects. They count as running ones. */
  readonly zombies: number;
}

/** Reads the files of both cgroup versions. Those that don't exist print nothing. */
const READ = `
  cat /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control 2>/dev/null
  echo pids
  cat /sys/fs/cgroup/pids.events /sys/fs/cgroup/pids/pids.events 2>/dev/null
  echo processes
  cat /proc/[0-9]*/stat 2>/dev/null
  :
`;

/** Asks a running container; undefined if it can't be asked. */
export async function limitEvents(
  docker: Docker,
  container: string,
): Promise<LimitEvents | undefined> {
  try {
    return parseEvents(await docker.run(["exec", container, "sh", "-c", READ]));
  } catch (error) {
    if (error instanceof DockerError) {
      return undefined;
    }
    throw error;
  }
}

export function parseEvents(text: string): LimitEvents {
  const [memory = "", pids = "", processes = ""] = text.split(/^(?:pids|processes)$/m);
  return {
    oomKills: Number(/^oom_kill (\d+)$/m.exec(memory)?.[1] ?? 0),
    refusedProcesses: Number(/^max (\d+)$/m.exec(pids)?.[1] ?? 0),
    // A program's name may have any character in it; nothing but numbers follows the state.
    zombies: processes.match(/^\d+ \(.*\) Z [-\d ]+$/gm)?.length ?? 0,
  };
}
