/** Checks the free space on the disk where the engine keeps volumes, containers and images. */
import { statfs } from "node:fs/promises";
import { DockerError } from "../../programs/docker/docker.ts";
import type { Session } from "../../stack/session.ts";
import type { Finding } from "./finding.ts";

/** With less free space, databases may soon refuse records. */
const FEW_BYTES = 1024 ** 3;

/** With a smaller share left, there is still time to act before the disk is full. */
const FEW_PERCENT = 5;

const MIB = 1024 ** 2;

/** In bytes. */
export interface Room {
  readonly free: number;
  readonly size: number;
}

/**
 * @param folder The engine's own, such as /var/lib/docker.
 * @returns undefined if it can't be read
 */
export function roomOf(
  { docker, engine, stack }: Pick<Session, "docker" | "engine" | "stack">,
  folder: string,
): Promise<Room | undefined> {
  // A container's own files are on the same disk.
  return roomAt({ docker, engine }, folder, { container: `cybexp-${stack}-proxy`, path: "/" });
}

/**
 * The disk of a folder of the engine.
 *
 * @param inside The same disk in a container, for an engine on another machine, or Docker Desktop's.
 * @returns undefined if it can't be read
 */
export async function roomAt(
  { docker, engine }: Pick<Session, "docker" | "engine">,
  folder: string,
  { container, path }: { readonly container: string; readonly path: string },
): Promise<Room | undefined> {
  const seen = engine.local ? await statfs(folder).catch(() => undefined) : undefined;
  if (seen !== undefined) {
    return { free: seen.bavail * seen.bsize, size: seen.blocks * seen.bsize };
  }
  try {
    return parseDf(await docker.run(["exec", container, "df", "-Pk", path]));
  } catch (error) {
    if (error instanceof DockerError) {
      return undefined;
    }
    throw error;
  }
}

/** Reads what `df -Pk` prints about one file system. */
export function parseDf(output: string): Room | undefined {
  const [, size, free] = /\s(\d+)\s+\d+\s+(\d+)\s+\d+%\s/.exec(output) ?? [];
  return size === undefined || free === undefined
    ? undefined
    : { size: Number(size) * 1024, free: Number(free) * 1024 };
}

/** @param bodies MiB that the proxy may use for request bodies, if that is known. */
export function diskFindings(room: Room | undefined, bodies: number | undefined): Finding[] {
  const about = "disk";
  if (room === undefined) {
    return [];
  }
  const left = `${Math.round(room.free / MIB)} MiB`;
  if (room.free < FEW_BYTES) {
    const text = `only ${left} are free where the engine keeps its volumes: free some space, or records will be refused`;
    return [{ level: "fault", about, text }];
  }
  const percent = Math.floor((100 * room.free) / room.size);
  const advice = "free some space (`docker system df` shows what uses it)";
  if (percent < FEW_PERCENT) {
    const text = `only ${percent} % (${left}) are free where the engine keeps its volumes: ${advice} before records are refused`;
    return [{ level: "note", about, text }];
  }
  if (bodies !== undefined && room.free < bodies * MIB) {
    const text = `the proxy may use ${bodies} MiB for request bodies, but only ${left} are free where the engine keeps its volumes: ${advice}, or lower cybexp:proxy.resources.bodies`;
    return [{ level: "note", about, text }];
  }
  return [];
}
