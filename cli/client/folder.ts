/** The folder of a client's bundle: for the operator alone, and replaced as a whole. */
import { lstatSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { UserError } from "../../programs/errors.ts";

/**
 * Makes a folder of exactly these files. One that is there is replaced, and never a mixture of both.
 *
 * @throws UserError When anything but files of these names is there, which may be somebody's own.
 */
export function writeFolder(folder: string, files: ReadonlyMap<string, string | Uint8Array>): void {
  const parent = dirname(folder);
  mkdirSync(parent, { recursive: true, mode: 0o700 });
  // Left by runs that were killed; hidden, and named so that no client's folder is taken for one.
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
    throw new UserError(`${folder} is in the way: it is no folder; move it elsewhere`);
  }
  const others = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !entry.isFile() || !files.has(entry.name))
    .map((entry) => entry.name)
    .sort();
  if (others.length > 0) {
    throw new UserError(
      `${folder} has in it what this command did not write (${others.join(", ")}) and would replace: move it elsewhere`,
    );
  }
}
