/** What runs in a stack's containers. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { docker, type Project } from "./project.ts";

/** So many looks, since a health check comes and goes. */
const LOOKS = 8;

/** Of each container, by its role: the fewest processes of several looks, zombies marked, as `ps` has them. */
export async function containerProcesses(project: Project): Promise<Record<string, string[]>> {
  const format = '{{.ID}}\t{{.Label "cybexp.role"}}';
  const containers = docker(
    "ps",
    "--filter",
    `label=cybexp.stack=${project.stack}`,
    "--format",
    format,
  )
    .split("\n")
    .map((line) => line.split("\t"));
  const fewest: Record<string, string[]> = {};
  for (let look = 0; look < LOOKS; look++) {
    for (const [id = "", role = ""] of containers) {
      const [, ...lines] = docker("top", id, "-eo", "pid,stat,comm").split("\n");
      const found = lines
        .map((line) => line.trim().split(/\s+/))
        .map(
          ([, state = "", program = ""]) => `${state.startsWith("Z") ? "zombie " : ""}${program}`,
        )
        .sort();
      if (fewest[role] === undefined || found.length < fewest[role].length) {
        fewest[role] = found;
      }
    }
    await sleep(400);
  }
  return fewest;
}

/** Seconds that workers of the proxy may use with requests from before a reload. */
const WORKERS_LEAVE = 120;

/** There is no zombie, and in no container more than there was. */
export async function assertNoMore(
  project: Project,
  before: Readonly<Record<string, readonly string[]>>,
): Promise<void> {
  const end = performance.now() + WORKERS_LEAVE * 1000;
  let now = await containerProcesses(project);
  const more = () =>
    Object.entries(now).filter(([role, found]) => found.length > (before[role]?.length ?? 0));
  while (more().length > 0 && performance.now() < end) {
    now = await containerProcesses(project);
  }
  assert.deepEqual(Object.fromEntries(more()), {});
  assert.doesNotMatch(JSON.stringify(now), /zombie/);
  assert.deepEqual(Object.keys(now).sort(), Object.keys(before).sort());
}
