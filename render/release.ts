import { createHash } from "node:crypto";
import { matching, wholeNumber } from "./check.ts";

/** A file of a release. */
export interface ReleaseFile {
  readonly content: string | Uint8Array;
  /** Permission bits, such as 0o400. */
  readonly mode: number;
}

/** The files of one release, by name; a release has no folders. */
export type ReleaseFiles = Readonly<Record<string, ReleaseFile>>;

/** A file or folder of a release as it is packed; a folder's path ends in a slash. */
export interface ReleaseEntry {
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly content?: Uint8Array;
}

export interface EntriesOptions {
  /** Numeric owner of every entry. */
  readonly uid: number;
  readonly gid: number;
  /** The folder in the archive that holds the files, such as `releases/<digest>`. */
  readonly prefix: string;
}

/**
 * The name of a release: the first 128 bits of a SHA-256 over its names, modes and contents, in hex. Two equal ones
 * by chance are out of the question (2^64 releases), and nobody else chooses the files. And 32 digits still fit
 * into a folder name and a line of a log.
 */
export function releaseDigest(files: ReleaseFiles): string {
  const hash = createHash("sha256");
  for (const { name, mode, bytes } of canonical(files)) {
    // Every part comes with its length, so that no two releases give the same bytes to the hash.
    const header = `${Buffer.byteLength(name)}:${name} ${mode.toString(8)} ${bytes.length}:`;
    hash.update(header).update(bytes);
  }
  return hash.digest("hex").slice(0, 32);
}

/**
 * A function of the shell, with the programs of any small Linux: `is_release FOLDER DIGEST` says whether the files
 * that are in a folder now are those of the release. Where a file names its own release, the digest was computed
 * with zeros in its place.
 */
export const IS_RELEASE = `
  without_digest() {
    if grep -q "$2" "$1"; then
      sed "s/$2/$(printf '%s' "$2" | tr 0-9a-f 0)/g" "$1"
    else
      cat "$1"
    fi
  }
  digest_of() (
    cd "$1"
    export LC_ALL=C
    for file in $(ls -A | sort); do
      printf '%s:%s %s %s:' "\${#file}" "$file" "$(stat -c %a "$file")" "$(stat -c %s "$file")"
      without_digest "$file" "$2"
    done | sha256sum
  )
  is_release() {
    case "$(digest_of "$1" "$2")" in
      "$2"*) true ;;
      *) false ;;
    esac
  }
`;

/** The release as it is packed, its folders first; the same files give the same entries. */
export function releaseEntries(
  files: ReleaseFiles,
  { uid, gid, prefix }: EntriesOptions,
): ReleaseEntry[] {
  const folders = prefix.split("/").map((_, index, parts) => parts.slice(0, index + 1).join("/"));
  const entries: ReleaseEntry[] = folders.map((path) => ({
    path: `${path}/`,
    mode: 0o755,
    uid,
    gid,
  }));
  for (const { name, mode, bytes } of canonical(files)) {
    entries.push({ path: `${prefix}/${name}`, mode, uid, gid, content: bytes });
  }
  return entries;
}

/** Checked, in bytes, and in one order whatever the order of the keys. */
function canonical(files: ReleaseFiles) {
  return Object.entries(files)
    .map(([name, { content, mode }]) => ({
      name: matching(
        "a release's file name",
        name,
        /^[A-Za-z0-9][A-Za-z0-9._-]*$/,
        "letters, digits, dot, _ and -, starting with a letter or digit",
      ),
      mode: wholeNumber(`the mode of ${name}`, mode, 0, 0o777),
      bytes: typeof content === "string" ? Buffer.from(content, "utf8") : content,
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
