/** Writes a module's folder, and refreshes it where the module runs: its keys and the operator's changes stay. */
import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { replaceFile } from "../../machine/files.ts";
import { UserError } from "../../programs/errors.ts";
import { renewed } from "./configFile.ts";
import type { Kind } from "./dockerRun.ts";

/** Whose module it is. */
export interface Owner {
  readonly stack: string;
  readonly user: string;
  readonly kind: Kind;
}

export interface ModuleFile {
  readonly content: string;
  readonly executable?: boolean;
}

/** Says what this command wrote, so that a later run can tell what was changed since. */
const RECORD = ".module.json";

const recordSchema = z.object({
  stack: z.string(),
  user: z.string(),
  kind: z.string(),
  /** Name to SHA-256. */
  files: z.record(z.string(), z.string()),
});

const CONFIG = "config.yaml";

/**
 * Writes the files. If the operator has changed config.yaml, only its credentials are replaced.
 *
 * @param overwrite Replaces everything of these names, whatever it is.
 * @throws UserError when there are files that this command did not write, or that were changed
 */
export function writeModule(
  folder: string,
  owner: Owner,
  files: ReadonlyMap<string, ModuleFile>,
  overwrite: boolean,
): void {
  const { found, record } = lookInto(folder, files);
  if (!overwrite && found.size > 0) {
    requireOwn(folder, owner, { found, record, files });
  }
  const old = found.get(CONFIG);
  const fresh = files.get(CONFIG)?.content ?? "";
  const isChanged = old !== undefined && old !== fresh && digest(old) !== record?.files[CONFIG];
  const config = isChanged && !overwrite ? renewed(old, fresh, join(folder, CONFIG)) : fresh;

  mkdirSync(folder, { recursive: true, mode: 0o700 });
  mkdirSync(join(folder, "secrets"), { recursive: true, mode: 0o700 });
  for (const [name, { content, executable }] of files) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    replaceFile(path, name === CONFIG ? config : content, executable ? 0o700 : 0o600);
  }
  const digests = [...files].map(([name, { content }]) => [name, digest(content)] as const);
  const written = { ...owner, files: Object.fromEntries(digests) };
  replaceFile(join(folder, RECORD), `${JSON.stringify(written, undefined, 2)}\n`, 0o600);
}

interface Found {
  /** The files of these names that are there. */
  readonly found: ReadonlyMap<string, string>;
  readonly record: z.infer<typeof recordSchema> | undefined;
}

function lookInto(folder: string, files: ReadonlyMap<string, unknown>): Found {
  const stats = lstatSync(folder, { throwIfNoEntry: false });
  if (stats !== undefined && !stats.isDirectory()) {
    throw new UserError(`${folder} is in the way, because it is not a folder: move it elsewhere`);
  }
  const found = new Map<string, string>();
  for (const name of files.keys()) {
    const path = join(folder, name);
    const entry = lstatSync(path, { throwIfNoEntry: false });
    if (entry !== undefined && !entry.isFile()) {
      throw new UserError(`${path} is in the way, because it is not a file: move it elsewhere`);
    }
    if (entry !== undefined) {
      found.set(name, readFileSync(path, "utf8"));
    }
  }
  return { found, record: readRecord(folder) };
}

function readRecord(folder: string): Found["record"] {
  try {
    return recordSchema.parse(JSON.parse(readFileSync(join(folder, RECORD), "utf8")));
  } catch {
    return undefined;
  }
}

function requireOwn(
  folder: string,
  { stack, user, kind }: Owner,
  { found, record, files }: Found & { readonly files: ReadonlyMap<string, ModuleFile> },
): void {
  if (record === undefined) {
    throw new UserError(
      `${folder} has files that this command did not write and would replace (${[...found.keys()].join(", ")}): move them elsewhere, or replace them with --overwrite`,
    );
  }
  if (record.stack !== stack || record.user !== user || record.kind !== kind) {
    throw new UserError(
      `${folder} is the ${record.kind} of ${record.user} of the stack ${record.stack}: choose another folder, or replace it with --overwrite`,
    );
  }
  const changed = [...found].filter(
    ([name, content]) =>
      name !== CONFIG &&
      content !== files.get(name)?.content &&
      digest(content) !== record.files[name],
  );
  if (changed.length > 0) {
    throw new UserError(
      `${folder} has files that were changed since this command wrote them (${changed.map(([name]) => name).join(", ")}): keep a copy of the changes elsewhere, and replace them with --overwrite`,
    );
  }
}

const digest = (text: string) => createHash("sha256").update(text).digest("hex");
