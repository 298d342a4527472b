/** Builds FerretDB, the MongoDB stand-in, from its Go module: a static binary for Linux. */
import { execa, ExecaError } from "execa";
import { readFileSync } from "node:fs";
import { chmod, cp, mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { UserError } from "../../programs/errors.ts";
import { cacheDir, projectRoot } from "../paths.ts";
import type { Step } from "../progress.ts";
import { findGo, type Go } from "../toolchain/go.ts";
import { contextKey } from "./context.ts";

const MODULE = "github.com/FerretDB/FerretDB";
const VERSION = "v1.24.0";

const folder = join(projectRoot, "images", "ferretdb");

/** Everything that decides what gets built. */
export const ferretdbRecipe = [
  `${MODULE}@${VERSION}`,
  readFileSync(join(folder, "go.sum"), "utf8"),
  "CGO_ENABLED=0 GOOS=linux -trimpath -s -w",
].join("\n");

/**
 * The path of the built binary, which all of this user's clones share.
 *
 * @param architecture As Go calls it: "amd64", "arm64".
 */
export function ferretdbPath(architecture: string): string {
  const key = contextKey([], [ferretdbRecipe, architecture]);
  return join(cacheDir(), "ferretdb", key, "ferretdb");
}

/** Builds the binary (about a minute). */
export async function buildFerretdb(architecture: string, progress: Step): Promise<void> {
  const binary = ferretdbPath(architecture);
  const compiler = await compilerFor(progress);
  const cache = dirname(binary);
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, "build-"));
  try {
    progress.detail(`downloading ${MODULE} ${VERSION}`);
    const source = join(work, "source");
    await cp(await download(compiler), source, { recursive: true });
    // The module's files are read-only, and one that upstream's own build generates is missing.
    const generated = join(source, "build", "version");
    await chmod(generated, 0o755);
    await writeFile(join(generated, "version.txt"), `${VERSION}\n`);

    progress.detail("compiling FerretDB");
    const output = join(work, "ferretdb");
    const args = ["build", "-trimpath", "-ldflags", "-s -w", "-o", output, "./cmd/ferretdb"];
    await go(compiler, args, source, { CGO_ENABLED: "0", GOOS: "linux", GOARCH: architecture });
    // It gets its name only when it is complete.
    await rename(output, binary);
  } finally {
    await execa("chmod", ["-R", "u+w", work], { reject: false });
    await rm(work, { recursive: true, force: true });
  }
}

/** Uses the same Go as the toolchain. */
async function compilerFor(progress: Step): Promise<Go> {
  try {
    return await findGo(progress);
  } catch (error) {
    if (!(error instanceof UserError)) {
      throw error;
    }
    throw new UserError(
      "The demo database can't be pulled, and building it takes Go: install Go, or let the " +
        "engine reach a registry that has the official mongo image (set CYBEXP_REGISTRY to its name).",
    );
  }
}

/** The module's folder in Go's cache, checked against our go.sum. */
async function download(compiler: Go): Promise<string> {
  const output = await go(compiler, ["mod", "download", "-json", `${MODULE}@${VERSION}`], folder);
  return (JSON.parse(output) as { Dir: string }).Dir;
}

async function go(
  { command, env }: Go,
  args: readonly string[],
  cwd: string,
  more: NodeJS.ProcessEnv = {},
): Promise<string> {
  try {
    const options = { cwd, env: { ...env, GOWORK: "off", GOFLAGS: "", ...more } };
    return (await execa(command, args, options)).stdout;
  } catch (error) {
    if (!(error instanceof ExecaError)) {
      throw error;
    }
    const words = String(error.stderr).trim().split("\n").slice(-5).join("\n");
    throw new UserError(`go ${args[0]} of FerretDB failed: ${words}`);
  }
}
