/** What a program's own last words mean that few know how to read: MongoDB's, in one line of JSON each. */
const MEANINGS: readonly (readonly [RegExp, string])[] = [
  [
    /featureCompatibilityVersion|Wrong mongod version|UPGRADE PROBLEM|requires at least one newer|unsupported WiredTiger file version|WT_TRY_SALVAGE.*version/i,
    'its data is of another release of MongoDB (docs/data.md, "Another release of MongoDB")',
  ],
  [
    /unrecognized storage engine|created by the '\w+' storage engine|holds data that is not this program's/i,
    "its data is another program's",
  ],
  [/No space left on device|ENOSPC/i, "the engine's disk is full"],
  [
    /mongod\.lock.*(Permission denied|Operation not permitted)|Data directory \S+ (not found|is not writable)|read-only file system/i,
    "it can't write to its volume",
  ],
  [
    /WT_PANIC|Fatal Assertion .*WiredTiger|file contains a checksum error/i,
    "its data is damaged: put a copy back (docs/data.md)",
  ],
];

/** What stands in the last lines of a log, as a sentence each; nothing of what nobody knows. */
export function meaningsOf(log: string): string[] {
  return MEANINGS.filter(([pattern]) => pattern.test(log)).map(([, meaning]) => meaning);
}
