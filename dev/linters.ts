/** The workflows' linters, each in a fixed version, found in the cache or installed into it. */
import { execa } from "execa";
import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../programs/errors.ts";
import { cacheDir } from "../machine/paths.ts";
import { step } from "../machine/progress.ts";
import { findGo } from "../machine/toolchain/go.ts";
import { discard, newWorkFolder } from "../machine/toolchain/workFolder.ts";

const ACTIONLINT = "1.7.12";
const ZIZMOR = "1.32.0";

/** SHA-256 of zizmor's wheels: macOS on ARM and x86, Linux (glibc) on x86 and ARM, Linux (musl) on ARM. */
const ZIZMOR_WHEELS = [
  "0a999c98015becd9f69919ce01febadfb1c2be9b8ec2ce9ef7eb13ff23ba8eba",
  "aa4b4e216321dd5cf202cd79fc83296468f0eed79d850cd65ac8187a6bbc5496",
  "84a6acb975accc13408786a2bd274b572537ca19c933ebbc13e78f3988562071",
  "0cdd38fca6eb34ceb567548548d706332e3535ea66894b9168c048e03207b68c",
  "d34dcfa702875202b4163d90ebb9cc5222f3d1a7d4b72bf796d87b5a15b24194",
];

/** How long an installation may take. */
const TIMEOUT_MS = 300_000;

/**
 * actionlint, built from its Go module. Go's checksum database vouches for the download.
 *
 * @throws UserError when it can't be installed
 */
export function actionlint(): Promise<string> {
  return installed("actionlint", ACTIONLINT, "bin/actionlint", async (folder, progress) => {
    const go = await findGo(progress);
    const version = `github.com/rhysd/actionlint/cmd/actionlint@v${ACTIONLINT}`;
    await execa(go.command, ["install", "-trimpath", version], {
      env: { ...go.env, GOBIN: join(folder, "bin"), GOFLAGS: "", GOWORK: "off", CGO_ENABLED: "0" },
      cwd: folder,
      timeout: TIMEOUT_MS,
    });
  });
}

/**
 * zizmor, from PyPI's wheel.
 *
 * @throws UserError when it can't be installed
 */
export function zizmor(): Promise<string> {
  return installed("zizmor", ZIZMOR, "bin/zizmor", async (folder) => {
    const requirements = join(folder, "requirements.txt");
    const hashes = ZIZMOR_WHEELS.map((hash) => ` --hash=sha256:${hash}`).join("");
    writeFileSync(requirements, `zizmor==${ZIZMOR}${hashes}\n`);
    const venv = join(folder, "venv");
    await execa("python3", ["-m", "venv", venv], { timeout: TIMEOUT_MS });
    const pip = ["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"];
    const exact = ["--only-binary=:all:", "--require-hashes", "--requirement", requirements];
    await execa(join(venv, "bin", "python3"), [...pip, ...exact, "--target", folder], {
      timeout: TIMEOUT_MS,
    });
  });
}

/** The path of a linter's program in the cache. Installs it if it is missing. */
async function installed(
  name: string,
  version: string,
  program: string,
  install: (folder: string, progress: Parameters<typeof findGo>[0]) => Promise<void>,
): Promise<string> {
  const root = join(cacheDir(), "linters");
  const place = join(root, `${name}-${version}`);
  const path = join(place, program);
  if (existsSync(path)) {
    return path;
  }
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const work = newWorkFolder(root);
  try {
    await step(`Installing ${name} ${version}`, (progress) => install(work, progress));
    if (!existsSync(join(work, program))) {
      throw new Error(`the installation created no ${program}`);
    }
    // Another run may have been quicker.
    if (!existsSync(path)) {
      renameSync(work, place);
    }
  } catch (error) {
    throw new UserError(`${name} ${version} can't be installed: ${lastWords(error)}`);
  } finally {
    discard(root, work);
  }
  return path;
}

/** One line that says what went wrong: a program's last line, or the error's message. */
function lastWords(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message?: string };
  return (stderr || message || String(error)).trim().split("\n").at(-1) ?? "";
}
