/** Builds a minimal Debian, for engines that can't pull one. */
import { execa } from "execa";
import { aptInstall } from "../engine/apt.ts";
import { hasApt, thisMachine } from "../engine/machine.ts";
import type { Docker } from "../../programs/docker/docker.ts";
import { UserError } from "../../programs/errors.ts";
import { contextKey } from "./context.ts";

/** A release of Debian. */
export type Suite = "bookworm" | "trixie" | "sid";

/** Like the official slim image: the smallest variant, without manuals and translations. */
const OPTIONS = [
  "--variant=minbase",
  '--aptopt=APT::Install-Recommends "false"',
  "--dpkgopt=path-exclude=/usr/share/man/*",
  "--dpkgopt=path-exclude=/usr/share/locale/*",
  "--dpkgopt=path-exclude=/usr/share/doc/*",
  "--dpkgopt=path-include=/usr/share/doc/*/copyright",
];
/** sid's package list can expire before it is signed again. The signature itself is still checked. */
const optionsFor = (suite: Suite) => [
  ...OPTIONS,
  ...(suite === "sid" ? ['--aptopt=Acquire::Check-Valid-Until "false"'] : []),
];

/** Everything that decides what gets built. */
export function baseRecipe(suite: Suite): string {
  return [...optionsFor(suite), suite].join("\n");
}

export function baseImage(suite: Suite): string {
  return `cybexp-demo/base:${suite}-${contextKey([], [baseRecipe(suite)])}`;
}

/**
 * Installs what the build needs, or fails early if it can't work here.
 *
 * @param why Why it has to be built here, for the message.
 */
export async function prepareBase(architecture: string, why: string): Promise<void> {
  const machine = thisMachine();
  if (!hasApt(machine) || !machine.root) {
    throw new UserError(
      `The demo images can't be pulled (${why}), and building them from Debian packages takes root ` +
        "on Debian or Ubuntu: run this there as root, or let the engine reach a registry " +
        "(set CYBEXP_REGISTRY to use another one than Docker Hub).",
    );
  }
  const { stdout: own } = await execa("dpkg", ["--print-architecture"]);
  if (own.trim() !== architecture) {
    throw new UserError(
      `The demo images can't be pulled (${why}), and this ${own.trim()} machine can't build them ` +
        `for an engine on ${architecture}: let the engine reach a registry.`,
    );
  }
  await ensureMmdebstrap("it builds the root file system of the demo images");
}

/** Installs mmdebstrap if it is missing. Takes root on Debian or Ubuntu. */
export async function ensureMmdebstrap(why: string): Promise<void> {
  if ((await execa("mmdebstrap", ["--version"], { reject: false })).failed) {
    await aptInstall(["mmdebstrap", "debian-archive-keyring"], why);
  }
}

/**
 * The command that builds a minimal Debian.
 *
 * @param target A folder, or `-` for an archive on standard output.
 */
export function mmdebstrap(
  suite: Suite,
  target: string,
  more: readonly string[] = [],
): [string, string[]] {
  // The usual umask, because the packages' scripts create files for all users of the image.
  const script = 'umask 022; exec mmdebstrap "$@"';
  return ["sh", ["-c", script, "mmdebstrap", ...optionsFor(suite), ...more, suite, target]];
}

/**
 * Builds the file system and imports it into the engine under `baseImage`'s name (about half a minute).
 * mmdebstrap knows Debian's mirrors, including those for updates and security fixes.
 */
export async function makeBase(docker: Docker, suite: Suite): Promise<void> {
  const bootstrap = execa(...mmdebstrap(suite, "-"), {
    ...{ stdin: "ignore", reject: false, buffer: { stdout: false } },
  });
  const loaded = await bootstrap.pipe("docker", ["import", "--change", 'CMD ["bash"]', "-"], {
    env: docker.env,
    reject: false,
  });
  const made = await bootstrap;
  const id = loaded.stdout.trim();
  if (made.failed || loaded.failed) {
    // Half a file system imports as well as a whole one, so it gets no name.
    if (id) {
      await docker.attempt(["image", "rm", id]);
    }
    const words = [
      ...(made.failed ? [`mmdebstrap: ${lastWords(made.stderr)}`] : []),
      ...(loaded.failed ? [`docker import: ${lastWords(loaded.stderr)}`] : []),
    ];
    throw new UserError(`Building a minimal Debian failed: ${words.join("; ")}`);
  }
  await docker.run(["tag", id, baseImage(suite)]);
}

function lastWords(stderr: string): string {
  const lines = stderr.trim().split("\n");
  return lines.findLast((line) => line.startsWith("E:")) ?? (lines.at(-1) || "no output");
}
