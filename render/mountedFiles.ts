import { basename } from "node:path/posix";
import type { ReleaseFiles } from "./release.ts";

/**
 * The release of files that are mounted one by one. In the release, each file has its own name without a folder.
 *
 * @param contents Absolute path in the container -> text.
 * @throws RangeError for a relative path, and for two files of one name
 */
export function mountedFiles(contents: Readonly<Record<string, string>>): ReleaseFiles {
  return Object.fromEntries(
    [...mountedNames(Object.keys(contents))].map(([path, name]) => [
      name,
      { content: contents[path] ?? "", mode: 0o400 },
    ]),
  );
}

/** Path -> name in the release. @throws RangeError as `mountedFiles` does */
export function mountedNames(paths: readonly string[]): Map<string, string> {
  const names = new Map<string, string>();
  const owners = new Map<string, string>();
  for (const path of paths) {
    const name = basename(path);
    const other = owners.get(name);
    if (!path.startsWith("/")) {
      throw new RangeError(`the file ${path} must be an absolute path in the container`);
    }
    if (other !== undefined) {
      throw new RangeError(`the files ${other} and ${path} must differ in their last part`);
    }
    names.set(path, name);
    owners.set(name, path);
  }
  return names;
}
