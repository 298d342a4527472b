/** Writes files atomically: whoever reads one gets the old content or the new content, never a mix. */
import {
  chmodSync,
  existsSync,
  linkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";

/**
 * Creates a file, whole or not at all, and never overwrites one. Returns whether it did: false if a file of
 * that name exists.
 *
 * @param mode The permissions, which the umask restricts. @default 0o600
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

/**
 * Creates a file or replaces it atomically. If it is a link, the file that it points to is replaced.
 *
 * @param mode The permissions, whatever the umask. @default those of the old file; 0o600 for a new one
 */
export function replaceFile(file: string, content: string, mode?: number): void {
  const real = existsSync(file) ? realpathSync(file) : file;
  const draft = `${real}.${process.pid}.next`;
  try {
    writeFileSync(draft, content, { mode: 0o600 });
    chmodSync(draft, mode ?? statSync(real, { throwIfNoEntry: false })?.mode ?? 0o600);
    renameSync(draft, real);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}
