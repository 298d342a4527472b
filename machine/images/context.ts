/** A build context: the files that are sent to the engine, and the key that identifies them. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { chmod, cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";

export interface ContextFile {
  /** Relative to the context's folder, with `/`. */
  readonly path: string;
  readonly content: Buffer;
  readonly executable: boolean;
}

/** The files under a folder, without Python's caches. */
export function readContext(folder: string): ContextFile[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes("__pycache__"))
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return {
        path: relative(folder, path).replaceAll("\\", "/"),
        content: withoutCarriageReturns(readFileSync(path)),
        executable: (statSync(path).mode & 0o100) !== 0,
      };
    });
}

/** A checkout on Windows may have them, and a shell would read them as part of the program's name. */
function withoutCarriageReturns(content: Buffer): Buffer {
  return content.includes("\r\n")
    ? Buffer.from(content.toString("latin1").replaceAll("\r\n", "\n"), "latin1")
    : content;
}

/** 16 hex digits. They depend on the files, their modes and content, and the recipes, but not on the order. */
export function contextKey(files: readonly ContextFile[], recipes: readonly string[]): string {
  const hash = createHash("sha256");
  const digest = (data: string | Buffer) => createHash("sha256").update(data).digest("hex");
  for (const { path, content, executable } of [...files].sort((a, b) =>
    a.path < b.path ? -1 : 1,
  )) {
    hash.update(`${digest(path)} ${executable ? "x" : "-"} ${digest(content)}\n`);
  }
  for (const recipe of recipes) {
    hash.update(`recipe ${digest(recipe)}\n`);
  }
  return hash.digest("hex").slice(0, 16);
}

/**
 * Puts the files into a folder of their own while `work` runs. It sets their modes, because those in the
 * clone depend on the user's umask, and the container's user must be able to read the files.
 *
 * @param made Programs and folders to copy in: the name in the context and the path on this machine.
 */
export async function withContext<T>(
  files: readonly ContextFile[],
  made: Readonly<Record<string, string>>,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "cybexp-context-"));
  try {
    for (const { path, content, executable } of files) {
      const target = join(folder, path);
      await mkdir(join(target, ".."), { recursive: true });
      await writeFile(target, content);
      await chmod(target, executable ? 0o755 : 0o644);
    }
    for (const [name, path] of Object.entries(made)) {
      await cp(path, join(folder, name), { recursive: true });
      await chmod(join(folder, name), 0o755);
    }
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}
