/** Archives as `docker cp` takes and gives them. */
import { buffer } from "node:stream/consumers";
import { extract, pack } from "tar-stream";

/** One entry of an archive: a folder when its path ends in a slash, else a file. */
export interface TarEntry {
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly content?: Uint8Array;
}

/** A file or folder in an archive. */
export interface ArchivedFile {
  /** As the archive has it; a folder's ends in a slash. */
  readonly path: string;
  readonly content: Buffer;
}

/** Two empty blocks end an archive. */
const END = Buffer.alloc(1024);

/** The archive of the entries. It says no time and no names of users: the same entries give the same bytes. */
export async function tar(entries: readonly TarEntry[]): Promise<Buffer> {
  const archive = pack();
  for (const { path, content = new Uint8Array(), ...owner } of entries) {
    if (!/^[\x21-\x7e]{1,100}$/.test(path) || /^\/|(^|\/)\.\.(\/|$)/.test(path)) {
      throw new RangeError(`${JSON.stringify(path)} can't be a path in an archive`);
    }
    const type = path.endsWith("/") ? "directory" : "file";
    archive.entry({ name: path, type, mtime: new Date(0), ...owner }, Buffer.from(content));
  }
  archive.finalize();
  return buffer(archive);
}

/**
 * The files and folders of an archive.
 *
 * @throws RangeError for what is no archive, or is cut off
 */
export async function untar(archive: Buffer): Promise<ArchivedFile[]> {
  const files: ArchivedFile[] = [];
  try {
    if (!archive.subarray(-END.length).equals(END)) {
      throw new Error("no end");
    }
    const reader = extract();
    reader.end(archive);
    for await (const entry of reader) {
      const { name, type } = entry.header;
      const content = await buffer(entry);
      if (type === "file" || type === "directory") {
        files.push({ path: name, content });
      }
    }
  } catch (error) {
    throw new RangeError("the archive is cut off, or is none", { cause: error });
  }
  return files;
}
