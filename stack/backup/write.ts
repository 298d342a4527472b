/** Writes a backup: encrypted from the first byte, checked, and only then under its name. */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, mkdirSync, rmSync, statSync } from "node:fs";
import { open, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { UserError } from "../../programs/errors.ts";
import { decrypted, encrypted, type Lock } from "./age.ts";
import { END, entriesOf, entryBytes } from "./archive.ts";
import { checked, entryOf, type Part, partOf as partIn } from "./contents.ts";
import { backupName, partOf, partsIn } from "./files.ts";
import type { Manifest } from "./manifest.ts";
import { produce, type Production } from "./produce.ts";
import type { Source } from "./source.ts";

export interface BackupRequest {
  readonly source: Source;
  readonly settings: Production["settings"];
  readonly lock: Lock;
  readonly folder: string;
  readonly created: Date;
  readonly program: string;
}

export interface WrittenBackup {
  readonly file: string;
  readonly bytes: number;
  readonly manifest: Manifest;
  /** Whether it was opened again, for which the key must be here. */
  readonly opened: boolean;
}

export async function writeBackup(request: BackupRequest): Promise<WrittenBackup> {
  const { folder, source, created, lock } = request;
  const { stack } = source.session;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // Left by runs that were killed. No other run is at work: there is a lock.
  partsIn(folder, stack).forEach((name) => rmSync(join(folder, name)));
  const name = backupName(stack, created);
  const part = join(folder, partOf(name));
  const file = join(folder, name);
  const removePart = () => rmSync(part, { force: true });
  // A signal ends this process without coming back here.
  process.once("exit", removePart);
  try {
    const { manifest, digest } = await write(part, request);
    await requireSame(part, digest);
    const opened = "passphrase" in lock;
    if (opened) {
      await checked(partsOf(decrypted(createReadStream(part), lock, name)), name);
    }
    const { size } = await stat(part);
    await rename(part, file);
    await sync(folder);
    return { file, bytes: size, manifest, opened };
  } catch (error) {
    throw isFull(error) ? new UserError(fullSentence(folder, part)) : error;
  } finally {
    // Nothing, once it has its own name.
    removePart();
    process.off("exit", removePart);
  }
}

const isFull = (error: unknown): boolean =>
  ["ENOSPC", "EDQUOT"].includes((error as NodeJS.ErrnoException).code ?? "");

function fullSentence(folder: string, part: string): string {
  const { size = 0 } = statSync(part, { throwIfNoEntry: false }) ?? {};
  return (
    `the disk of ${folder} is full after ${(size / 2 ** 20).toFixed(1)} MiB of the backup, so it was removed again: ` +
    "make room, or set cybexp:backup.folder to a folder of a larger disk"
  );
}

/** @returns the digest of what was written, and the manifest that is in it */
async function write(
  part: string,
  { source, settings, lock, created, program }: BackupRequest,
): Promise<{ readonly manifest: Manifest; readonly digest: string }> {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const archive = writable.getWriter();
  const hash = createHash("sha256");
  const hashing = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(undefined, chunk);
    },
  });
  const content = Readable.fromWeb((await encrypted(readable, lock)) as never, {
    objectMode: false,
  });
  // Also on the disk when it ends.
  const target = createWriteStream(part, { flags: "wx", mode: 0o600, flush: true });
  const written = pipeline(content, hashing, target);
  const produced = produce({
    source,
    settings,
    created,
    program,
    put: async (each: Part) => archive.write(await entryBytes(entryOf(each))),
  }).then(
    async (manifest) => {
      await archive.write(END);
      await archive.close();
      return manifest;
    },
    async (error: unknown) => {
      await archive.abort(error).catch(() => undefined);
      throw error;
    },
  );
  const [end, made] = await Promise.allSettled([written, produced]);
  // Each ends with the other. A full disk is the cause, and a stream that was closed the consequence.
  if (end.status === "rejected" && isOfSystem(end.reason)) {
    throw end.reason;
  }
  if (made.status === "rejected") {
    throw made.reason;
  }
  if (end.status === "rejected") {
    throw end.reason;
  }
  return { manifest: made.value, digest: hash.digest("hex") };
}

const isOfSystem = (error: unknown) => (error as NodeJS.ErrnoException).syscall !== undefined;

async function requireSame(part: string, digest: string): Promise<void> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(part), hash);
  if (hash.digest("hex") !== digest) {
    throw new UserError(`${part} does not read as it was written: check the disk`);
  }
}

/** A rename is on the disk when its folder is. */
async function sync(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The parts of an archive that is no longer encrypted. */
export async function* partsOf(archive: AsyncIterable<Uint8Array>): AsyncGenerator<Part> {
  for await (const entry of entriesOf(archive)) {
    yield partIn(entry);
  }
}
