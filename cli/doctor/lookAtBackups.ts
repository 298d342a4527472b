import { backupsIn, folderFor } from "../../stack/backup/files.ts";
import { isHalfRestored } from "../../stack/backup/journal.ts";
import type { Settings } from "../../settings/types.ts";
import { backupFindings } from "./backups.ts";
import type { Finding } from "./finding.ts";
import type { Backup } from "./report/model.ts";

/** What there is to say about a stack's backups, for the doctor and for `up`. */
export function lookAtBackups(stack: string, settings: Settings): Finding[] {
  const folder = folderFor(settings);
  return backupFindings({
    stack,
    throwaway: settings.throwaway,
    folder,
    newest: backupsIn(folder, stack)[0]?.time,
    half: isHalfRestored(stack),
    warnDays: settings.backup.warnDays,
    now: new Date(),
  });
}

/** The same, for the report; undefined for a throw-away stack that has none, since it needs none. */
export function backupOf(
  stack: string,
  settings: Pick<Settings, "throwaway" | "backup">,
): Backup | undefined {
  const place = folderFor(settings);
  const newest = backupsIn(place, stack)[0]?.time;
  return newest === undefined && settings.throwaway
    ? undefined
    : { newest, place, warnDays: settings.backup.warnDays };
}
