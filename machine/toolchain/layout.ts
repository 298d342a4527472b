import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { cacheDir, projectRoot } from "../paths.ts";
import { cliVersion, plugins } from "./versions.ts";

/** A working Pulumi: its CLI, and a home that has the plugins and nothing of the user's. */
export interface Toolchain {
  /** Absolute path of the CLI. */
  pulumi: string;
  /** The PULUMI_HOME to run it with. */
  home: string;
  /** Where the CLI came from. With a CLI from PATH, the plugins may still have been built. */
  origin: Origin;
  /** The CLI's version, without a leading v. */
  version: string;
}

export type Origin = "path" | "download" | "build";

/** The folder of the toolchains, which a user's clones share. */
export const toolchainsDir = (): string => join(cacheDir(), "toolchain");

/** The Go module that builds the CLI and the plugins. */
export const sourcesDir = join(projectRoot, "toolchain");

const STAMP = "stamp.json";

interface Stamp {
  origin: Origin;
  version: string;
  /** Relative to the toolchain's folder, or absolute for a CLI found on PATH. */
  pulumi: string;
  /** The size and time of a CLI found on PATH. If they change, it is checked again. */
  file?: { size: number; modified: number };
}

const digest = (texts: Iterable<string | Buffer>): string => {
  const hash = createHash("sha256");
  for (const text of texts) {
    hash.update(text).update("\0");
  }
  return hash.digest("hex").slice(0, 12);
};

/** A digest of the names and contents of the folder's files, without documentation and tests. */
export function hashSources(folder: string): string {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /(\.go|\.json|^go\.(mod|sum))$/.test(entry.name))
    .filter((entry) => !entry.name.endsWith("_test.go"))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
  return digest(files.flatMap((file) => [file, readFileSync(join(folder, file))]));
}

/**
 * The name of a toolchain's folder. It holds everything that the folder's content depends on. Only what
 * was built depends on toolchain/'s sources.
 */
export function toolchainKey(origin: Origin, sources: string, platform: string): string {
  const pins = digest([JSON.stringify(plugins)]).slice(0, 6);
  switch (origin) {
    case "path":
      return `path-${pins}-${sources}-${platform}`;
    case "download":
      return `download-${cliVersion}-${pins}-${platform}`;
    case "build":
      return `build-${cliVersion}-${pins}-${sources}-${platform}`;
  }
}

/** The folder of a toolchain of the given origin, for this machine and these sources. */
export function toolchainDir(origin: Origin, root = toolchainsDir()): string {
  const platform = `${process.platform}-${process.arch}`;
  return join(root, toolchainKey(origin, hashSources(sourcesDir), platform));
}

/** Marks a folder as finished. This is the last file that is written into it. */
export function writeStamp(folder: string, toolchain: Omit<Toolchain, "home">): void {
  const { origin, version, pulumi } = toolchain;
  const stamp: Stamp = { origin, version, pulumi };
  if (origin === "path") {
    const { size, mtimeMs } = statSync(pulumi);
    stamp.file = { size, modified: mtimeMs };
  } else {
    stamp.pulumi = relative(folder, pulumi);
  }
  writeFileSync(join(folder, STAMP), `${JSON.stringify(stamp)}\n`);
}

/** The toolchain in a folder; undefined if it is unfinished, broken or out of date. */
export function readStamp(folder: string): Toolchain | undefined {
  let stamp: Partial<Stamp> | null;
  try {
    stamp = JSON.parse(readFileSync(join(folder, STAMP), "utf8")) as Partial<Stamp> | null;
  } catch {
    return undefined; // missing, or cut short
  }
  if (!stamp?.pulumi || !stamp.version || !stamp.origin) {
    return undefined;
  }
  const toolchain: Toolchain = {
    pulumi: stamp.origin === "path" ? stamp.pulumi : join(folder, stamp.pulumi),
    home: join(folder, "home"),
    origin: stamp.origin,
    version: stamp.version,
  };
  const cli = statSync(toolchain.pulumi, { throwIfNoEntry: false });
  const unchanged =
    !stamp.file || (cli?.size === stamp.file.size && cli.mtimeMs === stamp.file.modified);
  return cli?.isFile() && unchanged && hasPlugins(toolchain.home) ? toolchain : undefined;
}

/** The path in a PULUMI_HOME where the engine looks for an installed plugin. */
export function pluginPath(home: string, name: string, version: string): string {
  return join(home, "plugins", `resource-${name}-v${version}`, `pulumi-resource-${name}`);
}

/** Whether a PULUMI_HOME has every plugin of the program. */
export function hasPlugins(home: string): boolean {
  return Object.entries(plugins).every(([name, version]) =>
    existsSync(pluginPath(home, name, version)),
  );
}
