/** A minimal Debian of our own making, for engines that can pull none. */
import { execa } from "execa";
import { aptInstall } from "../engine/apt.ts";
import { hasApt, thisMachine } from "../engine/machine.ts";
import type { Docker } from "../../programs/docker/docker.ts";
import { UserError } from "../../programs/errors.ts";
import { contextKey } from "./context.ts";

/** A release of Debian. */
export type Suite = "bookworm" | "trixie" | "sid";

/** As the official slim image: the smallest variant, without manuals and translations. */
const OPTIONS = [
  "--variant=minbase",
  '--aptopt=APT::Install-Recommends "false"',
  "--dpkgopt=path-exclude=/usr/share/man/*",
  "--dpkgopt=path-exclude=/usr/share/locale/*",
  "--dpkgopt=path-exclude=/usr/share/doc/*",
  "--dpkgopt=path-include=/usr/share/doc/*/copyright",
];
/** sid's list of packages is not signed anew for as long as it is valid; its signature holds. */
const optionsFor = (suite: Suite) => [
  ...OPTIONS,
  ...(suite === "sid" ? ['--aptopt=Acquire::Check-Valid-Until "false"'] : []),
];

/** All that decides what gets made. */
export function baseRecipe(suite: Suite): string {
  return [...optionsFor(suite), suite].join("\n");
}

export function baseImage(suite: Suite): string {
  return `cybexp-demo/base:${suite}-${contextKey([], [baseRecipe(suite)])}`;
}

/**
 * Stops early where it can't be made, or installs what it takes.
 *
 * @param why Why it has to be made here, for the message.
 */
export async function prepareBase(architecture: string, why: string): Promise<void> {
  const machine = thisMachine();
  if (!hasApt(machine) || !machine.root) {
    throw new UserError(
      `The demo images can't be pulled (${why}), and making them from Debian packages takes root ` +
        "on Debian or Ubuntu: run this there as root, or let the engine reach a registry " +
        "(CYBEXP_REGISTRY names another than Docker Hub).",
    );
  }
  const { stdout: own } = await execa("dpkg", ["--print-architecture"]);
  if (own.trim() !== architecture) {
    throw new UserError(
      `The demo images can't be pulled (${why}), and this ${own.trim()} machine can't make any ` +
        `for an engine on ${architecture}: let the engine reach a registry.`,
    );
  }
  await ensureMmdebstrap("it makes the root file system of the demo images");
}

/** Installs it where it is missing; as root on Debian or Ubuntu. */
export async function ensureMmdebstrap(why: string): Promise<void> {
  if ((await execa("mmdebstrap", ["--version"], { reject: false })).failed) {
    await aptInstall(["mmdebstrap", "debian-archive-keyring"], why);
  }
}

/**
 * The command that makes a minimal Debian.
 *
 * @param target A folder, or `-` for an archive on standard output.
 */
export function mmdebstrap(
  suite: Suite,
  target: string,
  more: readonly string[] = [],
): [string, string[]] {
  // With the usual umask: what the packages' scripts make is for all users of the image.
  const script = 'umask 022; exec mmdebstrap "$@"';
  return ["sh", ["-c", script, "mmdebstrap", ...optionsFor(suite), ...more, suite, target]];
}

/**
 * Makes the file system and imports it into the engine under `baseImage`'s name (about half a minute).
 * mmdebstrap knows Debian's mirrors, those of updates and security fixes too.
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
    // Half a file system imports as well as a whole one: it gets no name.
    if (id) {
      await docker.attempt(["image", "rm", id]);
    }
    const words = [
      ...(made.failed ? [`mmdebstrap: ${lastWords(made.stderr)}`] : []),
      ...(loaded.failed ? [`docker import: ${lastWords(loaded.stderr)}`] : []),
    ];
    throw new UserError(`Making a minimal Debian failed: ${words.join("; ")}`);
  }
  await docker.run(["tag", id, baseImage(suite)]);
}

function lastWords(stderr: string): string {
  const lines = stderr.trim().split("\n");
  return lines.findLast((line) => line.startsWith("E:")) ?? (lines.at(-1) || "no output");
}
