/** A file or folder in an archive. */
export interface ArchivedFile {
  /** As the archive has it; a folder's ends in a slash. */
  readonly path: string;
  readonly content: Buffer;
}

const BLOCK = 512;

/**
 * The content of an archive as `docker cp ... -` writes it: ustar with pax or GNU headers. Their long names are
 * left out, because nobody here needs one.
 *
 * @throws RangeError if it is no archive, or is cut off.
 */
export function untar(archive: Buffer): ArchivedFile[] {
  const files: ArchivedFile[] = [];
  for (let at = 0; at + BLOCK <= archive.length;) {
    const header = archive.subarray(at, at + BLOCK);
    if (header.every((byte) => byte === 0)) {
      return files;
    }
    const text = (from: number, length: number) =>
      header
        .subarray(from, from + length)
        .toString("latin1")
        .replace(/\0.*$/s, "");
    const size = Number.parseInt(text(124, 12).trim() || "0", 8);
    const end = at + BLOCK + size;
    if (!Number.isInteger(size) || end > archive.length) {
      throw new RangeError("the archive is cut off, or is none");
    }
    const type = text(156, 1);
    if (type === "" || type === "0" || type === "5") {
      const prefix = text(257, 5) === "ustar" ? text(345, 155) : "";
      files.push({
        path: prefix === "" ? text(0, 100) : `${prefix}/${text(0, 100)}`,
        content: archive.subarray(at + BLOCK, end),
      });
    }
    at = end + (-size & (BLOCK - 1));
  }
  throw new RangeError("the archive is cut off, or is none");
}
