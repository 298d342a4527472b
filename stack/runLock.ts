import { linkSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "../programs/errors.ts";
import { createFile, replaceFile } from "../machine/files.ts";
import { npmRun } from "../programs/npmRun.ts";
import { localDir } from "../machine/paths.ts";
import { findWriter } from "../machine/processes.ts";

/** Seconds that an interrupted run may take to stop: Pulumi finishes the current operations first. */
export const STOP_SECONDS = 180;

/** A run that changes a stack, as recorded in its lock file. */
interface Holder {
  readonly pid: number;
  /** The process that started it. If the run has another parent now, its launcher died and it is stopping. */
  readonly launcher: number;
  /** When it began, ISO 8601. */
  readonly since: string;
  /** What was called, such as "npm run up". */
  readonly command: string;
  /** The Pulumi process that it runs. */
  readonly pulumi?: Started;
}

/** A process and when it started, ISO 8601: its id alone may belong to another process by now. */
export interface Started {
  readonly pid: number;
  readonly since: string;
}

/** The lock of this run. */
export interface RunLock {
  /** The Pulumi process of an earlier run that died. It may still be at work. */
  readonly orphan: Started | undefined;
  /** Records the Pulumi process that this run has started. */
  setPulumi(pid: number): void;
}

/** The lock of a command that changes nothing. */
export const noLock: RunLock = { orphan: undefined, setPulumi: () => undefined };

/**
 * Makes this the only run of this clone that changes the stack, until the process ends. Breaks the lock
 * of a run that died, and waits for one that is stopping.
 *
 * @throws UserError when another run is changing the stack
 */
export async function lockStack(
  stack: string,
  command: string,
  folder = join(localDir, "runs"),
): Promise<RunLock> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, `${stack}.json`);
  const since = new Date().toISOString();
  const own: Holder = { pid: process.pid, launcher: process.ppid, since, command };
  let orphan: Started | undefined;
  while (!createFile(file, JSON.stringify(own))) {
    const text = readLock(file);
    const holder = text === undefined ? undefined : parseHolder(text);
    const running = holder && findWriter(holder.pid, Date.parse(holder.since));
    if (holder && running && running.parent === holder.launcher) {
      throw new UserError(
        `${stack} is being changed by another run (\`${holder.command}\`, process ${holder.pid}, since ${holder.since}): ` +
          "wait for it to end",
      );
    }
    if (holder && running) {
      await waitFor(holder);
    } else if (text !== undefined) {
      orphan = holder?.pulumi ?? orphan;
      breakLock(file, text);
    }
  }
  process.on("exit", () => {
    if (parseHolder(readLock(file) ?? "")?.pid === process.pid) {
      rmSync(file, { force: true });
    }
  });
  return {
    orphan,
    setPulumi: (pid) => {
      const pulumi: Started = { pid, since: new Date().toISOString() };
      replaceFile(file, JSON.stringify({ ...own, pulumi }));
    },
  };
}

/** A run that died, as recorded in its lock. */
export interface DeadRun {
  /** What was called, such as "npm run up"; undefined if the lock was cut off. */
  readonly command: string | undefined;
}

/**
 * Checks that no run is changing a stack, for a command that only looks: it takes no lock and breaks none.
 * Returns the run that died and left its lock, if there is one.
 *
 * @throws UserError when a run is changing the stack, or a Pulumi that outlived its run is
 */
export function lookAtRuns(stack: string, folder = join(localDir, "runs")): DeadRun | undefined {
  const text = readLock(join(folder, `${stack}.json`));
  if (text === undefined) {
    return undefined;
  }
  const holder = parseHolder(text);
  if (holder && findWriter(holder.pid, Date.parse(holder.since))) {
    throw new UserError(
      `${stack} is being changed by another run (\`${holder.command}\`, process ${holder.pid}, since ${holder.since}): ` +
        "wait for it to end",
    );
  }
  const pulumi = holder?.pulumi;
  if (pulumi && findWriter(pulumi.pid, Date.parse(pulumi.since))?.command === "pulumi") {
    throw new UserError(
      `${stack} is still being changed by the Pulumi of a run that died (process ${pulumi.pid}): ` +
        `wait for it to end, or run \`${npmRun("up", stack)}\`, which stops it and continues`,
    );
  }
  return { command: holder?.command };
}

/** Removes a dead run's lock file, but not one that a third run may have put there meanwhile. */
function breakLock(file: string, expected: string): void {
  const aside = `${file}.${process.pid}.dead`;
  try {
    renameSync(file, aside);
    if (readFileSync(aside, "utf8") !== expected) {
      linkSync(aside, file);
    }
  } catch {
    // Somebody else was quicker. The next attempt to take the lock shows who has it.
  }
  rmSync(aside, { force: true });
}

function readLock(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

function parseHolder(text: string): Holder | undefined {
  try {
    return JSON.parse(text) as Holder;
  } catch {
    return undefined;
  }
}

async function waitFor(holder: Holder): Promise<void> {
  process.stderr.write(`- Waiting for an interrupted run to stop (process ${holder.pid})\n`);
  for (let waited = 0; waited < STOP_SECONDS; waited += 0.25) {
    if (!findWriter(holder.pid, Date.parse(holder.since))) {
      return;
    }
    await sleep(250);
  }
  throw new UserError(
    `process ${holder.pid}, an interrupted run, did not stop within ${STOP_SECONDS} s: end it with \`kill ${holder.pid}\``,
  );
}

/** What is known of earlier runs before the state is read. */
export interface AtRest {
  readonly died: DeadRun | undefined;
  /** Pulumi's own locks that nobody holds any more. */
  readonly locks: number;
}
