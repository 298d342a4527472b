import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { UserError } from "../programs/errors.ts";
import { projectRoot } from "../machine/paths.ts";

/** The folder of the built package. */
export const distDir = join(projectRoot, "dist");

/** The program by which an engine's ssh options reach ssh. */
const SSH = "programs/docker/ssh";

/**
 * `npm run build`: builds the published package from scratch, so that nothing of an earlier build is packed.
 *
 * @throws UserError with the compiler's messages, if the types are wrong
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
  // Not TypeScript, so the compiler leaves it out.
  cpSync(join(projectRoot, SSH), join(distDir, SSH), { recursive: true });
}
