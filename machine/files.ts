import { linkSync, rmSync, writeFileSync } from "node:fs";

/**
 * Makes a file that appears whole or not at all, and never in place of another. Tells whether it did:
 * false where there is one of that name.
 *
 * @param mode The permissions, less what the umask takes away. @default 0o600
 */
export function createFile(file: string, content: string, mode = 0o600): boolean {
  const draft = `${file}.${process.pid}`;
  try {
    writeFileSync(draft, content, { mode });
    linkSync(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") {
      return false;
    }
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}
