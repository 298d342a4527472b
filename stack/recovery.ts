import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { KINDS, label, STAND_IN } from "../names/docker.ts";
import { restoreCheckpoint } from "./stateBackup.ts";
import type { Docker } from "../programs/docker/docker.ts";
import { UserError } from "../programs/errors.ts";
import { findWriter } from "../machine/processes.ts";
import { type Started, STOP_SECONDS } from "./runLock.ts";
import type { Session } from "./session.ts";
import { stateDir } from "./configFile.ts";
import { dropPending, readState, type StackState } from "./state.ts";

/** The label of containers that serve while a service's own one is replaced. */
const STAND_INS = label("role", STAND_IN);

/** What Pulumi writes into a lock. */
interface PulumiLock {
  readonly file: string;
  readonly pid: number;
  readonly hostname: string;
  readonly timestamp: string;
}

/**
 * Makes the state usable again after a run that was killed: a Pulumi that goes on without its
 * launcher is stopped, its lock removed, a state that is cut off replaced by its backup.
 *
 * @throws UserError when another run is at it
 */
export async function clearTheWay(
  stack: string,
  { embedded, orphan }: { readonly embedded: boolean; readonly orphan: Started | undefined },
): Promise<void> {
  if (orphan !== undefined) {
    await stopOrphan(orphan);
  }
  if (embedded) {
    releaseLocks(stack);
    if (restoreCheckpoint(stack)) {
      say("Put back the state's backup: the state was cut off, as by a full disk");
    }
  }
}

/**
 * Mends what a run that was killed left behind, as far as it is provably this stack's own: unfinished
 * operations, and containers and networks that carry the deployment's id and are not in the state.
 * Says what it mends, a line each.
 */
export async function recover(session: Session): Promise<StackState> {
  const state = await removeOrphans(session, await readState(session));
  if (state.pending === 0) {
    return state;
  }
  await dropPending(session, state);
  say(`Forgot ${count(state.pending, "unfinished operation")} of a run that died`);
  return readState(session);
}

