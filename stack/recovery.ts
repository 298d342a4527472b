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

/** The label of containers that serve while a service's own container is replaced. */
const STAND_INS = label("role", STAND_IN);

/** What Pulumi writes into a lock. */
interface PulumiLock {
  readonly file: string;
  readonly pid: number;
  readonly hostname: string;
  readonly timestamp: string;
}

/**
 * Makes the state usable again after a run that was killed. It stops a Pulumi that outlived its launcher,
 * removes its lock, and replaces a state that is cut off with its backup.
 *
 * @throws UserError when another run is changing the stack
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
      say("Restored the state's backup: the state was cut off, perhaps by a full disk");
    }
  }
}

/**
 * Cleans up what a killed run left behind, as far as it is provably this stack's own: unfinished
 * operations, and containers and networks that carry the deployment's id but are not in the state.
 * Prints a line for each.
 */
export async function recover(session: Session): Promise<StackState> {
  const state = await removeOrphans(session, await readState(session));
  if (state.pending === 0) {
    return state;
  }
  await dropPending(session, state);
  say(`Dropped ${count(state.pending, "unfinished operation")} of a run that died`);
  return readState(session);
}

function say(what: string): void {
  process.stderr.write(`- ${what}\n`);
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** Whether the Pulumi with this process id still runs. Another process may have got the id since. */
function isPulumi(pid: number, since: string): boolean {
  return findWriter(pid, Date.parse(since))?.command === "pulumi";
}

/** Sends SIGINT once, so that Pulumi finishes the current operations and writes its state. */
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
 * The Pulumi locks that dead processes left. A process that only got a dead one's id holds none.
 *
 * @throws UserError when a run is changing the stack
 */
export function deadLocks(stack: string): PulumiLock[] {
  const locks = locksOf(stack);
  for (const lock of locks) {
    if (lock.hostname !== hostname()) {
      throw new UserError(
        `the stack ${stack} has been locked by process ${lock.pid} on ${lock.hostname} since ${lock.timestamp}: ` +
          `wait for it to end, or, if it is gone, run \`npm run pulumi -- cancel --stack ${stack} --yes\``,
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
      // The kill cut it off, or it is gone by now. Its owner is unknown, and nobody holds it.
      return existsSync(file) ? [{ file, pid: 0, hostname: hostname(), timestamp: "" }] : [];
    }
  });
}

/**
 * What carries this deployment's id but is not in the state: a run that died created it. Stand-ins are
 * left out, because one may be all that serves a door. The handover programs know when it may go.
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
  // Containers first: a network that is in use can't be removed. Volumes are adopted again by name.
  const kinds = ["container", "network"] as const;
  const all = await Promise.all(kinds.map((kind) => orphansOf(session, state, kind)));
  for (const [index, kind] of kinds.entries()) {
    const found = all[index] ?? [];
    if (found.length === 0) {
      continue;
    }
    // A Pulumi that was started by hand may have created them meanwhile. Then it has a lock, or they are
    // in the state by now.
    if (session.embedded) {
      releaseLocks(session.stack);
    }
    current = await readState(session);
    const orphans = without(found, current.known[kind]);
    if (orphans.length > 0) {
      const command =
        kind === "container" ? ["container", "rm", "--force", "--volumes"] : ["network", "rm"];
      await session.docker.run([...command, ...orphans]);
      say(`Removed ${count(orphans.length, kind)} that a run created but did not record`);
    }
  }
  return current;
}

/** Those of the engine's short ids that are not the beginning of a full id. */
function without(ids: readonly string[], known: ReadonlySet<string>): string[] {
  return ids.filter((id) => ![...known].some((full) => full.startsWith(id)));
}

/** Removes, before a destroy, the stand-ins that an interrupted handover left. */
export async function removeStandIns(session: Session, deployment: string): Promise<void> {
  const own = label("deployment", deployment);
  const standIns = await session.docker.labelled("container", own, STAND_INS);
  if (standIns.length > 0) {
    await session.docker.run(["container", "rm", "--force", "--volumes", ...standIns]);
  }
}

/** Removes everything with the deployment's id, volumes included, after a throw-away stack's destroy. */
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
