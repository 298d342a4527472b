/** One entry of an archive: a folder when its path ends in a slash, else a file. */
export interface TarEntry {
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly content?: Uint8Array;
}

const BLOCK = 512;

/**
 * A ustar archive (POSIX.1-1988) without names of users or times: the same entries give the same
 * bytes. Paths are ASCII and at most 100 characters long, because the oldest field holds no more.
 */
export function tar(entries: readonly TarEntry[]): Buffer {
  const parts = entries.flatMap((entry) => {
    const content = entry.content ?? new Uint8Array();
    return [header(entry, content.length), content, Buffer.alloc(-content.length & (BLOCK - 1))];
  });
  // Two empty blocks end the archive.
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
}

function header({ path, mode, uid, gid }: TarEntry, size: number): Buffer {
  if (
    !/^[\x21-\x7e]{1,100}$/.test(path) ||
    path.startsWith("/") ||
    path.split("/").includes("..")
  ) {
    throw new RangeError(`${JSON.stringify(path)} can't be a path in an archive`);
  }
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, offset: number, width: number) => {
    const digits = value.toString(8).padStart(width - 1, "0");
    if (!Number.isInteger(value) || value < 0 || digits.length >= width) {
      throw new RangeError(`${path}: ${value} does not fit an archive's header`);
    }
    block.write(`${digits}\0`, offset, "latin1");
  };
  block.write(path, 0, "latin1");
  octal(mode, 100, 8);
  octal(uid, 108, 8);
  octal(gid, 116, 8);
  octal(size, 124, 12);
  octal(0, 136, 12); // the time of the last change
  block.write("        ", 148, "latin1"); // the checksum counts itself as spaces
  block.write(path.endsWith("/") ? "5" : "0", 156, "latin1");
  block.write("ustar\u000000", 257, "latin1");
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}
