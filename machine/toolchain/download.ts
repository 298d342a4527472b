import { createHash } from "node:crypto";
import { createWriteStream, mkdirSync, renameSync, rmSync } from "node:fs";
import http from "node:http";
import { join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { execa } from "execa";
import type { Step } from "../progress.ts";

/** Where Pulumi publishes its releases. */
const RELEASES = "https://get.pulumi.com/releases/sdk";

/** How long the server may take to answer before the machine counts as offline. */
const CONNECT_TIMEOUT_MS = 5_000;
/** How long a download may stall. */
const STALL_TIMEOUT_MS = 30_000;

const SYSTEMS: Partial<Record<NodeJS.Platform, string>> = { linux: "linux", darwin: "darwin" };
const MACHINES: Partial<Record<NodeJS.Architecture, string>> = { x64: "x64", arm64: "arm64" };

/** The name of the CLI's official archive; undefined for a platform that we don't support. */
export function archiveName(
  version: string,
  platform: NodeJS.Platform,
  machine: NodeJS.Architecture,
): string | undefined {
  const [system, processor] = [SYSTEMS[platform], MACHINES[machine]];
  return system && processor ? `pulumi-v${version}-${system}-${processor}.tar.gz` : undefined;
}

/** The SHA-256 (hex) of a file, from a list in sha256sum's format. */
export function checksumOf(file: string, checksums: string): string | undefined {
  for (const line of checksums.split("\n")) {
    const [sum, name] = line.trim().split(/\s+\*?/);
    if (name === file && /^[0-9a-f]{64}$/i.test(sum ?? "")) {
      return sum?.toLowerCase();
    }
  }
  return undefined;
}

/**
 * The checksums that Pulumi publishes for a release; undefined if they can't be downloaded. In that case
 * nothing else can be downloaded either, and we know it within seconds.
 */
export async function publishedChecksums(
  version: string,
  releases = RELEASES,
): Promise<string | undefined> {
  try {
    useProxySettings();
    const signal = AbortSignal.timeout(CONNECT_TIMEOUT_MS);
    const response = await fetch(`${releases}/pulumi-${version}-checksums.txt`, { signal });
    return response.ok ? await response.text() : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Downloads the CLI's official archive, checks it against the published checksums, and unpacks it into
 * `bin` in the given folder. Returns the CLI's path.
 *
 * @throws Error when the platform has no archive, or the archive is not the published one
 */
export async function downloadCli(
  folder: string,
  version: string,
  checksums: string,
  progress: Step,
  releases = RELEASES,
): Promise<string> {
  const name = archiveName(version, process.platform, process.arch);
  if (!name) {
    throw new Error(`Pulumi has no archive for ${process.platform} on ${process.arch}`);
  }
  const wanted = checksumOf(name, checksums);
  if (!wanted) {
    throw new Error(`the published checksums do not list ${name}`);
  }
  const archive = join(folder, name);
  const got = await save(`${releases}/${name}`, archive, progress);
  if (got !== wanted) {
    throw new Error(`${name} has the SHA-256 ${got}, but the published one is ${wanted}`);
  }
  progress.detail("unpacking");
  const unpacked = join(folder, "unpacked");
  mkdirSync(unpacked);
  await execa("tar", ["-xzf", archive, "-C", unpacked]);
  renameSync(join(unpacked, "pulumi"), join(folder, "bin"));
  rmSync(unpacked, { recursive: true });
  rmSync(archive);
  return join(folder, "bin", "pulumi");
}

/** Downloads a URL into a file and returns its SHA-256 in hex. */
async function save(url: string, file: string, progress: Step): Promise<string> {
  const stalled = new AbortController();
  const timer = setTimeout(() => stalled.abort(new Error("the download stalled")), STALL_TIMEOUT_MS);
  try {
    const response = await fetch(url, { signal: stalled.signal });
    if (!response.ok || !response.body) {
      throw new Error(`${url} answered ${response.status}`);
    }
    const hash = createHash("sha256");
    let received = 0;
    const watch = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        timer.refresh();
        hash.update(chunk);
        received += chunk.length;
        progress.detail(`${Math.round(received / 1e6)} MB`);
        done(null, chunk);
      },
    });
    await pipeline(Readable.fromWeb(response.body), watch, createWriteStream(file));
    return hash.digest("hex");
  } finally {
    clearTimeout(timer);
  }
}

/** Makes fetch respect HTTPS_PROXY and NO_PROXY, like every other downloader. Older Nodes can't. */
function useProxySettings(): void {
  const { setGlobalProxyFromEnv } = http as { setGlobalProxyFromEnv?: () => void };
  setGlobalProxyFromEnv?.();
}
