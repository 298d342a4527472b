import { createReadStream, readFileSync, statSync } from "node:fs";
import { basename, resolve } from "node:path";
import { here } from "../../programs/npmRun.ts";
import { UserError } from "../../programs/errors.ts";
import { step } from "../../machine/progress.ts";
import { kmsKeyFiles } from "../../render/kmsConfig.ts";
import { decrypted, type Key } from "../../stack/backup/age.ts";
import { checked, type Part } from "../../stack/backup/contents.ts";
import { readJournal } from "../../stack/backup/journal.ts";
import { load, recordsIn, undo, whileStopped } from "../../stack/backup/load.ts";
import { type Contents, describe, type Manifest } from "../../stack/backup/manifest.ts";
import { dataRefusal, keyRefusal, strangerRefusal } from "../../stack/backup/refusals.ts";
import { type Source, sourceOf } from "../../stack/backup/source.ts";
import { partsOf } from "../../stack/backup/write.ts";
import { stackName } from "../../stack/configFile.ts";
import { openSession } from "../../stack/openSession.ts";
import { passphraseOf, settingsOf } from "../../stack/settings.ts";
import type { Session } from "../../stack/session.ts";

export interface RestoreOptions {
  /** @default false */
  readonly replace?: boolean;
  readonly fromStack?: string;
  readonly identity?: string;
  readonly passphraseFile?: string;
  /** @default false */
  readonly undo?: boolean;
}

/** `npm run restore -- FILE`: puts a backup into a deployed stack, and proves that it is there. */
export async function restore(file: string | undefined, options: RestoreOptions): Promise<void> {
  const found = settingsOf(stackName());
  const path = file === undefined ? undefined : requireFile(file);
  if ((path === undefined) !== (options.undo ?? false)) {
    throw new UserError(
      `name the backup: \`${here("restore -- FILE")}\` (or --undo alone, after a restore that was interrupted)`,
    );
  }
  const session = await openSession({ images: false, asFound: true, changes: "npm run restore" });
  const source = await sourceOf(session);
  if (path === undefined) {
    await undoOnly(source);
    return;
  }
  const key = await keyOf(session, options);
  const parts = () => partsOf(decrypted(createReadStream(path), key, basename(path)));
  const target = { stack: session.stack, deployment: source.deployment };
  const manifest = await step(`Checking ${basename(path)}`, () =>
    checked(
      refusing(parts(), (about) => strangerRefusal(about, target, options.fromStack)),
      basename(path),
    ),
  );
  const { kms } = await found.read(session);
  const records = readJournal(session.stack) === undefined ? await recordsIn(source) : [];
  refuse(keyRefusal(manifest, kmsKeyFiles(kms.config)));
  refuse(dataRefusal(session.stack, records, options.replace ?? false));
  const restored = await step(`Restoring ${session.stack}, whose services stop meanwhile`, () =>
    whileStopped(source, () => load(source, manifest, parts())),
  );
  process.stdout.write(proof(source, manifest, restored));
}

/** Refuses another stack's backup as soon as its first part is read. */
async function* refusing(
  parts: AsyncIterable<Part>,
  refusal: (about: Extract<Part, { is: "about" }>["about"]) => string | undefined,
): AsyncGenerator<Part> {
  for await (const part of parts) {
    if (part.is === "about") {
      refuse(refusal(part.about));
    }
    yield part;
  }
}

function refuse(sentence: string | undefined): void {
  if (sentence !== undefined) {
    throw new UserError(sentence);
  }
}

async function undoOnly(source: Source): Promise<void> {
  const { stack } = source.session;
  if (readJournal(stack) === undefined) {
    throw new UserError(`no restore of ${stack} was interrupted: there is nothing to undo`);
  }
  await step("Putting the old data back", () => whileStopped(source, () => undo(source)));
  process.stdout.write(`${stack} has the data from before the restore.\n`);
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
      ? await passphraseOf(session)
      : readFileSync(requireFile(passphraseFile), "utf8").replace(/\r?\n$/, "");
  if (passphrase === undefined) {
    throw new UserError(
      "a backup is encrypted: add --identity FILE (the secret key of one of its recipients) or --passphrase-file FILE",
    );
  }
  return { passphrase };
}

/** Its absolute path. npm runs its scripts in the project's folder, wherever npm was called. */
function requireFile(file: string): string {
  const path = resolve(process.env["INIT_CWD"] ?? process.cwd(), file);
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) {
    throw new UserError(`there is no file ${file}`);
  }
  return path;
}

function proof({ session, deployment }: Source, manifest: Manifest, restored: Contents): string {
  const other = manifest.deployment !== deployment;
  return [
    "",
    `${session.stack} has what ${manifest.stack} had on ${manifest.created}. Read back and compared:`,
    "",
    ...describe(restored).map((line) => `  ${line}`),
    "",
    ...(other
      ? [
          "The stack keeps its own passwords, certificates and the key that signs tokens: tokens of the other deployment are refused.",
          "",
        ]
      : []),
  ].join("\n");
}
