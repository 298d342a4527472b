/** Replaces the files of a volume, in steps that can be undone until the last. */
import { label, type Owner, TASK } from "../../names/docker.ts";
import type { Docker } from "../docker/docker.ts";
import { feed } from "../docker/streams.ts";
import { taskCommand } from "../docker/task.ts";
import { throwAway } from "./volumes.ts";

/** The folder in the volume that has the new files first. */
export const LOADED_FILES = ".cybexp-restoring";
const BEFORE_FILES = ".cybexp-before";

export interface KeyVolume extends Owner {
  readonly docker: Docker;
  readonly volume: string;
  /** An image with a POSIX shell and `tar`. */
  readonly image: string;
}

/** `each FOLDER COMMAND` calls a command with every file of a folder but the stack's own. */
const EACH = `
  cd /volume
  each() {
    for file in "$1"/* "$1"/.[!.]* "$1"/..?*; do
      if test -e "$file" || test -L "$file"; then
        case \${file#"$1"/} in
          .cybexp-*) ;;
          *) "$2" "$file" ;;
        esac
      fi
    done
  }
  remove() { rm -rf "$1"; }
  fill() { cp -a "$1" .; }
`;

const LOAD = `
  cd /volume
  rm -rf ${LOADED_FILES} ${BEFORE_FILES} ${BEFORE_FILES}.part
  mkdir -m 0700 ${LOADED_FILES}
  tar -xpf - -C ${LOADED_FILES}
  sync
`;

/** The old files are copied, not moved: however far it comes, all of them are in one place. */
const SWAP_IN = `${EACH}
  save() { cp -a "$1" ${BEFORE_FILES}.part/; }
  mkdir -m 0700 ${BEFORE_FILES}.part
  each . save
  sync
  mv ${BEFORE_FILES}.part ${BEFORE_FILES}
  each . remove
  each ${LOADED_FILES} fill
  sync
`;

const SWAP_BACK = `${EACH}
  if test -d ${BEFORE_FILES}; then
    each . remove
    each ${BEFORE_FILES} fill
    sync
  fi
`;

const CLEAN = `
  cd /volume
  rm -rf ${LOADED_FILES} ${BEFORE_FILES} ${BEFORE_FILES}.part
`;

const REPLACE = `${EACH}
  each . remove
  tar -xpf - -C .
  sync
`;

/** $1 is the name, $2 the text. A file of its name is whole, and on the disk. */
const WRITE = `
  cd /volume
  printf %s "$2" > "$1.part"
  sync
  mv "$1.part" "$1"
  sync
`;

const READ = `
  cd /volume
  if test -f "$1"; then cat "$1"; fi
`;

const REMOVE = `
  cd /volume
  rm -f "$1"
  sync
`;

const CAPABILITIES = ["CHOWN", "FOWNER", "DAC_OVERRIDE"];

/** Writes files beside those in use. @param archive A tar archive with owners and modes. */
export const loadFiles = (volume: KeyVolume, archive: AsyncIterable<Uint8Array>) =>
  unpack(volume, LOAD, archive);

/** Replaces all files but the stack's own, and can't be undone: for a volume that nobody has used yet. */
export const replaceFiles = (volume: KeyVolume, archive: AsyncIterable<Uint8Array>) =>
  unpack(volume, REPLACE, archive);

async function unpack(
  { docker, volume, deployment, labels, image }: KeyVolume,
  script: string,
  archive: AsyncIterable<Uint8Array>,
): Promise<void> {
  const command = taskCommand({
    ...{ image, deployment, labels, capabilities: CAPABILITIES, user: "0:0", program: "sh" },
    volumes: [`${volume}:/volume`],
    args: ["-euc", script],
    // It comes as a stream.
    input: new Uint8Array(),
  });
  await feed(docker, command, archive);
}

/** Ends what a restore that was killed has left running: the engine does not end a container with its caller. */
export async function endTasks({ docker, volume, labels }: KeyVolume): Promise<void> {
  const filters = [`--filter=volume=${volume}`, `--filter=label=${label("role", TASK, labels)}`];
  const found = await docker.run(["container", "ls", "--all", "--quiet", ...filters]);
  if (found !== "") {
    await docker.run(["container", "rm", "--force", ...found.split("\n")]);
  }
}

const run = ({ docker, ...task }: KeyVolume, script: string, args: readonly string[] = []) =>
  throwAway(docker, { ...task, script, args, capabilities: CAPABILITIES });

/** Puts the loaded files in the place of those in use. */
export const swapFilesIn = (volume: KeyVolume) => run(volume, SWAP_IN);
/** Undoes it, however far it came. */
export const swapFilesBack = (volume: KeyVolume) => run(volume, SWAP_BACK);
/** Removes what a restore left. */
export const cleanFiles = (volume: KeyVolume) => run(volume, CLEAN);

/** Writes a file of the stack's own. Its text must be no secret. */
export const writeOwnFile = (volume: KeyVolume, name: string, text: string) =>
  run(volume, WRITE, [name, text]);
/** Its text; empty if there is none. */
export const readOwnFile = (volume: KeyVolume, name: string) => run(volume, READ, [name]);
export const removeOwnFile = (volume: KeyVolume, name: string) => run(volume, REMOVE, [name]);
