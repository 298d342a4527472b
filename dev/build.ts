import { rmSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { UserError } from "../programs/errors.ts";
import { projectRoot } from "../machine/paths.ts";

/** Where the built package is. */
export const distDir = join(projectRoot, "dist");

/**
 * `npm run build`: the published package, made anew so that nothing of an earlier build is packed.
 *
 * @throws UserError with the compiler's words where the types are wrong
 */
export async function build(): Promise<void> {
  rmSync(distDir, { recursive: true, force: true });
  const { exitCode, stdout } = await execa("tsc", ["--project", "tsconfig.build.json"], {
    cwd: projectRoot,
    preferLocal: true,
    reject: false,
  });
  if (exitCode !== 0) {
    throw new UserError(`the package can't be built:\n${stdout}`);
  }
}
