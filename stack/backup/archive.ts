/** A backup's archive: a tar file, written and read one entry at a time. */
import { buffer } from "node:stream/consumers";
import { pack } from "tar-stream";
import { entriesIn } from "../../programs/docker/archive.ts";

export interface Entry {
  readonly path: string;
  readonly content: Buffer;
  /** @default a file */
  readonly type?: "directory" | "symlink";
  /** Where a link points to. */
  readonly link?: string;
  /** @default 0o600 */
  readonly mode?: number;
  /** @default 0 */
  readonly uid?: number;
  /** @default 0 */
  readonly gid?: number;
}

/** Two empty blocks end an archive. */
export const END = Buffer.alloc(1024);

/** The bytes of one entry in an archive, without an end. */
export async function entryBytes(entry: Entry) {
  const { path, content, type = "file", link, mode = 0o600, uid = 0, gid = 0 } = entry;
  const archive = pack();
  archive.entry(
    {
      ...{ name: path, type, mode, uid, gid, mtime: new Date(0) },
      ...(link !== undefined && { linkname: link }),
    },
    content,
  );
  archive.finalize();
  return (await buffer(archive)).subarray(0, -END.length);
}

export async function* entriesOf(archive: AsyncIterable<Uint8Array>): AsyncGenerator<Entry> {
  for await (const { header, content } of entriesIn(archive)) {
    const { name, type, mode = 0o600, uid = 0, gid = 0, linkname } = header;
    yield {
      ...{ path: name.replace(/\/$/, ""), content, mode, uid, gid },
      ...((type === "directory" || type === "symlink") && { type }),
      ...(type === "symlink" && linkname && { link: linkname }),
    };
  }
}
