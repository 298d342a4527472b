import { copyFileSync, existsSync, readFileSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { label } from "../names/docker.ts";
import { UserError } from "../programs/errors.ts";
import { stateDir } from "./configFile.ts";

/** How much the state, its backup and a run's records may take. A stack's state alone is 1 MB. */
const ROOM_MIB = 20;

/**
 * Checks that there is disk space for the state, and for a run's records. On a full disk, Pulumi's file
 * backend replaces the state with a half-written one.
 *
 * @param what What takes the space.
 * @throws UserError when there is too little space
 */
export function requireRoom(folder: string, what = "the stack's state"): void {
  const { bavail, bsize } = statfsSync(folder);
  const free = (bavail * bsize) / 2 ** 20;
  if (free < ROOM_MIB) {
    throw new UserError(
      `no space left on device: ${folder} has ${free.toFixed(1)} MiB free, and ${what} can take ${ROOM_MIB} MiB: free some space and run it again`,
    );
  }
}

/** Whether the embedded state has this stack. */
export const hasStateHere = (stack: string, folder = stateDir): boolean =>
  existsSync(stateFile(stack, folder));

/** Whether the embedded state exists but is cut off, as after a full disk. */
export function isCutOff(stack: string, folder = stateDir): boolean {
  const file = stateFile(stack, folder);
  return existsSync(file) && !isWhole(file);
}

const stateFile = (stack: string, folder: string) =>
  join(folder, ".pulumi", "stacks", "cybexp", `${stack}.json`);

/**
 * Replaces a state that is cut off with its backup, which is one operation older. Returns whether it did.
 *
 * @throws UserError when the backup is cut off, too
 */
export function restoreCheckpoint(stack: string, folder = stateDir): boolean {
  const file = stateFile(stack, folder);
  const backup = `${file}.bak`;
  if (!existsSync(file) || isWhole(file)) {
    return false;
  }
  if (!isWhole(backup)) {
    throw new UserError(
      `the state of ${stack} is cut off, and so is its backup (${file} and .bak): restore a copy of it, ` +
        `or remove both files and the stack's containers (\`docker ps -a --filter label=${label("stack", stack)}\` lists them)`,
    );
  }
  copyFileSync(backup, file);
  return true;
}

function isWhole(file: string): boolean {
  try {
    JSON.parse(readFileSync(file, "utf8"));
    return true;
  } catch {
    return false;
  }
}
