import type { EngineSize } from "../../settings/limits.ts";
import type { Docker } from "../docker/docker.ts";

/** What the engine's machine has. */
export async function engineSizeOf(docker: Docker): Promise<EngineSize> {
  const [processors, bytes] = (
    await docker.run(["info", "--format={{.NCPU}} {{.MemTotal}}"])
  ).split(" ");
  return { processors: Number(processors), memory: Math.floor(Number(bytes) / 2 ** 20) };
}

/** The engine may tell a few MiB more or less after a restart: that is no other machine. */
const TOLERANCE = 0.1;

/** Whether limits that were made for one size fit another. */
export function isSameSize(one: EngineSize, other: EngineSize): boolean {
  return (
    one.processors === other.processors &&
    Math.abs(one.memory - other.memory) <= TOLERANCE * one.memory
  );
}
