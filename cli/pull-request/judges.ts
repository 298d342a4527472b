/** The files that check a pull request. A reviewer must look first at a change to them. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

/** Checked as a whole, so that added and removed files count, too. */
const FOLDERS = [
  ...[".github", "policy", "names", "programs", "cli", "stack", "machine", "dev"],
  ...["package.json", "package-lock.json"],
];

/** The entry point of the check. */
const ENTRY = "cli/pull-request/pullRequest.ts";

/** An import or export of code. Imports of types are left out, because they don't exist at run time. */
const IMPORT =
  /(?:^(?:import|export)\b(?!\s+type\b)[^;]*?\bfrom\s+|^import\s+|\bimport\()"(\.[^"]+)"/gm;

/** Paths below the project's folder: the folders above, and everything that the check imports from elsewhere. */
export function judges(root: string): string[] {
  const seen = new Set<string>();
  const follow = (file: string): void => {
    if (seen.has(file) || !existsSync(join(root, file))) {
      return;
    }
    seen.add(file);
    for (const [, target = ""] of readFileSync(join(root, file), "utf8").matchAll(IMPORT)) {
      follow(normalize(join(dirname(file), target)));
    }
  };
  follow(ENTRY);
  const elsewhere = [...seen].filter(
    (file) => !FOLDERS.some((folder) => file === folder || file.startsWith(`${folder}/`)),
  );
  return [...FOLDERS, ...elsewhere.sort()];
}
