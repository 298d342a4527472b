import { ACME_VOLUME, KMS_KEYS, SERVICES } from "../../names/docker.ts";
import { kmsKeyFiles } from "../../render/kmsConfig.ts";
import { placeOf } from "../../render/serviceUri.ts";
import { readDatabaseUri } from "../../settings/databaseUri.ts";
import { DATA } from "../../settings/services.ts";
import type { Settings } from "../../settings/types.ts";
import { step } from "../../machine/progress.ts";
import { Interrupted, stoppable } from "../../machine/signals.ts";
import { UserError } from "../../programs/errors.ts";
import { here } from "../../programs/npmRun.ts";
import type { StoredFile } from "../../programs/volumes/filesIn.ts";
import {
  databasesOnly,
  fillVolume,
  importState,
  takePassphrase,
  thingsOf,
  volumeOf,
} from "../../stack/backup/emptyStack.ts";
import { beginNew, endNew, newOne } from "../../stack/backup/journal.ts";
import { load, ownAccounts, recordsIn } from "../../stack/backup/load.ts";
import { externalIn, type Places } from "../../stack/backup/keptState.ts";
import type { About } from "../../stack/backup/manifest.ts";
import {
  dataRefusal,
  keyRefusal,
  newStackRefusal,
  placeRefusal,
} from "../../stack/backup/refusals.ts";
import { sourceOf } from "../../stack/backup/source.ts";
import { stackConfig } from "../../stack/configFile.ts";
import { imagesOf, makeImages } from "../../stack/openSession.ts";
import { preflight } from "../../stack/preflight.ts";
import type { Session } from "../../stack/session.ts";
import type { StackSettings } from "../../stack/settings.ts";
import { readState, stackExists } from "../../stack/state.ts";
import { deploy, ensureStack } from "../up/up.ts";
import {
  checkedBackup,
  openBackup,
  type OpenBackup,
  refuse,
  type RestoreOptions,
} from "./openBackup.ts";
import { proof } from "./proof.ts";

/**
 * Into a stack that has no state: a new machine, or another engine. The deployment comes back as it was, with its
 * tokens, passwords and authorities. No service runs before it has its records and keys: one that ran without them
 * would make new keys, and modules would take them.
 *
 * It can be killed at any line: called again, it continues.
 */
export async function restoreNew(
  session: Session,
  found: StackSettings,
  path: string,
  options: RestoreOptions,
): Promise<void> {
  const { stack } = session;
  const backup = await openBackup(session, path, options);
  const { manifest, beginning } = await checkedBackup(backup, (about) =>
    refusalFor(session, about, options),
  );
  const { deployment } = manifest;
  if (newOne(stack) !== deployment) {
    const things = await thingsOf(session, deployment);
    if (things.length > 0 && !options.stateOnly) {
      throw new UserError(
        `the engine has what belongs to ${stack} or to the deployment of the backup (${things.join(", ")}), and this stack has no state of it: ` +
          `if that is the data to go on with, \`${here("restore -- FILE --state-only")}\` puts back the state alone; otherwise remove it first`,
      );
    }
  }
  if (session.embedded) {
    takePassphrase(stack, beginning.passphrase);
  }
  if (!(await stackExists(session))) {
    await ensureStack(session);
  }
  const settings = await found.read(session);
  refuse(keyRefusal(manifest, kmsKeyFiles(settings.kms.config)));
  const places = placesIn(settings);
  if (options.stateOnly) {
    await step("Putting the state back", () => importState(session, beginning.state));
    process.stdout.write(
      `${stack} has the state of ${manifest.created}: \`${here("up")}\` continues with the data that is on the engine.\n`,
    );
    return;
  }
  refuse(placeRefusal(externalIn(beginning.state), places));
  await makeImages(session, imagesOf(stackConfig(stack)));
  await preflight(session, await readState(session), settings);

  beginNew(stack, deployment);
  const { image } = settings.proxy;
  await step("Putting the KMS's keys and the state back", async () => {
    const volume = volumeOf(session, { role: KMS_KEYS, deployment, image });
    await fillVolume(volume, { stack, role: KMS_KEYS }, beginning.keys.values());
    if ((await readState(session)).deployment === undefined) {
      await importState(session, beginning.state, places);
    }
  });
  process.stdout.write("- Making the databases ...\n");
  await makeDatabases(session);
  const source = await sourceOf(session, image);
  refuse(
    dataRefusal(stack, await recordsIn(source, ownAccounts(settings)), options.replace ?? false),
  );
  const restored = await step("Loading records and accounts", () =>
    stoppable(saying, (signal) => load(source, manifest, backup.parts(), signal)),
  );
  await fillFurther(session, backup, { deployment, image });
  endNew(stack);
  process.stdout.write(proof(stack, deployment, manifest, restored));
  await deploy(session, found);
}

function placesIn(settings: Settings): Places {
  const { uri: uris = {} } = settings.database;
  return Object.fromEntries(
    SERVICES.flatMap((service) => {
      const text = uris[service];
      const { database } = DATA[service](settings[service].config);
      return text === undefined ? [] : [[service, placeOf(readDatabaseUri(text), database)]];
    }),
  );
}

const saying = (): void => void process.stderr.write("- Stopping\n");

function refusalFor(
  { stack }: Session,
  about: About,
  { fromStack }: RestoreOptions,
): string | undefined {
  const begun = newOne(stack);
  return begun === undefined || begun === about.deployment
    ? newStackRefusal(about, stack, fromStack)
    : `a restore of the deployment ${begun} into ${stack} was interrupted, and this is a backup of ${about.deployment}: continue with the same backup, or run \`${here("down")}\` first`;
}

/** The policies wait for the `up` at the end: they would judge containers that this one leaves out. */
async function makeDatabases(session: Session): Promise<void> {
  const update = await session.update([
    ...["up", "--stack", session.stack, "--yes", "--skip-preview", "--suppress-outputs"],
    ...databasesOnly(),
  ]);
  if (update.interrupted) {
    throw new Interrupted("interrupted");
  }
  if (!update.ok) {
    throw new UserError(
      `${update.failures.join("\n       ")}\n` +
        `When the cause is gone, \`${here("restore -- FILE")}\` with the same backup continues from here.`,
    );
  }
}

/** Fills the further volumes that both the backup and the stack have. Their services do not run yet. */
async function fillFurther(
  session: Session,
  { parts }: OpenBackup,
  { deployment, image }: { readonly deployment: string; readonly image: string },
): Promise<void> {
  const files: StoredFile[] = [];
  for await (const part of parts()) {
    if (part.is === "file" && part.volume === ACME_VOLUME) {
      files.push(part.file);
    }
  }
  const volume = volumeOf(session, { role: ACME_VOLUME, deployment, image });
  const isThere = (await session.docker.inspect("volume", volume.volume)) !== undefined;
  if (files.length > 0 && isThere) {
    await fillVolume(volume, { stack: session.stack, role: ACME_VOLUME }, files);
  }
}
