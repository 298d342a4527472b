/** The key files of a KMS that the stack does not run. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { FileInFolder } from "../../programs/volumes/filesIn.ts";
import { asWritten } from "../../machine/paths.ts";
import { UserError } from "../../programs/errors.ts";

/** The user of the services in a stack. Under compose, everything belongs to root. */
const OWNER = 65532;

/** What a file in CYBEX-P's own repository is, and not a key. */
const NO_KEYS = ["keep_this_file"];

/** @throws UserError where the folder or a file in it can't be read */
export function keysIn(folder: string): FileInFolder[] {
  const root = asWritten(folder);
  try {
    return readdirSync(root)
      .filter((name) => !NO_KEYS.includes(name) && !name.startsWith("."))
      .filter((name) => statSync(join(root, name)).isFile())
      .sort()
      .map((path) => ({
        path,
        content: readFileSync(join(root, path)),
        mode: 0o600,
        uid: OWNER,
        gid: OWNER,
      }));
  } catch (error) {
    const { code = "unknown error", path = root } = error as NodeJS.ErrnoException;
    throw new UserError(
      `${path} can't be read (${code}): the keys of a KMS that compose runs belong to root, so run this as root, or copy the folder first`,
    );
  }
}
