/** Files that appear, or change, at once: whoever reads one reads the old content or the new. */
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

/**
 * Makes a file or takes its place at once. Of a link the file behind it is replaced.
 *
 * @param mode The permissions, whatever the umask. @default those that it has; 0o600 for a new one
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
