/** Whether there is a backup, and how old it is. */
import { here } from "../../programs/npmRun.ts";
import type { Finding } from "./finding.ts";

export interface BackupFacts {
  readonly stack: string;
  readonly throwaway: boolean;
  readonly folder: string;
  /** When the newest one was begun. */
  readonly newest: Date | undefined;
  /** Whether a restore was interrupted while it replaced data. */
  readonly half: boolean;
  readonly warnDays: number;
  readonly now: Date;
}

const DAY_MS = 86_400_000;

export function backupFindings(facts: BackupFacts): Finding[] {
  const { stack, throwaway, folder, newest, half, warnDays, now } = facts;
  const about = "backup";
  const broken: Finding[] = half
    ? [
        {
          level: "fault",
          about: "restore",
          text: `a restore was interrupted, so records and keys may not fit together: \`${here("restore -- --undo")}\` puts the old data back`,
        },
      ]
    : [];
  if (throwaway) {
    return broken;
  }
  if (newest === undefined) {
    const text = `there is no backup of ${stack} in ${folder}: \`${here("backup")}\` writes one (docs/backup.md)`;
    return [...broken, { level: "note", about, text }];
  }
  const days = Math.floor((now.getTime() - newest.getTime()) / DAY_MS);
  return [
    ...broken,
    days >= warnDays
      ? {
          level: "note",
          about,
          text: `the newest one is ${days} days old: check what runs \`${here("backup")}\` (cybexp:backup.warnDays is ${warnDays})`,
        }
      : { level: "good", about, text: `the newest one is of ${newest.toISOString()}` },
  ];
}
