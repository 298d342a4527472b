/** Runs `docker` with data that is too large to be held in memory. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { text } from "node:stream/consumers";
import { bind, type ChildResult } from "./child.ts";
import { type Docker, DockerError } from "./docker.ts";

/** Its standard output, piece by piece. @throws DockerError if it fails */
export async function* outputOf(docker: Docker, args: readonly string[]): AsyncGenerator<Buffer> {
  const child = bind(
    spawn("docker", args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...docker.env },
    }),
  );
  const closed = once(child, "close") as Promise<[number | null]>;
  const words = text(child.stderr);
  try {
    for await (const chunk of child.stdout) {
      yield chunk as Buffer;
    }
    const [code] = await closed;
    if (code !== 0) {
      throw new DockerError(args, failure(code, await words));
    }
  } finally {
    child.kill();
  }
}

/** Sends data to its standard input, and returns its standard output. @throws DockerError if it fails */
export async function feed(
  docker: Docker,
  args: readonly string[],
  data: AsyncIterable<Uint8Array>,
): Promise<string> {
  const child = bind(
    spawn("docker", args, {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, ...docker.env },
    }),
  );
  const closed = once(child, "close") as Promise<[number | null]>;
  const [words, output] = [text(child.stderr), text(child.stdout)];
  let taken = true;
  try {
    await pipeline(Readable.from(data, { objectMode: false }), child.stdin);
  } catch (error) {
    taken = false;
    // If the program has ended, it says why. Otherwise the data could not be read.
    if ((error as NodeJS.ErrnoException).code !== "EPIPE") {
      child.kill();
      throw error;
    }
  }
  const [code] = await closed;
  if (code !== 0 || !taken) {
    throw new DockerError(args, failure(code, await words));
  }
  return (await output).trimEnd();
}

function failure(code: number | null, stderr: string): ChildResult {
  const ended = code === null ? { code: undefined, trouble: "killed" } : { code };
  return { ...ended, stdout: "", bytes: Buffer.alloc(0), stderr, all: stderr, timedOut: false };
}
