import { here } from "../../programs/npmRun.ts";
import { UserError } from "../../programs/errors.ts";
import { step } from "../../machine/progress.ts";
import { INTERRUPTED, Interrupted, stoppable } from "../../machine/signals.ts";
import { kmsKeyFiles } from "../../render/kmsConfig.ts";
import { isHalfRestored, newOne, readJournal } from "../../stack/backup/journal.ts";
import { load, ownAccounts, recordsIn, undo, whileStopped } from "../../stack/backup/load.ts";
import { dataRefusal, keyRefusal, strangerRefusal } from "../../stack/backup/refusals.ts";
import { remind } from "../../stack/backup/remind.ts";
import { keyVolume, sourceOf } from "../../stack/backup/source.ts";
import { stackName } from "../../stack/configFile.ts";
import { openSession } from "../../stack/openSession.ts";
import { settingsToDeploy } from "../../stack/productionGuard.ts";
import type { StackSettings } from "../../stack/settings.ts";
import type { Session } from "../../stack/session.ts";
import { noState, readState, stackExists } from "../../stack/state.ts";
import {
  checkedBackup,
  openBackup,
  refuse,
  requireFile,
  type RestoreOptions,
} from "./openBackup.ts";
import { proof } from "./proof.ts";
import { restoreNew } from "./restoreNew.ts";

/** `npm run restore -- FILE`: puts a backup into a stack, and proves that it is there. */
export async function restore(file: string | undefined, options: RestoreOptions): Promise<void> {
  const found = settingsToDeploy(stackName());
  const path = file === undefined ? undefined : requireFile(file);
  if ((path === undefined) !== (options.undo ?? false)) {
    throw new UserError(
      `name the backup: \`${here("restore -- FILE")}\` (or --undo alone, after a restore that was interrupted)`,
    );
  }
  const session = await openSession({ images: false, changes: "npm run restore" });
  const state = (await stackExists(session)) ? await readState(session) : noState();
  const begun = newOne(session.stack);
  const isNew = state.deployment === undefined || state.deployment === begun;
  try {
    if (path === undefined) {
      await undoOnly(session, begun);
    } else if (isNew) {
      await restoreNew(session, found, path, options);
    } else {
      await restoreInto(session, found, path, options);
    }
  } catch (error) {
    if (!(error instanceof Interrupted)) {
      throw error;
    }
    process.stderr.write(`interrupted: ${outcomeOf(session.stack)}\n`);
    process.exitCode = INTERRUPTED;
  }
}

/** What an interruption has left. */
function outcomeOf(stack: string): string {
  if (newOne(stack) !== undefined) {
    return `\`${here("restore -- FILE")}\` with the same backup continues from here`;
  }
  return isHalfRestored(stack)
    ? `\`${here("restore -- --undo")}\` puts the old data back`
    : `${stack} has the data from before, and serves it`;
}

/** Into a stack that is deployed. It keeps its own passwords, certificates and tokens. */
async function restoreInto(
  session: Session,
  found: StackSettings,
  path: string,
  options: RestoreOptions,
): Promise<void> {
  const source = await sourceOf(session);
  const backup = await openBackup(session, path, options);
  const target = { stack: session.stack, deployment: source.deployment };
  const { manifest } = await checkedBackup(backup, (about) =>
    strangerRefusal(about, target, options.fromStack),
  );
  const settings = await found.read(session);
  const half = (await readJournal(keyVolume(source))) !== undefined;
  const records = half ? [] : await recordsIn(source, ownAccounts(settings));
  refuse(keyRefusal(manifest, kmsKeyFiles(settings.kms.config)));
  refuse(dataRefusal(session.stack, records, options.replace ?? false));
  const restored = await step(`Restoring ${session.stack}, whose services stop meanwhile`, () =>
    stoppable(saying, (signal) =>
      whileStopped(source, () => load(source, manifest, backup.parts(), signal)),
    ),
  );
  await remind(session);
  process.stdout.write(proof(session.stack, source.deployment, manifest, restored));
  process.stdout.write(
    `\`${here("up")}\` remembers these keys, and makes the accounts that the config asks for.\n`,
  );
}

const saying = (): void => void process.stderr.write("- Stopping, and putting the old data back\n");

async function undoOnly(session: Session, begun: string | undefined): Promise<void> {
  const { stack } = session;
  if (begun !== undefined) {
    throw new UserError(
      `${stack} was empty before the restore that was interrupted, so there is no old data: ` +
        `\`${here("restore -- FILE")}\` with the same backup continues it, and \`${here("down")}\` removes what it has made`,
    );
  }
  const source = await sourceOf(session);
  if ((await readJournal(keyVolume(source))) === undefined) {
    throw new UserError(`no restore of ${stack} was interrupted: there is nothing to undo`);
  }
  await step("Putting the old data back", () => whileStopped(source, () => undo(source)));
  process.stdout.write(`${stack} has the data from before the restore.\n`);
}
