import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { isAlive } from "./lock.ts";

/** A work folder has its owner's process id in its name: `work-PID-RANDOM`. */
const WORK = /^work-(\d+)-/;

/** Creates a folder for unfinished work, on the same file system as the finished one. */
export function newWorkFolder(root: string): string {
  return mkdtempSync(join(root, `work-${process.pid}-`));
}

/** Removes the work folders of processes that are gone, which interrupted runs left behind. */
export function removeDeadWork(root: string): void {
  for (const name of readdirSync(root)) {
    const owner = WORK.exec(name)?.[1];
    if (owner && !isAlive(Number(owner))) {
      discard(root, join(root, name));
    }
  }
}

/** Removes a work folder and nothing else. One that was moved to its place is left alone. */
export function discard(root: string, work: string): void {
  if (work.startsWith(join(root, "work-"))) {
    rmSync(work, { recursive: true, force: true });
  }
}
