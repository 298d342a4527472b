import type { EngineSize } from "../../settings/limits.ts";
import type { Docker } from "../docker/docker.ts";

/** The processors and memory of the engine's machine. */
export async function engineSizeOf(docker: Docker): Promise<EngineSize> {
  const [processors, bytes] = (
    await docker.run(["info", "--format={{.NCPU}} {{.MemTotal}}"])
  ).split(" ");
  return { processors: Number(processors), memory: Math.floor(Number(bytes) / 2 ** 20) };
}

/** After a restart, the same machine may report a few MiB more or less. */
const TOLERANCE = 0.1;

/** Whether limits that were computed for one size fit another. */
export function isSameSize(one: EngineSize, other: EngineSize): boolean {
  return (
    one.processors === other.processors &&
    Math.abs(one.memory - other.memory) <= TOLERANCE * one.memory
  );
}
