import { backupsIn, folderFor } from "../../stack/backup/files.ts";
import { isHalfRestored } from "../../stack/backup/journal.ts";
import type { Settings } from "../../settings/types.ts";
import { backupFindings } from "./backups.ts";
import type { Finding } from "./finding.ts";

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
