/** Writes the folder of a client's bundle: only the operator can read it, and it is replaced as a whole. */
import { lstatSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { UserError } from "../../programs/errors.ts";

/**
 * Creates a folder with exactly these files. An existing one is replaced; it never has a mixture of both.
 *
 * @throws UserError when the folder has other files, which may belong to somebody
 */
export function writeFolder(folder: string, files: ReadonlyMap<string, string | Uint8Array>): void {
  const parent = dirname(folder);
  mkdirSync(parent, { recursive: true, mode: 0o700 });
  // Left by runs that were killed. They are hidden, and no client's folder can have such a name.
  for (const entry of readdirSync(parent)) {
    if (entry.startsWith(`.${basename(folder)}#`)) {
      rmSync(join(parent, entry), { recursive: true });
    }
  }
  refuseOthers(folder, files);

  const next = join(parent, `.${basename(folder)}#next`);
  const old = join(parent, `.${basename(folder)}#old`);
  mkdirSync(next, { mode: 0o700 });
  for (const [name, content] of files) {
    writeFileSync(join(next, name), content, { mode: 0o600, flag: "wx" });
  }
  if (lstatSync(folder, { throwIfNoEntry: false }) !== undefined) {
    renameSync(folder, old);
  }
  renameSync(next, folder);
  rmSync(old, { recursive: true, force: true });
}

function refuseOthers(folder: string, files: ReadonlyMap<string, unknown>): void {
  const found = lstatSync(folder, { throwIfNoEntry: false });
  if (found === undefined) {
    return;
  }
  if (!found.isDirectory()) {
    throw new UserError(`${folder} is in the way, because it is not a folder: move it elsewhere`);
  }
  const others = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !entry.isFile() || !files.has(entry.name))
    .map((entry) => entry.name)
    .sort();
  if (others.length > 0) {
    throw new UserError(
      `${folder} has files that this command did not write and would replace (${others.join(", ")}): move them elsewhere`,
    );
  }
}
