/**
 * Puts a backup's records, accounts and keys into a deployed stack. They are loaded beside those in use, read
 * back and compared, and only then put in their place. Until that is done, everything can be undone.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { dockerName, SERVICES, type ServiceRole } from "../../names/docker.ts";
import {
  addPiece,
  BEFORE,
  collectionsOf,
  createShaped,
  dropAll,
  LOADED,
  piecesOf,
  swapBack,
  swapIn,
  Tally,
} from "../../programs/database/collections.ts";
import { type Docker, DockerError } from "../../programs/docker/docker.ts";
import { UserError } from "../../programs/errors.ts";
import { allInVolume } from "../../programs/volumes/filesIn.ts";
import {
  cleanFiles,
  endTasks,
  type KeyVolume,
  LOADED_FILES,
  loadFiles,
  swapFilesBack,
  swapFilesIn,
} from "../../programs/volumes/swapKeys.ts";
import { wantedAccounts } from "../../render/kmsAccounts.ts";
import { kmsCollections, usersCollection } from "../../render/kmsConfig.ts";
import { isMarkFile } from "../../settings/keptParts.ts";
import type { Settings } from "../../settings/types.ts";
import { END, entryBytes } from "./archive.ts";
import { type Part, sha256 } from "./contents.ts";
import { type Journal, readJournal, removeJournal, writeJournal } from "./journal.ts";
import { type Contents, differences, type Manifest } from "./manifest.ts";
import { databaseNames, keyVolume, naming, roomNote, type Source, withDatabase } from "./source.ts";

/** Accounts that the next `up` makes again if they are lost. */
export interface OwnAccounts {
  readonly collection: string;
  /** All collections that the KMS has. */
  readonly collections: readonly string[];
  readonly names: readonly string[];
}

export function ownAccounts({ kms, users }: Settings): OwnAccounts {
  const { administrator, users: others } = wantedAccounts(kms.administrator.name, users);
  const collection = usersCollection(kms.config);
  const collections = kmsCollections(kms.config);
  return { collection, collections, names: [administrator, ...Object.keys(others)] };
}

/**
 * How many records a stack has, by service and collection. Empty collections are left out, and the KMS's if it has
 * only the stack's own accounts. In a database outside of the stack, there may be others.
 */
export async function recordsIn(source: Source, own: OwnAccounts): Promise<string[]> {
  const found: string[] = [];
  for (const service of SERVICES) {
    await withDatabase(source, service, async (db) => {
      const others = { username: { $nin: [...own.names] } };
      const isOwn =
        service === "kms" && (await db.collection(own.collection).countDocuments(others)) === 0;
      for (const name of await collectionsOf(db)) {
        if (isOwn && own.collections.includes(name)) {
          continue;
        }
        const count = await db.collection(name).countDocuments();
        if (count > 0) {
          found.push(`${service}/${name}: ${count}`);
        }
      }
    });
  }
  return found;
}

/**
 * Stops the services for as long as the work takes. They start again however it ends, unless records and keys may
 * not fit together: that is never served.
 */
export async function whileStopped<T>(source: Source, work: () => Promise<T>): Promise<T> {
  const { docker, stack } = source.session;
  const names = ["backend", "kms"].map((role) => dockerName(stack, role));
  try {
    // Each may take its whole grace.
    await docker.run(["container", "stop", ...names], { timeoutSeconds: 600 });
    return await work();
  } finally {
    if ((await readJournal(keyVolume(source))) === undefined) {
      await docker.run(["container", "start", ...names]);
      await Promise.all(names.map((name) => untilHealthy(docker, name)));
    }
  }
}

const HEALTHY_MS = 120_000;

async function untilHealthy(docker: Docker, name: string): Promise<void> {
  interface Info {
    readonly State: { readonly Health?: { readonly Status: string } };
  }
  for (const end = Date.now() + HEALTHY_MS; Date.now() < end; await sleep(500)) {
    const info = await docker.inspect<Info>("container", name);
    if (info?.State.Health?.Status === "healthy") {
      return;
    }
  }
  throw new UserError(`${name} did not become healthy again: see \`docker logs ${name}\``);
}

/** Removes what an interrupted restore left, and puts back the old data if it was being replaced. */
export async function undo(source: Source): Promise<void> {
  const volume = keyVolume(source);
  await endTasks(volume);
  const journal = await readJournal(volume);
  if (journal !== undefined) {
    await putBack(source, journal);
  }
  await clean(source);
}

async function putBack(source: Source, journal: Journal): Promise<void> {
  const volume = keyVolume(source);
  for (const service of SERVICES) {
    await withDatabase(source, service, (db) => swapBack(db, journal[service]));
  }
  await swapFilesBack(volume);
  await removeJournal(source.session.stack, volume);
}

async function clean(source: Source): Promise<void> {
  for (const service of SERVICES) {
    await withDatabase(source, service, async (db) => {
      await dropAll(db, LOADED);
      await dropAll(db, BEFORE);
    });
  }
  await cleanFiles(keyVolume(source));
}

/**
 * Loads a backup. The services must be stopped.
 *
 * @param parts Those of the backup, which was checked.
 * @param signal Gives it up. Then everything is as it was before.
 * @returns what the stack has now, counted anew
 */
