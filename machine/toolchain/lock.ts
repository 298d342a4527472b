import { readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** How often the holder shows that it is alive, and how long without that a lock counts as dead. */
const HEARTBEAT_MS = 5_000;
const DEAD_AFTER_MS = 60_000;

const POLL_MS = 500;

/**
 * Runs work while holding a lock file with the holder's process id. Waits while another process holds it.
 * Takes over a lock whose holder is gone or has not touched it for a minute.
 */
export async function holdingLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  for (let told = false; !tryLock(file); told = true) {
    if (!told) {
      process.stderr.write("- Waiting for another run to set up the Pulumi toolchain ...\n");
    }
    await sleep(POLL_MS);
  }
  const heartbeat = setInterval(() => touch(file), HEARTBEAT_MS);
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    rmSync(file, { force: true });
  }
}

function tryLock(file: string): boolean {
  if (isDead(file)) {
    rmSync(file, { force: true });
  }
  try {
    writeFileSync(file, `${process.pid}\n`, { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") {
      return false;
    }
    throw error;
  }
}

function isDead(file: string): boolean {
  try {
    if (Date.now() - statSync(file).mtimeMs > DEAD_AFTER_MS) {
      return true;
    }
    const holder = Number(readFileSync(file, "utf8"));
    return holder > 0 && !isAlive(holder); // 0: just created, not written yet
  } catch {
    return false; // released meanwhile
  }
}

function touch(file: string): void {
  try {
    const now = new Date();
    utimesSync(file, now, now);
  } catch {
    // Taken over while this process was suspended. That is safe: each works in a folder of its own.
  }
}

/** Whether a process on this machine is alive. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
