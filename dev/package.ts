/**
 * `node dev/package.ts`: builds the npm package, packs it, and checks what comes out as those who install it see
 * it: its manifest, its types, and its API reference, in which nothing public may be without a word.
 */
import { execa } from "execa";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { report, UserError } from "../programs/errors.ts";
import { projectRoot } from "../machine/paths.ts";
import { buildPackage, packageDir } from "./build.ts";

/** Packs the built package into a folder. Returns the tarball's path. */
export async function packBuilt(into: string): Promise<string> {
  const { stdout } = await execa(
    "npm",
    ["pack", "--silent", "--pack-destination", into, packageDir],
    { cwd: into },
  );
  return join(into, stdout.trim());
}

/** @throws UserError with what a check says */
export async function checkPackage(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "cybexp-package-"));
  try {
    await buildPackage();
    const tarball = await packBuilt(folder);
    const checks = await Promise.all([
      run("publint", "run", tarball, "--strict"),
      // ES modules alone: Node's `require` takes them, and TypeScript's older ways to find types do not.
      run("attw", tarball, "--profile", "esm-only", "--no-emoji"),
      run("typedoc", "--logLevel", "Warn", "--emit", "none"),
    ]);
    const failures = checks.filter((text) => text !== undefined);
    if (failures.length > 0) {
      throw new UserError(`the npm package is not as it should be:\n${failures.join("\n")}`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Returns what it says if it fails. */
async function run(program: string, ...args: string[]): Promise<string | undefined> {
  const result = await execa(program, args, {
    ...{ cwd: projectRoot, preferLocal: true, reject: false, all: true, stdin: "ignore" },
  });
  return result.exitCode === 0 ? undefined : `${program}:\n${result.all}`;
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === import.meta.filename) {
  try {
    await checkPackage();
  } catch (error) {
    process.exitCode = report(error);
  }
}
