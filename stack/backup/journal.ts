/** Remembers a restore that is putting new data in the place of the old, so that the next one can undo it. */
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import type { ServiceRole } from "../../names/docker.ts";
import { replaceFile } from "../../machine/files.ts";
import { localDir } from "../../machine/paths.ts";
import { UserError } from "../../programs/errors.ts";
import { npmRun } from "../../programs/npmRun.ts";

const journal = z.object({
  /** The collections that were in use, by service. */
  kms: z.array(z.string()),
  backend: z.array(z.string()),
});
export type Journal = Readonly<Record<ServiceRole, readonly string[]>>;

const fileOf = (stack: string) => join(localDir, "restores", `${stack}.json`);

export function writeJournal(stack: string, content: Journal): void {
  mkdirSync(dirname(fileOf(stack)), { recursive: true, mode: 0o700 });
  replaceFile(fileOf(stack), JSON.stringify(content));
}

/** Undefined if no restore was interrupted. */
export function readJournal(stack: string): Journal | undefined {
  const file = fileOf(stack);
  return existsSync(file) ? journal.parse(JSON.parse(readFileSync(file, "utf8"))) : undefined;
}

export function removeJournal(stack: string): void {
  rmSync(fileOf(stack), { force: true });
}

/** @throws UserError when a restore was interrupted, so that records and keys may not fit together */
export function requireNoHalfRestore(stack: string): void {
  if (existsSync(fileOf(stack))) {
    throw new UserError(
      `a restore of ${stack} was interrupted, so its records and keys may not fit together: ` +
        `\`${npmRun("restore -- --undo", stack)}\` puts the old data back`,
    );
  }
}
