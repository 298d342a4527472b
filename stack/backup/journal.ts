/**
 * Remembers a restore that is under way, so that the next command can undo or continue it.
 *
 * While new data takes the place of the old, that is remembered in the volume of the KMS's keys: it is where the
 * data is, so it survives this clone, and every clone's `up` sees it. This clone has a copy, which costs nothing to
 * look at.
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import type { ServiceRole } from "../../names/docker.ts";
import { halfRestored } from "../../render/keptVolumes.ts";
import { RESTORE_FILE } from "../../settings/keptParts.ts";
import { replaceFile } from "../../machine/files.ts";
import { localDir } from "../../machine/paths.ts";
import { UserError } from "../../programs/errors.ts";
import { npmRun } from "../../programs/npmRun.ts";
import {
  type KeyVolume,
  readOwnFile,
  removeOwnFile,
  writeOwnFile,
} from "../../programs/volumes/swapKeys.ts";

const journal = z.object({
  /** The collections that were in use, by service. */
  kms: z.array(z.string()),
  backend: z.array(z.string()),
});
export type Journal = Readonly<Record<ServiceRole, readonly string[]>>;

const fileOf = (stack: string, kind: "swap" | "new") =>
  join(localDir, "restores", kind === "swap" ? `${stack}.json` : `${stack}.new`);

export async function writeJournal(
  stack: string,
  volume: KeyVolume,
  content: Journal,
): Promise<void> {
  const text = JSON.stringify(content);
  await writeOwnFile(volume, RESTORE_FILE, text);
  write(fileOf(stack, "swap"), text);
}

/** Undefined if no restore was interrupted. */
export async function readJournal(volume: KeyVolume): Promise<Journal | undefined> {
  const text = await readOwnFile(volume, RESTORE_FILE);
  return text === "" ? undefined : journal.parse(JSON.parse(text));
}

export async function removeJournal(stack: string, volume: KeyVolume): Promise<void> {
  await removeOwnFile(volume, RESTORE_FILE);
  rmSync(fileOf(stack, "swap"), { force: true });
}

/** Remembers a restore into a stack that was empty, by the id that its state gets. */
export function beginNew(stack: string, deployment: string): void {
  write(fileOf(stack, "new"), deployment);
}

/** The id of the deployment that is being restored; undefined if there is none. */
export function newOne(stack: string): string | undefined {
  const file = fileOf(stack, "new");
  return existsSync(file) ? readFileSync(file, "utf8") : undefined;
}

export function endNew(stack: string): void {
  rmSync(fileOf(stack, "new"), { force: true });
}

/** Forgets both, after everything was removed. */
export function forget(stack: string): void {
  rmSync(fileOf(stack, "swap"), { force: true });
  endNew(stack);
}

function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  replaceFile(file, text);
}

/** Whether this clone remembers a restore that was interrupted. */
export const isHalfRestored = (stack: string): boolean =>
  existsSync(fileOf(stack, "swap")) || existsSync(fileOf(stack, "new"));

/** @throws UserError when a restore was interrupted, so that records and keys may not fit together */
export function requireNoHalfRestore(stack: string): void {
  if (existsSync(fileOf(stack, "swap"))) {
    throw new UserError(
      `${halfRestored(stack)}: \`${npmRun("restore -- --undo", stack)}\` puts the old data back`,
    );
  }
  if (existsSync(fileOf(stack, "new"))) {
    throw new UserError(
      `a restore into the empty stack ${stack} was interrupted: \`${npmRun("restore -- FILE", stack)}\` with the same backup continues it`,
    );
  }
}
