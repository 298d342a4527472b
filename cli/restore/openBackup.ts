/** Opens the file of a backup, and reads all of it before anything is touched. */
import { createReadStream, readFileSync, statSync } from "node:fs";
import { basename } from "node:path";
import { asWritten } from "../../machine/paths.ts";
import { UserError } from "../../programs/errors.ts";
import type { FileInFolder } from "../../programs/volumes/filesIn.ts";
import { step } from "../../machine/progress.ts";
import { decrypted, type Key } from "../../stack/backup/age.ts";
import { checked, type Part } from "../../stack/backup/contents.ts";
import type { About, Manifest } from "../../stack/backup/manifest.ts";
import { partsOf } from "../../stack/backup/write.ts";
import { passphraseOf } from "../../stack/settings.ts";
import type { Session } from "../../stack/session.ts";

export interface RestoreOptions {
  /** @default false */
  readonly replace?: boolean;
  readonly fromStack?: string;
  readonly identity?: string;
  readonly passphraseFile?: string;
  /** For an engine that still has the data. @default false */
  readonly stateOnly?: boolean;
  /** @default false */
  readonly undo?: boolean;
}

/** A backup that can be read again and again. */
export interface OpenBackup {
  readonly name: string;
  readonly parts: () => AsyncGenerator<Part>;
}

export async function openBackup(
  session: Session,
  path: string,
  options: RestoreOptions,
): Promise<OpenBackup> {
  const key = await keyOf(session, options);
  const name = basename(path);
  return { name, parts: () => partsOf(decrypted(createReadStream(path), key, name)) };
}

/** What a stack that is empty needs first. */
export interface Beginning {
  readonly state: string;
  readonly passphrase: string | undefined;
  readonly keys: ReadonlyMap<string, FileInFolder>;
}

/** Reads the whole backup, and keeps what is small. */
export async function checkedBackup(
  { name, parts }: OpenBackup,
  refusal: (about: About) => string | undefined,
): Promise<{ readonly manifest: Manifest; readonly beginning: Beginning }> {
  let state = "";
  let passphrase: string | undefined;
  const keys = new Map<string, FileInFolder>();
  async function* watched(): AsyncGenerator<Part> {
    for await (const part of parts()) {
      if (part.is === "about") {
        refuse(refusal(part.about));
      } else if (part.is === "state") {
        state = part.text;
      } else if (part.is === "passphrase") {
        passphrase = part.text;
      } else if (part.is === "key") {
        keys.set(part.file.path, part.file);
      }
      yield part;
    }
  }
  const manifest = await step(`Checking ${name}`, () => checked(watched(), name));
  return { manifest, beginning: { state, passphrase, keys } };
}

export function refuse(sentence: string | undefined): void {
  if (sentence !== undefined) {
    throw new UserError(sentence);
  }
}

async function keyOf(session: Session, { identity, passphraseFile }: RestoreOptions): Promise<Key> {
  if (identity !== undefined) {
    const identities = readFileSync(requireFile(identity), "utf8")
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line !== "" && !line.startsWith("#"));
    return { identities };
  }
  const passphrase =
    passphraseFile === undefined
      ? // A stack that is not there yet can't decrypt its config.
        await passphraseOf(session).catch(() => undefined)
      : readFileSync(requireFile(passphraseFile), "utf8").replace(/\r?\n$/, "");
  if (passphrase === undefined) {
    throw new UserError(
      "a backup is encrypted: add --identity FILE (the secret key of one of its recipients) or --passphrase-file FILE",
    );
  }
  return { passphrase };
}

/** Its absolute path. */
export function requireFile(file: string): string {
  const path = asWritten(file);
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) {
    throw new UserError(`there is no file ${file}`);
  }
  return path;
}
