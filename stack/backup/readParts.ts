/**
 * Reads the parts of a backup while the services serve. The order is what makes them fit together: first
 * the records, then the accounts, and the keys last. The KMS never removes or changes a key. So whatever key
 * a record or an account needs existed when that was read, and is among the keys that are copied after it.
 */
import { BSON } from "mongodb";
import { setTimeout as sleep } from "node:timers/promises";
import type { ServiceRole } from "../../names/docker.ts";
import { documentsIn } from "../../programs/database/collections.ts";
import { UserError } from "../../programs/errors.ts";
import type { FileInFolder, StoredFile } from "../../programs/volumes/filesIn.ts";
import { userKeyFile } from "../../render/kmsConfig.ts";
import { isMarkFile } from "../../settings/keptParts.ts";
import { digestOf, type Part, sha256 } from "./contents.ts";

/** Before each copy of the keys. */
const STILL_MS = 1000;
/** How often a key that is still missing is looked for, and how often keys that change are copied. */
const MOST_COPIES = 60;
/** A service that stores an account before its key may take so many copies to write the key. */
const COPIES_FOR_A_KEY = 30;

export type CollectionPart = Extract<Part, { is: "collection" | "records" }>;

/** What a backup reads. Each is read when it is called. */
export interface Readers {
  /** The stack's file, and what opens its secrets, if that is this clone's own. */
  config(): Promise<{ readonly text: string; readonly passphrase?: string | undefined }>;
  state(): Promise<string>;
  collections(service: ServiceRole, each: (part: CollectionPart) => Promise<void>): Promise<void>;
  /** The KMS's files, as they are now. */
  keys(): AsyncIterable<FileInFolder>;
  /** Further volumes that the stack has, by the last part of their names. */
  volumes(): readonly string[];
  /** All that such a volume has now. */
  filesOf(volume: string): Promise<readonly StoredFile[]>;
}

export interface Reading {
  readonly readers: Readers;
  /** The name of the collection with the KMS's users. */
  readonly users: string;
  readonly add: (part: Part) => Promise<void>;
  /** @default a second */
  readonly stillMs?: number;
}

/** Adds every part but the first and the last. @returns the users that have no key */
export async function readParts({
  readers,
  users,
  add,
  stillMs = STILL_MS,
}: Reading): Promise<{ readonly keyless: readonly string[] }> {
  const { text, passphrase } = await readers.config();
  await add({ is: "config", text });
  if (passphrase !== undefined) {
    await add({ is: "passphrase", text: passphrase });
  }
  await add({ is: "state", text: await readers.state() });
  await readers.collections("backend", add);
  const accounts = new Set<string>();
  await readers.collections("kms", async (part) => {
    if (part.is === "records" && part.name === users) {
      usersIn(part.piece).forEach((user) => accounts.add(user));
    }
    await add(part);
  });
  const keyless = await addKeys(readers, accounts, add, stillMs);
  for (const volume of readers.volumes()) {
    await addVolume(readers, volume, add, stillMs);
  }
  return { keyless };
}

/** Administrators have no key. */
function usersIn(piece: Buffer): string[] {
  return documentsIn(piece)
    .map((bytes) => BSON.deserialize(bytes) as { username?: unknown; admin?: unknown })
    .flatMap(({ username, admin }) =>
      typeof username === "string" && admin !== true ? [username] : [],
    );
}

/**
 * The first copy decides which files there are, since accounts that came later are not in the backup: only what
 * an account of the backup still lacks is waited for. Further copies make sure that each file was whole.
 */
async function addKeys(
  readers: Readers,
  accounts: ReadonlySet<string>,
  add: Reading["add"],
  stillMs: number,
): Promise<string[]> {
  const known = new Map<string, string>();
  const lacking = () => [...accounts].filter((user) => !known.has(userKeyFile(user)));
  for (let copies = 0, isStill = false; !isStill; copies++) {
    if (copies === MOST_COPIES) {
      throw new UserError("the KMS keeps changing its keys: run this again later");
    }
    await sleep(stillMs);
    const wanted = new Set(lacking().map(userKeyFile));
    isStill = copies > 0;
    for await (const file of readers.keys()) {
      const { path } = file;
      const isWanted = copies === 0 ? !isMarkFile(path) : known.has(path) || wanted.has(path);
      const digest = sha256(file.content);
      if (isWanted && known.get(path) !== digest) {
        isStill = false;
        known.set(path, digest);
        await add({ is: "key", file });
      }
    }
    isStill &&= lacking().length === 0 || copies >= COPIES_FOR_A_KEY;
  }
  return lacking();
}

/** A volume that somebody may be writing to: two copies that are the same are a whole one. */
async function addVolume(
  readers: Readers,
  volume: string,
  add: Reading["add"],
  stillMs: number,
): Promise<void> {
  const own = (files: readonly StoredFile[]) => files.filter(({ path }) => !isMarkFile(path));
  const shown = (files: readonly StoredFile[]) =>
    JSON.stringify(files.map((file) => [file.path, digestOf(file), file.mode]));
  let files = own(await readers.filesOf(volume));
  for (let copies = 1; ; copies++) {
    await sleep(stillMs);
    const again = own(await readers.filesOf(volume));
    if (shown(again) === shown(files)) {
      break;
    }
    if (copies === MOST_COPIES) {
      throw new UserError(`the files of ${volume} keep changing: run this again later`);
    }
    files = again;
  }
  for (const file of files) {
    await add({ is: "file", volume, file });
  }
}
