import { homedir } from "node:os";
import { join, resolve } from "node:path";

/** The project's root folder, which has Pulumi.yaml. */
export const projectRoot = resolve(import.meta.dirname, "..");

/** A path as the operator wrote it. npm runs its scripts in the project's folder, wherever npm was called. */
export const asWritten = (path: string): string =>
  resolve(process.env["INIT_CWD"] ?? process.cwd(), path);

/** The folder for what belongs to this clone alone (state, passphrase, run records). Git ignores it. */
export const localDir = join(projectRoot, ".cybexp");

/** The folder for what a user's clones share (the toolchain, downloads), by version. */
export function cacheDir(env: NodeJS.ProcessEnv = process.env): string {
  const base = env["XDG_CACHE_HOME"] ?? join(env["HOME"] ?? homedir(), ".cache");
  return join(base, "cybexp");
}