export async function load(
  source: Source,
  manifest: Manifest,
  parts: AsyncGenerator<Part>,
  signal: AbortSignal,
): Promise<Contents> {
  const { stack } = source.session;
  await undo(source);
  const volume = keyVolume(source);
  let proven: Contents | undefined;
  try {
    await loadParts(source, volume, manifest, untilAborted(parts, signal));
    const loaded = await contentsOf(source, LOADED, LOADED_FILES, signal);
    requireSame(manifest, loaded, "nothing was replaced");

    await writeJournal(stack, volume, await originals(source));
    await swapFilesIn(volume);
    for (const service of SERVICES) {
      signal.throwIfAborted();
      await withDatabase(source, service, swapIn);
    }
    const found = await contentsOf(source, "", ".", signal);
    requireSame(manifest, found, "the old data was put back");
    signal.throwIfAborted();
    proven = found;
    // From here on the new data is the stack's.
    await removeJournal(stack, volume);
    await clean(source);
    return found;
  } catch (error) {
    if (proven !== undefined && (await readJournal(volume)) === undefined) {
      // Ctrl-C came too late: it only ended a program that was tidying up.
      await removeJournal(stack, volume);
      await clean(source);
      return proven;
    }
    // If that fails, too, the journal stays, and the next command says what to do.
    await undo(source).catch(() => undefined);
    throw error;
  }
}

async function* untilAborted(
  parts: AsyncGenerator<Part>,
  signal: AbortSignal,
): AsyncGenerator<Part, undefined> {
  for await (const part of parts) {
    signal.throwIfAborted();
    yield part;
  }
  return undefined;
}

async function originals(source: Source): Promise<Journal> {
  const of = (service: ServiceRole) => withDatabase(source, service, collectionsOf);
  return { kms: await of("kms"), backend: await of("backend") };
}

async function loadParts(
  source: Source,
  volume: KeyVolume,
  manifest: Manifest,
  parts: AsyncGenerator<Part>,
): Promise<void> {
  await withDatabase(source, "kms", (kms) =>
    withDatabase(source, "backend", async (backend) => {
      const databases = { kms, backend };
      for (;;) {
        const next: IteratorResult<Part, undefined> = await parts.next();
        const part = next.value;
        if (part === undefined || part.is === "manifest") {
          break;
        }
        // Otherwise the inner database would be blamed for the outer one.
        if (part.is === "collection") {
          const { service, name, shape } = part;
          await naming(source.databases[service], () =>
            createShaped(databases[service], LOADED + name, shape),
          );
        } else if (part.is === "records") {
          const { service, name, piece } = part;
          await naming(source.databases[service], () =>
            addPiece(databases[service], LOADED + name, piece),
          );
        } else if (part.is === "key") {
          // All keys come together, and after everything else.
          await loadFiles(volume, keyArchive(part, parts, manifest)).catch((error: unknown) => {
            const note = error instanceof DockerError ? roomNote(error.message) : "";
            throw note === "" ? error : new UserError(`the volume ${volume.volume}${note}`);
          });
          break;
        }
      }
    }),
  );
}

/** The keys as an archive; of a file that changed while it was backed up, only the last version. */
async function* keyArchive(
  first: Part,
  rest: AsyncGenerator<Part>,
  { keys }: Manifest,
): AsyncGenerator<Uint8Array> {
  for (let part: Part | undefined = first; part?.is === "key";) {
    if (keys[part.file.path] === sha256(part.file.content)) {
      yield entryBytes(part.file);
    }
    const next: IteratorResult<Part, undefined> = await rest.next();
    part = next.done ? undefined : next.value;
  }
  yield END;
}

/** Reads everything back. @param prefix The prefix of the collections' names. */
async function contentsOf(
  source: Source,
  prefix: typeof LOADED | "",
  folder: string,
  signal: AbortSignal,
): Promise<Contents> {
  const names = databaseNames(source);
  const databases: Record<string, Contents["databases"][string]> = {};
  for (const service of SERVICES) {
    const collections: Record<string, ReturnType<Tally["read"]>> = {};
    await withDatabase(source, service, async (db) => {
      for (const name of await collectionsOf(db, prefix)) {
        const tally = new Tally();
        for await (const piece of piecesOf(db, name)) {
          signal.throwIfAborted();
          tally.add(piece);
        }
        collections[name.slice(prefix.length)] = tally.read();
      }
    });
    databases[service] = { name: names[service], collections };
  }
  const volume = keyVolume(source);
  const keys = (await allInVolume(volume.docker, volume, folder))
    .filter(({ path, type }) => type === undefined && !isMarkFile(path))
    .map(({ path, content }) => [path, sha256(content)] as const);
  return { databases, keys: Object.fromEntries(keys), volumes: {} };
}

function requireSame(manifest: Manifest, found: Contents, outcome: string): void {
  // Further volumes are not replaced in a stack that has its own.
  const wrong = differences({ ...manifest, volumes: {} }, found);
  if (wrong.length > 0) {
    throw new UserError(
      `what was restored is not what the backup has, so ${outcome}: ${wrong.join("; ")}`,
    );
  }
}
