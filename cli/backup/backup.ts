import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { here } from "../../programs/npmRun.ts";
import { UserError } from "../../programs/errors.ts";
import { projectRoot } from "../../machine/paths.ts";
import { step } from "../../machine/progress.ts";
import type { Lock } from "../../stack/backup/age.ts";
import { backupsIn, expired, folderFor } from "../../stack/backup/files.ts";
import { requireNoHalfRestore } from "../../stack/backup/journal.ts";
import { describe } from "../../stack/backup/manifest.ts";
import { copyOffsite, type Offsite, requireRemote } from "../../stack/backup/offsite.ts";
import { sourceOf } from "../../stack/backup/source.ts";
import { writeBackup, type WrittenBackup } from "../../stack/backup/write.ts";
import { stackName } from "../../stack/configFile.ts";
import { openSession } from "../../stack/openSession.ts";
import type { Session } from "../../stack/session.ts";
import { passphraseOf, settingsOf } from "../../stack/settings.ts";
import type { Settings } from "../../settings/types.ts";

/** `npm run backup`: writes records, accounts, keys and state into one encrypted file. */
export async function backup(): Promise<void> {
  const found = settingsOf(stackName());
  const session = await openSession({ images: false, asFound: true, changes: "npm run backup" });
  requireNoHalfRestore(session.stack);
  const source = await sourceOf(session);
  const settings = await found.read(session);
  const lock = await lockOf(session, settings);
  const folder = folderFor(settings);
  const created = new Date();
  const { to, keep } = settings.backup;
  const offsite = to === undefined ? undefined : { remote: to, stack: session.stack, keep };
  if (offsite !== undefined) {
    await requireRemote(offsite);
  }
  const written = await step(`Backing up ${session.stack}`, () =>
    writeBackup({ source, settings, lock, folder, created, program: version() }),
  );
  process.stdout.write(summary(session.stack, written));
  if (offsite !== undefined) {
    await copy(written.file, offsite, created);
  }
  // Not before the new one is wherever it should be.
  const old = expired(backupsIn(folder, session.stack), keep, created);
  old.forEach(({ name }) => rmSync(join(folder, name)));
  process.stdout.write(removed(old.length));
}

async function copy(file: string, offsite: Offsite, now: Date): Promise<void> {
  const { remote } = offsite;
  try {
    const old = await step(`Copying it to ${remote}`, () => copyOffsite(file, offsite, now));
    process.stdout.write(`\nIt is at ${remote}, too.\n${removed(old.length, ` from ${remote}`)}`);
  } catch (error) {
    throw error instanceof UserError
      ? new UserError(`${file} is complete, but it is not at ${remote}: ${error.message}`)
      : error;
  }
}

async function lockOf(session: Session, { backup }: Settings): Promise<Lock> {
  if (backup.recipients.length > 0) {
    return { recipients: backup.recipients };
  }
  const passphrase = await passphraseOf(session);
  if (passphrase === undefined) {
    throw new UserError(
      `nobody could read a backup of ${session.stack}: set cybexp:backup.recipients in Pulumi.${session.stack}.yaml to the public keys of those who restore, ` +
        `or a passphrase with \`${here("pulumi -- config set --secret --path backup.passphrase")}\` (docs/backup.md)`,
    );
  }
  return { passphrase };
}

function version(): string {
  const text = readFileSync(join(projectRoot, "package.json"), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

export function summary(stack: string, { file, bytes, manifest, opened }: WrittenBackup): string {
  const check = opened
    ? "It was opened again, and has what its manifest says:"
    : "It reads as it was written. Only its recipients can open it. It has:";
  return [
    `${file} is a backup of ${stack} (${(bytes / 2 ** 20).toFixed(1)} MiB). ${check}`,
    "",
    ...describe(manifest).map((line) => `  ${line}`),
    ...keylessNote(manifest.keyless),
    "",
  ].join("\n");
}

function keylessNote(users: readonly string[]): string[] {
  return users.length === 0
    ? []
    : ["", `The KMS has no key for ${users.join(", ")}: nothing is encrypted for them.`];
}

const removed = (count: number, where = ""): string =>
  count === 0
    ? ""
    : `\n${count} older ${count === 1 ? "backup was" : "backups were"} removed${where}, as cybexp:backup.keep says.\n`;
