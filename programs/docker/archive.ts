/** Archives in the format of `docker cp`. */
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { extract, type Header, pack } from "tar-stream";

/** One entry of an archive: a folder if its path ends with a slash, otherwise a file. */
export interface TarEntry {
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly content?: Uint8Array;
}

/** A file or folder in an archive. */
export interface ArchivedFile {
  /** The path in the archive. A folder's ends with a slash. */
  readonly path: string;
  readonly content: Buffer;
}

/** Two empty blocks end an archive. */
const END = Buffer.alloc(1024);

/** An archive of the entries. It has no times or user names, so the same entries give the same bytes. */
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
 * @throws RangeError when it is not an archive, or is cut off
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
    throw new RangeError("the archive is cut off, or is not an archive", { cause: error });
  }
  return files;
}

/** The entries of an archive of any size, one after another. */
export async function* entriesIn(
  archive: AsyncIterable<Uint8Array>,
): AsyncGenerator<{ readonly header: Header; readonly content: Buffer }> {
  const source = Readable.from(archive, { objectMode: false });
  const reader = extract();
  source.on("error", (error) => reader.destroy(error));
  source.pipe(reader);
  for await (const entry of reader) {
    yield { header: entry.header, content: await buffer(entry) };
  }
}
