import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";

export async function eventually(what: string, holds: () => boolean, seconds = 10): Promise<void> {
  for (const end = Date.now() + seconds * 1000; !holds(); await sleep(50)) {
    assert.ok(Date.now() < end, `not within ${seconds} s: ${what}`);
  }
}

/** The process ids of everything that runs below a process, itself included. */
export async function processTree(root: number): Promise<number[]> {
  const { stdout } = await execa("ps", ["-A", "-o", "pid=,ppid="]);
  const rows = stdout.split("\n").map((line) => line.trim().split(/\s+/).map(Number));
  const tree = [root];
  for (const parent of tree) {
    tree.push(...rows.filter(([, ppid]) => ppid === parent).map(([pid]) => pid ?? 0));
  }
  return tree;
}
