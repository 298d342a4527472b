/**
 * `npm run adopt`: brings what CYBEX-P has where its own compose files run it into a deployed stack. It is loaded
 * beside what the stack has, read back and compared, and only then put in its place, as a restore does.
 */
import { MongoClient, MongoError } from "mongodb";
import { SERVICES, type ServiceRole, SPOKEN } from "../../names/docker.ts";
import { INTERRUPTED, Interrupted, stoppable } from "../../machine/signals.ts";
import { step } from "../../machine/progress.ts";
import { collectionsOf, piecesOf, shapeOf } from "../../programs/database/collections.ts";
import { withoutSecrets } from "../../programs/docker/oneLine.ts";
import { UserError } from "../../programs/errors.ts";
import { here } from "../../programs/npmRun.ts";
import { kmsKeyFiles } from "../../render/kmsConfig.ts";
import { DATA } from "../../settings/services.ts";
import { Counter, type Part } from "../../stack/backup/contents.ts";
import { isHalfRestored } from "../../stack/backup/journal.ts";
import { load, ownAccounts, recordsIn, whileStopped } from "../../stack/backup/load.ts";
import { describe, FORMAT, type Manifest } from "../../stack/backup/manifest.ts";
import { dataRefusal, keyRefusal } from "../../stack/backup/refusals.ts";
import { remind } from "../../stack/backup/remind.ts";
import { databaseNames, sourceOf } from "../../stack/backup/source.ts";
import { stackName } from "../../stack/configFile.ts";
import { openSession } from "../../stack/openSession.ts";
import { settingsToDeploy } from "../../stack/productionGuard.ts";
import { refuse } from "../restore/openBackup.ts";
import { keysIn } from "./keys.ts";
import { readUri } from "./uri.ts";

export interface AdoptOptions {
  /** The folder that the old KMS has at /secrets. */
  readonly kmsSecrets: string;
  /** The databases' connection strings, or the paths of files that have them. */
  readonly kmsDb: string;
  readonly backendDb: string;
  /** @default false */
  readonly replace?: boolean;
}

interface Old {
  readonly keys: string;
  readonly uris: Readonly<Record<ServiceRole, string>>;
  readonly names: Readonly<Record<ServiceRole, string>>;
}

export async function adopt(options: AdoptOptions): Promise<void> {
  const found = settingsToDeploy(stackName());
  const uris = { kms: readUri(options.kmsDb), backend: readUri(options.backendDb) };
  const session = await openSession({ images: false, changes: "npm run adopt" });
  const settings = await found.read(session);
  const source = await sourceOf(session);
  const { stack } = session;
  const old: Old = {
    keys: options.kmsSecrets,
    uris,
    names: {
      kms: DATA.kms(settings.kms.config).database,
      backend: DATA.backend(settings.backend.config).database,
    },
  };
  if (isHalfRestored(stack)) {
    throw new UserError(`a restore was interrupted: \`${here("restore -- --undo")}\` first`);
  }
  const counter = new Counter();
  await step("Counting what there is", async () => {
    for await (const part of partsOf(old)) {
      counter.add(part);
    }
  });
  const contents = counter.contents(databaseNames(source));
  const empty = SERVICES.filter(
    (service) => Object.keys(contents.databases[service]?.collections ?? {}).length === 0,
  );
  if (empty.length > 0) {
    throw new UserError(
      `the ${SPOKEN[empty[0] ?? "kms"]}'s database has no collection in ${old.names[empty[0] ?? "kms"]}: check the connection string, or set db_name in cybexp:${empty[0]}.config as the old one has it`,
    );
  }
  const manifest: Manifest = {
    ...contents,
    ...{ format: FORMAT, stack, deployment: source.deployment, created: new Date().toISOString() },
    ...{ keyless: [], engine: "", images: {}, texts: {} },
    versions: { program: "", pulumi: "", docker: "" },
  };
  refuse(keyRefusal(manifest, kmsKeyFiles(settings.kms.config))?.replace("the backup", old.keys));
  refuse(
    dataRefusal(stack, await recordsIn(source, ownAccounts(settings)), options.replace ?? false),
  );
  try {
    const adopted = await step(`Bringing it into ${stack}, whose services stop meanwhile`, () =>
      stoppable(
        () => void process.stderr.write("- Stopping, and putting the old data back\n"),
        (signal) => whileStopped(source, () => load(source, manifest, partsOf(old), signal)),
      ),
    );
    await remind(session);
    process.stdout.write(
      [
        "",
        `${stack} has what there was. Read back and compared:`,
        "",
        ...describe(adopted).map((line) => `  ${line}`),
        "",
        `\`${here("up")}\` remembers these keys, and makes the accounts that the config asks for.`,
        `The old services were not changed. Tokens of theirs are refused: \`${here("module -- NAME")}\` gives each user a new one.`,
        "",
      ].join("\n"),
    );
  } catch (error) {
    if (!(error instanceof Interrupted)) {
      throw error;
    }
    process.stderr.write(`interrupted: ${stack} has what it had before\n`);
    process.exitCode = INTERRUPTED;
  }
}

/** Records, then accounts, then keys, as a backup has them. */
async function* partsOf({ keys, uris, names }: Old): AsyncGenerator<Part> {
  for (const service of ["backend", "kms"] as const) {
    const client = new MongoClient(uris[service], { serverSelectionTimeoutMS: 5000 });
    try {
      const db = client.db(names[service]);
      for (const name of await collectionsOf(db)) {
        yield { is: "collection", service, name, shape: await shapeOf(db, name) };
        let number = 0;
        for await (const piece of piecesOf(db, name)) {
          yield { is: "records", service, name, number: ++number, piece };
        }
      }
    } catch (error) {
      throw error instanceof MongoError
        ? new UserError(`the ${SPOKEN[service]}'s old database: ${withoutSecrets(error.message)}`)
        : error;
    } finally {
      await client.close();
    }
  }
  for (const file of keysIn(keys)) {
    yield { is: "key", file };
  }
}
