/** certbot's packages from PyPI, for the Python of the image that is made on a minimal Debian. */
import { execa } from "execa";
import { readFileSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { UserError } from "../../programs/errors.ts";
import { cacheDir, projectRoot } from "../paths.ts";
import type { Step } from "../progress.ts";
import { pythons } from "../python.ts";
import { contextKey } from "./context.ts";

const requirements = join(projectRoot, "images", "certbot", "requirements.txt");

/** bookworm's, and the oldest C libraries that its own can stand in for. */
const PYTHON = "3.11";
const PLATFORMS = ["manylinux_2_34", "manylinux_2_28", "manylinux_2_17", "manylinux2014"];

/** By Go's name for a processor, which is Docker's, too. */
const PROCESSORS: Readonly<Record<string, string>> = { amd64: "x86_64", arm64: "aarch64" };

/** The folder of the packages once they are fetched: kept for this user's clones. */
export function certbotWheels(architecture: string): string {
  const recipe = readFileSync(requirements, "utf8");
  return join(cacheDir(), "certbot", contextKey([], [recipe, PYTHON, architecture]));
}

/**
 * Fetches the packages, each held to its hash. Here and not while the image is built: this machine knows the way to
 * PyPI, and whom to trust there.
 */
export async function fetchCertbot(architecture: string, progress: Step): Promise<void> {
  const folder = certbotWheels(architecture);
  const processor = PROCESSORS[architecture] ?? architecture;
  await mkdir(dirname(folder), { recursive: true });
  const work = await mkdtemp(join(dirname(folder), "work-"));
  try {
    const target = join(work, "wheels");
    const args = [
      ...["-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"],
      ...["--require-hashes", "--only-binary=:all:", `--python-version=${PYTHON}`],
      ...PLATFORMS.map((platform) => `--platform=${platform}_${processor}`),
      ...[`--dest=${target}`, `--requirement=${requirements}`],
    ];
    progress.detail("downloading certbot from PyPI");
    let words = "there is no python3";
    for await (const [command, ...more] of pythons(join(work, "venv"))) {
      const result = await execa(command, [...more, ...args], { reject: false, timeout: 600_000 });
      if (!result.failed) {
        await readableByAll(target);
        // Under its name only when whole.
        await rename(target, folder);
        return;
      }
      words = result.stderr?.trim().split("\n").at(-1) || result.shortMessage || words;
    }
    throw new UserError(
      `The demo image of certbot can't be pulled, and its packages can't be had from PyPI: ${words}. It takes ` +
        "python3 with pip or venv, or a registry that has the image (CYBEXP_REGISTRY names one).",
    );
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Whatever this user's umask is. */
async function readableByAll(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const name of await readdir(folder)) {
    await chmod(join(folder, name), 0o644);
  }
}
