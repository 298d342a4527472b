/** What decides how a pull request is checked: a reviewer looks at a change of it first. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

/** As a whole: also what a change adds there, or takes away. */
const FOLDERS = [
  ...[".github", "policy", "names", "programs", "cli", "stack", "machine", "dev"],
  ...["package.json", "package-lock.json"],
];

/** Where the check of a pull request begins. */
const ENTRY = "cli/pull-request/pullRequest.ts";

/** An import or export of what runs; what is imported as a type alone is gone by then. */
const IMPORT =
  /(?:^(?:import|export)\b(?!\s+type\b)[^;]*?\bfrom\s+|^import\s+|\bimport\()"(\.[^"]+)"/gm;

/** Paths below the project's folder: the folders, and all that the check imports from elsewhere. */
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
