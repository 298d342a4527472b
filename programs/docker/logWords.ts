/** Explains log lines that are hard to read, such as MongoDB's, which are JSON. */
const MEANINGS: readonly (readonly [RegExp, string])[] = [
  [
    /featureCompatibilityVersion|Wrong mongod version|UPGRADE PROBLEM|requires at least one newer|unsupported WiredTiger file version|WT_TRY_SALVAGE.*version/i,
    'its data is from another release of MongoDB (docs/data.md, "Another release of MongoDB")',
  ],
  [
    /unrecognized storage engine|created by the '\w+' storage engine|holds data that is not this program's/i,
    "its data belongs to another program",
  ],
  [/No space left on device|ENOSPC/i, "the engine's disk is full"],
  [
    /mongod\.lock.*(Permission denied|Operation not permitted)|Data directory \S+ (not found|is not writable)|read-only file system/i,
    "it can't write to its volume",
  ],
  [
    /WT_PANIC|Fatal Assertion .*WiredTiger|file contains a checksum error/i,
    "its data is damaged: restore a copy (docs/data.md)",
  ],
];

/** A sentence for each known problem in the last lines of a log. */
export function meaningsOf(log: string): string[] {
  return MEANINGS.filter(([pattern]) => pattern.test(log)).map(([, meaning]) => meaning);
}
