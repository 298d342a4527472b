/** The KMS's key files: what they are recognised by, and what to say if they are others, gone, or no keys. */
import { createHash, createPublicKey } from "node:crypto";
import { KEY_FILES } from "../settings/keptParts.ts";

/** The file of a key that everybody may have; the other files are secret. */
export const isPublicKey = (file: string, files: readonly string[]): boolean =>
  file === files[0] || file === "cpabe-pk.binary";

/** What the KMS has in its folder of keys. */
export interface KeyFolder {
  /** The mark of the volume; undefined if it has none. */
  readonly mark: string | undefined;
  /** The content of the key files, by name. */
  readonly contents: ReadonlyMap<string, Buffer>;
}

/** What the state remembers of it. */
export interface KeyRecord {
  readonly mark?: string | undefined;
  /** File name -> fingerprint. */
  readonly keys: Readonly<Record<string, string>>;
}

export interface KeyQuestion {
  /** The names of the files, as `kmsKeyFiles` gives them: that of DE first, and that of ORE second. */
  readonly files: readonly string[];
  /** Undefined if no `up` has recorded them. */
  readonly record: KeyRecord | undefined;
  /** `cybexp:lost`. */
  readonly lost: readonly string[];
  /** What the folder is called, such as `/secrets of cybexp-dev-kms`. */
  readonly where: string;
  readonly stack: string;
}

export interface KeyVerdict {
  /** Sentences that stop an `up`. */
  readonly refused: readonly string[];
  /** Sentences about keys that the operator has given up. */
  readonly permitted: readonly string[];
  /** Sentences about entries of `cybexp:lost` that permit nothing now. */
  readonly idle: readonly string[];
}

/**
 * The SHA-256 of a public key's file, as `sha256sum` prints it. That of a secret one differs, so that nobody can
 * look it up.
 */
export function fingerprint(file: string, content: Buffer, files: readonly string[]): string {
  const hash = createHash("sha256");
  if (!isPublicKey(file, files)) {
    hash.update(`cybexp secret key file ${file}\n`);
  }
  return hash.update(content).digest("hex");
}

/** What to remember of a folder. */
export function recordOf({ mark, contents }: KeyFolder, files: readonly string[]): KeyRecord {
  const keys = files.flatMap((file) => {
    const content = contents.get(file);
    return content === undefined ? [] : [[file, fingerprint(file, content, files)] as const];
  });
  return { ...(mark !== undefined && { mark }), keys: Object.fromEntries(keys) };
}

/** The fingerprints of the public keys in a record. */
export function publicKeys(record: KeyRecord, files: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(record.keys).filter(([file]) => isPublicKey(file, files)),
  );
}

/** What to write into `cybexp:lost` to give up the recorded keys, and no later ones. */
export function keysEntry({ keys }: KeyRecord): string {
  const sorted = Object.entries(keys).sort(([a], [b]) => (a < b ? -1 : 1));
  const hash = createHash("sha256").update(JSON.stringify(sorted)).digest("hex");
  return `${KEY_FILES}@${hash.slice(0, 12)}`;
}

/** Judges the keys that are there by those that the state remembers. */
export function judgeKeys(folder: KeyFolder, question: KeyQuestion): KeyVerdict {
  const { files, record, lost, stack } = question;
  const poisoned = files.flatMap((file) => {
    const content = folder.contents.get(file);
    const what = content && poisonIn(file, content, files);
    return what === undefined ? [] : [poisonedSentence(file, what, question)];
  });
  // In another volume the keys may be others: whether it may be another is judged elsewhere.
  const before = record?.mark === folder.mark ? record : undefined;
  const { keys } = recordOf(folder, files);
  const known = Object.keys(before?.keys ?? {});
  const missing = known.filter((file) => !(file in keys));
  const others = known.filter((file) => file in keys && keys[file] !== before?.keys[file]);
  const entry = before && keysEntry(before);
  const isGivenUp = entry !== undefined && lost.includes(entry);
  const changed = [
    ...lossSentence(
      missing,
      `${missing.join(", ")} ${missing.length === 1 ? "is" : "are"} gone from ${question.where}: at its next start, the KMS silently makes new keys.`,
      entry ?? "",
      question,
    ),
    ...lossSentence(
      others,
      `the KMS has other keys than the state remembers: ${others.join(", ")} in ${question.where} ${others.length === 1 ? "was" : "were"} made anew or replaced.`,
      entry ?? "",
      question,
    ),
  ];
  const used = isGivenUp && changed.length > 0;
  return {
    refused: [...poisoned, ...(isGivenUp ? [] : changed)],
    permitted: used
      ? [
          `the KMS's keys in ${question.where} are given up, as cybexp:lost says. Every record that was encrypted with the ones before stays unreadable for good.`,
        ]
      : [],
    idle: lost
      .filter((given) => given.startsWith(`${KEY_FILES}@`) && !(used && given === entry))
      .map(
        (given) =>
          `cybexp:lost has ${given}: ` +
          (given === entry
            ? "those keys are there, and the entry would permit their loss"
            : "the state remembers other keys by now, so the entry has done its work") +
          `; remove it from Pulumi.${stack}.yaml`,
      ),
  };
}

const LOSS =
  "Every record that was encrypted with the ones before is unreadable with these, although the Backend still has it.";

const giveUp = (entry: string, stack: string) =>
  `If they are gone for good, set cybexp:lost in Pulumi.${stack}.yaml to [${entry}]: that accepts the new keys, once.`;

const restore = (files: readonly string[], where: string, stack: string) =>
  `Copy ${files.join(", ")} of a backup into ${where}, and restart the KMS (docs/accounts.md, "The KMS's keys" has the commands for the stack ${stack}).`;

/** @param what What became of the files. No sentence if there are none. */
function lossSentence(
  files: readonly string[],
  what: string,
  entry: string,
  { where, stack }: KeyQuestion,
): string[] {
  return files.length === 0
    ? []
    : [`${what} ${LOSS} ${restore(files, where, stack)} ${giveUp(entry, stack)}`];
}

function poisonedSentence(file: string, what: string, { where, stack }: KeyQuestion): string {
  return (
    `${file} in ${where} is no key: ${what}. The KMS hands it to every module as it is. ` +
    restore([file], where, stack)
  );
}

/** What a key file has in it that is no key, such as an error page; undefined if it looks like a key. */
export function poisonIn(
  file: string,
  content: Buffer,
  files: readonly string[],
): string | undefined {
  if (content.length === 0) {
    return "it is empty";
  }
  const text = isText(content) ? content.toString("utf8").trim() : undefined;
  const page = text === undefined ? undefined : pageIn(text);
  if (file === files[0]) {
    return page ?? (isPem(text ?? "") ? undefined : "it has no public key in PEM");
  }
  if (file === files[1]) {
    // Base64 is what it should be.
    const isKey = text === undefined || /^[A-Za-z0-9+/=]{32,}$/.test(text);
    return page ?? (isKey ? undefined : "it has text in it");
  }
  return page ?? (text === undefined ? undefined : "it has text in it");
}

function pageIn(text: string): string | undefined {
  return text.startsWith("<")
    ? "it has a page of HTML in it"
    : /^[{[]/.test(text)
      ? "it has JSON in it"
      : undefined;
}

function isText(content: Buffer): boolean {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(content);
    return !/[\0-\x08\x0e-\x1f\x7f]/.test(text);
  } catch {
    return false;
  }
}

function isPem(text: string): boolean {
  try {
    createPublicKey(text);
    return /^-----BEGIN (RSA )?PUBLIC KEY-----/.test(text);
  } catch {
    return false;
  }
}
