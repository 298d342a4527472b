import { existsSync, mkdirSync, realpathSync, renameSync, rmSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { execa } from "execa";
import { step, type Step } from "../progress.ts";
import { build } from "./build.ts";
import { downloadCli, publishedChecksums } from "./download.ts";
import {
  hasPlugins,
  pluginPath,
  readStamp,
  toolchainDir,
  toolchainsDir,
  writeStamp,
} from "./layout.ts";
import type { Toolchain } from "./layout.ts";
import { holdingLock } from "./lock.ts";
import { cliVersion, isUsableCli, plugins } from "./versions.ts";
import { discard, newWorkFolder, removeDeadWork } from "./workFolder.ts";

/** How long one plugin's download may take before the plugins are built instead. */
const PLUGIN_TIMEOUT_MS = 300_000;

/**
 * Finds, downloads or builds a toolchain. Only one run does so at a time. The others wait for it and use
 * its result (`finished`).
 */
export async function obtainToolchain(
  finished: () => Toolchain | undefined,
): Promise<Toolchain> {
  const root = toolchainsDir();
  mkdirSync(root, { recursive: true, mode: 0o700 });
  return holdingLock(join(root, "lock"), async () => {
    const made = finished();
    if (made) {
      return made;
    }
    removeDeadWork(root);
    const work = newWorkFolder(root);
    try {
      const toolchain = await make(work);
      finish(work, toolchain);
    } finally {
      discard(root, work);
    }
    const toolchain = finished();
    if (!toolchain) {
      throw new Error(`the new toolchain in ${root} is not recognised`);
    }
    return toolchain;
  });
}

type Made = Omit<Toolchain, "home">;

/** Puts a toolchain into a work folder: `home` with the plugins, and `bin` unless the CLI is on PATH. */
async function make(work: string): Promise<Made> {
  const onPath = await findOnPath(work);
  const checksums = await publishedChecksums(cliVersion);
  const home = join(work, "home");
  if (checksums) {
    try {
      const cli = onPath ?? (await downloaded(work, checksums));
      await step("Downloading the Pulumi plugins", (s) => installPlugins(cli.pulumi, home, s));
      return cli;
    } catch (error) {
      for (const left of ["bin", "home", "unpacked"]) {
        rmSync(join(work, left), { recursive: true, force: true });
      }
      process.stderr.write(`  the download failed (${reason(error)}): building instead\n`);
    }
  }
  if (onPath) {
    await step("Building the Pulumi plugins from Go modules", (s) => build(work, "plugins", s));
    return onPath;
  }
  await step("Building the Pulumi CLI and its plugins from Go modules (a few minutes, once)", (s) =>
    build(work, "all", s),
  );
  return { origin: "build", version: cliVersion, pulumi: join(work, "bin", "pulumi") };
}

async function downloaded(work: string, checksums: string): Promise<Made> {
  const pulumi = await step(`Downloading the Pulumi CLI ${cliVersion}`, (s) =>
    downloadCli(work, cliVersion, checksums, s),
  );
  return { origin: "download", version: cliVersion, pulumi };
}

/** Moves a complete toolchain to its place, where its stamp makes it valid. */
function finish(work: string, made: Made): void {
  writeStamp(work, made);
  const place = toolchainDir(made.origin);
  if (readStamp(place)) {
    return; // another run was quicker, and its toolchain may be in use already
  }
  if (existsSync(place)) {
    renameSync(place, join(work, "replaced")); // broken or out of date, or it would have been used
  }
  renameSync(work, place);
}

/** The CLI on PATH, if it is new enough and has its Node language host. */
async function findOnPath(work: string): Promise<Made | undefined> {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    const pulumi = join(folder, "pulumi");
    if (folder === "" || !existsSync(pulumi)) {
      continue;
    }
    const { stdout, exitCode } = await execa(pulumi, ["version"], {
      env: cliEnvironment(join(work, "home")),
      reject: false,
      timeout: 20_000,
    });
    const version = stdout.trim().replace(/^v/, "");
    if (exitCode !== 0 || !isUsableCli(version)) {
      continue;
    }
    const host = "pulumi-language-nodejs";
    if ([folder, dirname(realpathSync(pulumi))].some((place) => existsSync(join(place, host)))) {
      return { origin: "path", version, pulumi };
    }
  }
  return undefined;
}

async function installPlugins(pulumi: string, home: string, progress: Step): Promise<void> {
  for (const [name, version] of Object.entries(plugins)) {
    if (!existsSync(pluginPath(home, name, version))) {
      progress.detail(`${name} ${version}`);
      await execa(pulumi, ["plugin", "install", "resource", name, version], {
        env: cliEnvironment(home),
        timeout: PLUGIN_TIMEOUT_MS,
      });
    }
  }
  if (!hasPlugins(home)) {
    throw new Error(`pulumi plugin install left no plugins in ${home}`);
  }
}

/** The CLI must not use the user's own Pulumi, and must not check for newer versions of itself. */
function cliEnvironment(home: string): Record<string, string> {
  return { PULUMI_HOME: home, PULUMI_SKIP_UPDATE_CHECK: "true" };
}

function reason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.trim().split("\n").at(-1) ?? text;
}
