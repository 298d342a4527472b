import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "./lib/errors.ts";
import { step } from "./lib/progress.ts";
import type { Session } from "./session.ts";
import { stateDir } from "./stack.ts";
import { dropPending, readState, type StackState } from "./state.ts";

/** How long a run whose launcher died may take to stop. */
const STOP_SECONDS = 180;

/** The label of containers that serve while a service's own one is replaced. */
const STAND_INS = "cybexp.role=handover";

/** What Pulumi writes into a lock. */
interface Lock {
  readonly file: string;
  readonly pid: number;
  readonly hostname: string;
  readonly timestamp: string;
}

/**
 * Mends what a run that was killed left behind, as far as it is provably this stack's own: its lock,
 * its unfinished operations, and containers and networks that carry the deployment's id and are not
 * in the state. Says nothing when there is nothing to mend.
 */
export async function recover(session: Session): Promise<StackState> {
  if (session.embedded) {
    await releaseLocks(session.stack);
  }
  const state = await readState(session);
  if (state.deployment !== undefined) {
    await removeOrphans(session, state);
  }
  if (state.pending > 0) {
    await step(`Forgetting ${state.pending} unfinished operations of a run that died`, () =>
      dropPending(session, state),
    );
    return readState(session);
  }
  return state;
}

async function releaseLocks(stack: string): Promise<void> {
  for (const lock of locksOf(stack)) {
    if (lock.hostname !== hostname()) {
      throw new UserError(
        `the stack ${stack} is locked by process ${lock.pid} on ${lock.hostname} since ${lock.timestamp}: ` +
          `wait for it, or, if it is gone, run \`npm run pulumi -- cancel --stack ${stack} --yes\``,
      );
    }
    const holder = describeProcess(lock.pid);
    if (holder?.isPulumi) {
      if (!holder.orphan) {
        throw new UserError(
          `the stack ${stack} is being changed by another run (process ${lock.pid}, since ${lock.timestamp}): wait for it to end`,
        );
      }
      await step(`Stopping an earlier run that lost its terminal (process ${lock.pid})`, () =>
        stopRun(lock),
      );
    }
    // Gone by itself when its owner ended in order.
    if (existsSync(lock.file)) {
      process.stderr.write(`- Removing the lock of a run that died (process ${lock.pid})\n`);
      rmSync(lock.file, { force: true });
    }
  }
}

function locksOf(stack: string): Lock[] {
  const folder = join(stateDir, ".pulumi", "locks", "organization", "cybexp", stack);
  if (!existsSync(folder)) {
    return [];
  }
  return readdirSync(folder).flatMap((name) => {
    const file = join(folder, name);
    try {
      return [{ ...(JSON.parse(readFileSync(file, "utf8")) as Omit<Lock, "file">), file }];
    } catch {
      // Cut off by the kill, or gone by now: its owner can't be told, and nobody holds it.
      return existsSync(file) ? [{ file, pid: 0, hostname: hostname(), timestamp: "" }] : [];
    }
  });
}

/** What `ps` says of a process; undefined when it is no more. A pid may belong to a stranger by now. */
function describeProcess(pid: number): { isPulumi: boolean; orphan: boolean } | undefined {
  if (pid <= 0) {
    return undefined;
  }
  try {
    const output = execFileSync("ps", ["-o", "ppid=,stat=,comm=", "-p", String(pid)], {
      encoding: "utf8",
    });
    const [parent = "", status = "", ...command] = output.trim().split(/\s+/);
    return {
      isPulumi: !status.startsWith("Z") && /pulumi$/.test(command.join(" ")),
      orphan: parent === "1",
    };
  } catch {
    return undefined;
  }
}

/** SIGINT once: Pulumi finishes what is under way and writes its state. */
async function stopRun(lock: Lock): Promise<void> {
  process.kill(lock.pid, "SIGINT");
  for (let waited = 0; waited < STOP_SECONDS; waited += 0.25) {
    if (!describeProcess(lock.pid)?.isPulumi) {
      return;
    }
    await sleep(250);
  }
  throw new UserError(
    `process ${lock.pid}, an earlier run, did not stop within ${STOP_SECONDS} s: end it with \`kill ${lock.pid}\``,
  );
}

/** What carries this deployment's id and is not in the state was made by a run that died. */
async function removeOrphans(session: Session, state: StackState): Promise<void> {
  const label = `cybexp.deployment=${state.deployment}`;
  // One may be all that serves: the programs of the handover know when it may go.
  const standIns = await session.docker.labelled("container", STAND_INS);
  // Containers first: a network with one attached can't go. Volumes are adopted again by name.
  for (const kind of ["container", "network"] as const) {
    const known = [...state.known[kind], ...standIns];
    const ids = await session.docker.labelled(kind, label);
    // The engine lists short ids.
    const orphans = ids.filter((id) => !known.some((full) => full.startsWith(id)));
    if (orphans.length > 0) {
      const command =
        kind === "container" ? ["container", "rm", "--force", "--volumes"] : ["network", "rm"];
      await step(`Removing ${orphans.length} ${kind}s that a run made and did not record`, () =>
        session.docker.run([...command, ...orphans]),
      );
    }
  }
}

/** Removes what stands in for a service, after a handover that was cut off: before a destroy. */
export async function removeStandIns(session: Session, deployment: string): Promise<void> {
  const standIns = await session.docker.labelled("container", STAND_INS);
  const own = await session.docker.labelled("container", `cybexp.deployment=${deployment}`);
  for (const id of standIns.filter((standIn) => own.includes(standIn))) {
    await session.docker.run(["container", "rm", "--force", "--volumes", id]);
  }
}

/** Removes whatever carries the deployment's id, volumes too: after a destroy of a throw-away stack. */
export async function removeLeftovers(session: Session, deployment: string): Promise<void> {
  const label = `cybexp.deployment=${deployment}`;
  const commands = {
    container: ["container", "rm", "--force", "--volumes"],
    network: ["network", "rm"],
    volume: ["volume", "rm"],
  };
  for (const kind of ["container", "network", "volume"] as const) {
    const found = await session.docker.labelled(kind, label);
    if (found.length > 0) {
      await session.docker.run([...commands[kind], ...found]);
    }
  }
}
