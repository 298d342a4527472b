import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { parse } from "yaml";
import { replaceFile } from "../machine/files.ts";
import { localDir } from "../machine/paths.ts";
import { stackFile } from "./configFile.ts";

/** The stack file's key where Pulumi keeps the passphrase's salt. */
const SALT = "encryptionsalt";

/**
 * Runs Pulumi and leaves the stack's file as it was. Pulumi writes the salt of this clone's passphrase
 * into the file. Git would then show a change in every clone, and a committed salt would be wrong for
 * the next clone. The state has the salt, too, and PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER makes Pulumi
 * take it from there.
 *
 * A file that contains secrets keeps its salt, because they are encrypted with it.
 */
export async function withCleanStackFile<T>(
  stack: string,
  embedded: boolean,
  work: () => Promise<T>,
): Promise<T> {
  if (!embedded) {
    return work();
  }
  const file = stackFile(stack);
  const kept = join(localDir, "stack-files", `${stack}.yaml`);
  mkdirSync(join(localDir, "stack-files"), { recursive: true });
  // Also undoes what a killed run left. The file is read only once: another run's Pulumi may be writing it.
  replaceFile(kept, restored(file, kept), 0o600);
  try {
    return await work();
  } finally {
    if (existsSync(file)) {
      restored(file, kept);
    }
  }
}

/** The file's content. Puts the kept content back first if only the salt was added since. */
function restored(file: string, kept: string): string {
  const after = readFileSync(file, "utf8");
  const before = existsSync(kept) ? readFileSync(kept, "utf8") : after;
  if (!onlySaltDiffers(before, after)) {
    return after;
  }
  replaceFile(file, before);
  return before;
}

/** Whether a salt is the only change to a stack file, and nothing in the file needs it. */
export function onlySaltDiffers(before: string, after: string): boolean {
  if (before === after || /\bsecure:/.test(after)) {
    return false;
  }
  try {
    const old = parse(before) as Record<string, unknown> | null;
    const { [SALT]: salt, ...rest } = parse(after) as Record<string, unknown>;
    return salt !== undefined && isDeepStrictEqual(asSaved(rest), asSaved(old ?? {}));
  } catch {
    return false;
  }
}

/** Pulumi writes plain values as text: `true` comes back as "true". */
function asSaved(content: Record<string, unknown>): unknown {
  type Value = string | number | boolean | object | null;
  const config = Object.entries((content["config"] ?? {}) as Record<string, Value>).map(
    ([key, value]) => [key, typeof value === "object" ? value : String(value)],
  );
  return { ...content, config: Object.fromEntries(config) as unknown };
}
