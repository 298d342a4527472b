/** FerretDB, the MongoDB stand-in, built from its Go module: a static binary for Linux. */
import { execa, ExecaError } from "execa";
import { readFileSync } from "node:fs";
import { chmod, cp, mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { UserError } from "../lib/errors.ts";
import { cacheDir, projectRoot } from "../lib/paths.ts";
import { contextKey } from "./context.ts";

const MODULE = "github.com/FerretDB/FerretDB";
const VERSION = "v1.24.0";

const folder = join(projectRoot, "images", "ferretdb");

/** All that decides what gets built. */
export const ferretdbRecipe = [
  `${MODULE}@${VERSION}`,
  readFileSync(join(folder, "go.sum"), "utf8"),
  "CGO_ENABLED=0 GOOS=linux -trimpath -s -w",
].join("\n");

/**
 * Where the binary is once it is built: kept for this user's clones.
 *
 * @param architecture As Go calls it: "amd64", "arm64".
 */
export function ferretdbPath(architecture: string): string {
  const key = contextKey([], [ferretdbRecipe, architecture]);
  return join(cacheDir(), "ferretdb", key, "ferretdb");
}

/** Builds the binary (about a minute). */
export async function buildFerretdb(
  architecture: string,
  say: (detail: string) => void,
): Promise<void> {
  const binary = ferretdbPath(architecture);
  const cache = dirname(binary);
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, "build-"));
  try {
    say(`downloading ${MODULE} ${VERSION}`);
    const source = join(work, "source");
    await cp(await download(), source, { recursive: true });
    // The module's files are read-only, and miss the one that upstream's own build generates.
    const generated = join(source, "build", "version");
    await chmod(generated, 0o755);
    await writeFile(join(generated, "version.txt"), `${VERSION}\n`);

    say("compiling FerretDB");
    const output = join(work, "ferretdb");
    await go(["build", "-trimpath", "-ldflags", "-s -w", "-o", output, "./cmd/ferretdb"], source, {
      CGO_ENABLED: "0",
      GOOS: "linux",
      GOARCH: architecture,
    });
    // Under its name only when whole.
    await rename(output, binary);
  } finally {
    await execa("chmod", ["-R", "u+w", work], { reject: false });
    await rm(work, { recursive: true, force: true });
  }
}

/** The module's folder in Go's cache, checked against our go.sum. */
async function download(): Promise<string> {
  const output = await go(["mod", "download", "-json", `${MODULE}@${VERSION}`], folder);
  return (JSON.parse(output) as { Dir: string }).Dir;
}

async function go(
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv = {},
): Promise<string> {
  try {
    return (await execa("go", args, { cwd, env: { GOWORK: "off", GOFLAGS: "", ...env } })).stdout;
  } catch (error) {
    if (!(error instanceof ExecaError)) {
      throw error;
    }
    if (error.code === "ENOENT") {
      throw new UserError(
        "The demo database is built with Go, and there is no go program on PATH: install Go 1.22 " +
          "or newer, or make mongo:8.0 pullable (CYBEXP_REGISTRY names a registry).",
      );
    }
    const words = String(error.stderr).trim().split("\n").slice(-5).join("\n");
    throw new UserError(`go ${args[0]} of FerretDB failed: ${words}`);
  }
}
