/** The files of backups: their names, and which of them stay. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Settings } from "../../settings/types.ts";
import { localDir } from "../../machine/paths.ts";

const DAY_MS = 86_400_000;

/** A complete backup of a stack. */
export interface BackupFile {
  readonly name: string;
  /** When it was begun. */
  readonly time: Date;
}

export const folderFor = ({ backup }: Pick<Settings, "backup">): string =>
  backup.folder ?? join(localDir, "backups");

/** Such as `prod-20261128T033956Z.tar.age`. */
export function backupName(stack: string, time: Date): string {
  const stamp = time.toISOString().replace(/[-:]|\.\d+/g, "");
  return `${stack}-${stamp}.tar.age`;
}

/** The name of a backup that is being written. */
export const partOf = (name: string): string => `.${name}.part`;

/** The time in the name of a stack's backup; undefined for any other name. */
export function timeIn(stack: string, name: string): Date | undefined {
  const rest = name.startsWith(`${stack}-`) ? name.slice(stack.length + 1) : "";
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z\.tar\.age$/.exec(rest) ?? [];
  const time = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(time.getTime()) ? undefined : time;
}

/** The newest first. */
export function backupsAmong(stack: string, names: readonly string[]): BackupFile[] {
  return names
    .flatMap((name) => {
      const time = timeIn(stack, name);
      return time === undefined ? [] : [{ name, time }];
    })
    .sort((a, b) => b.time.getTime() - a.time.getTime());
}

/** A stack's backups in a folder, the newest first; none if the folder does not exist. */
export function backupsIn(folder: string, stack: string): BackupFile[] {
  try {
    return backupsAmong(stack, readdirSync(folder));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") {
      return [];
    }
    throw error;
  }
}

/** What runs that were killed left of a stack's backups. */
export function partsIn(folder: string, stack: string): string[] {
  return readdirSync(folder).filter((name) => {
    const [, whole] = /^\.(.+)\.part$/.exec(name) ?? [];
    return whole !== undefined && timeIn(stack, whole) !== undefined;
  });
}

/** Those that neither rule keeps. The newest one always stays. */
export function expired(
  newestFirst: readonly BackupFile[],
  { last, days }: Settings["backup"]["keep"],
  now: Date,
): BackupFile[] {
  if (last === undefined && days === undefined) {
    return [];
  }
  const since = now.getTime() - (days ?? 0) * DAY_MS;
  return newestFirst.filter(
    ({ time }, index) => index >= Math.max(1, last ?? 0) && time.getTime() < since,
  );
}
