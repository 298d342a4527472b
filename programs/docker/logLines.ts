/** Reads a container's log line by line, however long it is. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Docker } from "./docker.ts";

/** How much is read at the most. */
export interface LogBounds {
  /** As `docker logs --since` takes it. */
  readonly since: string;
  /** The newest ones. */
  readonly lines: number;
  readonly bytes: number;
  readonly seconds: number;
}

/** Which bound ended it; undefined if everything was read. */
export type LogCut = "lines" | "bytes" | "time";

/** A longer one is none that a program of ours writes. */
const LONGEST_LINE = 64 * 1024;

/**
 * What a container wrote on its standard output. Nothing is kept here, so a log of gigabytes takes no memory.
 *
 * @returns undefined if the log can't be read
 */
export async function eachLogLine(
  docker: Pick<Docker, "env">,
  container: string,
  { since, lines, bytes, seconds }: LogBounds,
  onLine: (line: string) => void,
): Promise<{ readonly cut: LogCut | undefined } | undefined> {
  const args = ["container", "logs", `--since=${since}`, `--tail=${lines}`, container];
  const child = spawn("docker", args, {
    env: { ...process.env, ...docker.env },
    stdio: ["ignore", "pipe", "ignore"],
  });
  const ended = once(child, "close").catch(() => [1]) as Promise<[code: number | null]>;
  const read = new Lines(bytes, onLine);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill();
  }, seconds * 1000);
  try {
    child.stdout.setEncoding("utf8");
    for await (const text of child.stdout as AsyncIterable<string>) {
      if (late || !read.take(text)) {
        break;
      }
    }
  } finally {
    clearTimeout(timer);
    child.kill();
  }
  const [code] = await ended;
  const cut = late ? "time" : read.full ? "bytes" : read.count >= lines ? "lines" : undefined;
  return code === 0 || cut !== undefined ? { cut } : undefined;
}

/** Cuts text into lines as it comes, up to a number of characters. */
class Lines {
  count = 0;
  full = false;
  #left: number;
  #rest = "";
  readonly #onLine: (line: string) => void;

  constructor(characters: number, onLine: (line: string) => void) {
    this.#left = characters;
    this.#onLine = onLine;
  }

  /** Returns whether there may be more. */
  take(text: string): boolean {
    this.#left -= text.length;
    this.full = this.#left < 0;
    const lines = (this.#rest + text).split("\n");
    this.#rest = (lines.pop() ?? "").slice(0, LONGEST_LINE);
    this.count += lines.length;
    lines.filter((line) => line.length < LONGEST_LINE).forEach(this.#onLine);
    return !this.full;
  }
}
