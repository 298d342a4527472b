import { homedir } from "node:os";
import { join, resolve } from "node:path";

/** The project's root folder: where Pulumi.yaml is. */
export const projectRoot = resolve(import.meta.dirname, "..");

/** What belongs to this clone alone (state, passphrase, run records): git-ignored. */
export const localDir = join(projectRoot, ".cybexp");

/** What one user's clones share, keyed by versions: the toolchain, downloads. */
export function cacheDir(env: NodeJS.ProcessEnv = process.env): string {
  const base = env["XDG_CACHE_HOME"] ?? join(env["HOME"] ?? homedir(), ".cache");
  return join(base, "cybexp");
}