function say(what: string): void {
  process.stderr.write(`- ${what}\n`);
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** Whether a Pulumi of that number still runs; another process may have got the number since. */
function isPulumi(pid: number, since: string): boolean {
  return findWriter(pid, Date.parse(since))?.command === "pulumi";
}

/** SIGINT once: Pulumi finishes what is under way and writes its state. */
async function stopOrphan({ pid, since }: Started): Promise<void> {
  if (!isPulumi(pid, since)) {
    return;
  }
  say(`Stopping the Pulumi of a run that died (process ${pid})`);
  process.kill(pid, "SIGINT");
  for (let waited = 0; waited < STOP_SECONDS; waited += 0.25) {
    if (!isPulumi(pid, since)) {
      return;
    }
    await sleep(250);
  }
  throw new UserError(
    `process ${pid}, the Pulumi of a run that died, did not stop within ${STOP_SECONDS} s: end it with \`kill ${pid}\``,
  );
}

/** Removes the locks of dead processes. */
function releaseLocks(stack: string): void {
  for (const lock of deadLocks(stack)) {
    rmSync(lock.file, { force: true });
    rmSync(`${lock.file}.attrs`, { force: true });
    say(`Removed the lock of a run that died (process ${lock.pid})`);
  }
}

/**
 * Pulumi's locks that dead processes left; a process that only got a dead one's number holds none.
 *
 * @throws UserError when a run is at it
 */
export function deadLocks(stack: string): PulumiLock[] {
  const locks = locksOf(stack);
  for (const lock of locks) {
    if (lock.hostname !== hostname()) {
      throw new UserError(
        `the stack ${stack} is locked by process ${lock.pid} on ${lock.hostname} since ${lock.timestamp}: ` +
          `wait for it, or, if it is gone, run \`npm run pulumi -- cancel --stack ${stack} --yes\``,
      );
    }
    if (isPulumi(lock.pid, lock.timestamp)) {
      throw new UserError(
        `${stack} is being changed by another run (Pulumi, process ${lock.pid}, since ${lock.timestamp}): ` +
          "wait for it to end",
      );
    }
  }
  return locks;
}

function locksOf(stack: string): PulumiLock[] {
  const folder = join(stateDir, ".pulumi", "locks", "organization", "cybexp", stack);
  if (!existsSync(folder)) {
    return [];
  }
  // Each lock has a file of attributes beside it, `<name>.json.attrs`.
  const names = readdirSync(folder).filter((name) => name.endsWith(".json"));
  return names.flatMap((name) => {
    const file = join(folder, name);
    try {
      return [{ ...(JSON.parse(readFileSync(file, "utf8")) as Omit<PulumiLock, "file">), file }];
    } catch {
      // Cut off by the kill, or gone by now: its owner can't be told, and nobody holds it.
      return existsSync(file) ? [{ file, pid: 0, hostname: hostname(), timestamp: "" }] : [];
    }
  });
}

/**
 * What carries this deployment's id and is not in the state: a run that died made it. Stand-ins are left
 * out, since one may be all that serves a door: the programs of the handover know when it may go.
 */
export async function orphansOf(
  { docker }: Pick<Session, "docker">,
  { deployment, known }: Pick<StackState, "deployment" | "known">,
  kind: "container" | "network",
): Promise<string[]> {
  if (deployment === undefined) {
    return [];
  }
  const own = label("deployment", deployment);
  const labelled = await docker.labelled(kind, own);
  if (without(labelled, known[kind]).length === 0) {
    return [];
  }
  const standIns = kind === "container" ? await docker.labelled("container", own, STAND_INS) : [];
  return without(
    labelled.filter((id) => !standIns.includes(id)),
    known[kind],
  );
}

async function removeOrphans(session: Session, state: StackState): Promise<StackState> {
  let current = state;
  // Containers first: a network with one attached can't go. Volumes are adopted again by name.
  for (const kind of ["container", "network"] as const) {
    const found = await orphansOf(session, current, kind);
    if (found.length === 0) {
      continue;
    }
    // A Pulumi that was started by hand may have made them since: it has a lock, or it is in the state.
    if (session.embedded) {
      releaseLocks(session.stack);
    }
    current = await readState(session);
    const orphans = without(found, current.known[kind]);
    if (orphans.length > 0) {
      const command =
        kind === "container" ? ["container", "rm", "--force", "--volumes"] : ["network", "rm"];
      await session.docker.run([...command, ...orphans]);
      say(`Removed ${count(orphans.length, kind)} that a run made and did not record`);
    }
  }
  return current;
}

/** Those of the engine's short ids that no full id starts with. */
function without(ids: readonly string[], known: ReadonlySet<string>): string[] {
  return ids.filter((id) => ![...known].some((full) => full.startsWith(id)));
}

/** Removes what stands in for a service, after a handover that was cut off: before a destroy. */
export async function removeStandIns(session: Session, deployment: string): Promise<void> {
  const own = label("deployment", deployment);
  const standIns = await session.docker.labelled("container", own, STAND_INS);
  if (standIns.length > 0) {
    await session.docker.run(["container", "rm", "--force", "--volumes", ...standIns]);
  }
}

/** Removes whatever carries the deployment's id, volumes too: after a destroy of a throw-away stack. */
export async function removeLeftovers(session: Session, deployment: string): Promise<void> {
  await removeLabelled(session.docker, label("deployment", deployment));
}

/** Removes every container, network and volume that carries the label. */
export async function removeLabelled(docker: Docker, wanted: string): Promise<void> {
  const commands = {
    container: ["container", "rm", "--force", "--volumes"],
    network: ["network", "rm"],
    volume: ["volume", "rm"],
  };
  for (const kind of KINDS) {
    const found = await docker.labelled(kind, wanted);
    if (found.length > 0) {
      await docker.run([...commands[kind], ...found]);
    }
  }
}
