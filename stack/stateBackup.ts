import { copyFileSync, existsSync, readFileSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { label } from "../names/docker.ts";
import { UserError } from "../programs/errors.ts";
import { stateDir } from "./configFile.ts";

/** What the state, its backup and the run's records may come to; a stack's own state is 1 MB. */
const ROOM_MIB = 20;

/**
 * There is room for the state, and for what a run tells. Pulumi's file backend puts a state that it
 * could not write whole in the old one's place.
 *
 * @param what What takes the room.
 * @throws UserError when there is too little
 */
export function requireRoom(folder: string, what = "the stack's state"): void {
  const { bavail, bsize } = statfsSync(folder);
  const free = (bavail * bsize) / 2 ** 20;
  if (free < ROOM_MIB) {
    throw new UserError(
      `no space left on device: ${folder} has ${free.toFixed(1)} MiB, and ${what} takes up to ${ROOM_MIB} MiB: make room and run it again`,
    );
  }
}

/** Whether the embedded state is there and ends in the middle, as after a full disk. */
export function isCutOff(stack: string, folder = stateDir): boolean {
  const file = stateFile(stack, folder);
  return existsSync(file) && !isWhole(file);
}

const stateFile = (stack: string, folder: string) =>
  join(folder, ".pulumi", "stacks", "cybexp", `${stack}.json`);

/**
 * Puts the backup, one operation older, in the place of a state that is cut off. Tells whether it did.
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
      `the state of ${stack} is cut off, and so is its backup (${file} and .bak): put a copy of it back, ` +
        `or remove both and what Docker has of the stack (\`docker ps -a --filter label=${label("stack", stack)}\`)`,
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
