/**
 * Finds what a run that died left behind, for commands that only look. They report it; `up` and `down`
 * clean it up.
 */
import { isCutOff } from "./stateBackup.ts";
import { UserError } from "../programs/errors.ts";
import { npmRun } from "../programs/npmRun.ts";
import { deadLocks, orphansOf } from "./recovery.ts";
import { type AtRest, lookAtRuns } from "./runLock.ts";
import type { Session } from "./session.ts";
import type { StackState } from "./state.ts";

/**
 * Checks that nobody is changing the stack, and changes nothing itself.
 *
 * @throws UserError when a run is changing it, or the state must be repaired before it can be read
 */
export function requireRest(stack: string, embedded: boolean): AtRest {
  const died = lookAtRuns(stack);
  if (!embedded) {
    return { died, locks: 0 };
  }
  if (isCutOff(stack)) {
    throw new UserError(
      `the state of ${stack} is cut off, perhaps by a full disk: \`${npmRun("up", stack)}\` restores its backup`,
    );
  }
  return { died, locks: deadLocks(stack).length };
}

/** One sentence about the traces of a run that died; undefined if there are none. */
export async function leftBehind(
  session: Pick<Session, "docker" | "stack">,
  state: StackState,
  { died, locks }: AtRest,
): Promise<string | undefined> {
  const [containers, networks] = await Promise.all([
    orphansOf(session, state, "container"),
    orphansOf(session, state, "network"),
  ]);
  return told(session.stack, {
    died,
    locks,
    operations: state.pending,
    containers: containers.length,
    networks: networks.length,
  });
}

/** How many things of each kind a dead run left. */
export interface Traces extends AtRest {
  readonly operations: number;
  readonly containers: number;
  readonly networks: number;
}

export function told(stack: string, traces: Traces): string | undefined {
  const { died, locks, operations, containers, networks } = traces;
  const left = [
    ...counted(operations, "unfinished operation"),
    ...counted(
      containers,
      "container that is not in the state",
      "containers that are not in the state",
    ),
    ...counted(networks, "network that is not in the state", "networks that are not in the state"),
    ...(locks > 0 || died !== undefined ? ["its lock"] : []),
  ];
  if (left.length === 0) {
    return undefined;
  }
  const run = died?.command === undefined ? "A run that died" : `\`${died.command}\` died and`;
  const last = left.pop() ?? "";
  const list = left.length === 0 ? last : `${left.join(", ")} and ${last}`;
  return `${run} left ${list}: \`${npmRun("up", stack)}\` cleans up and continues from there`;
}

function counted(number: number, one: string, many = `${one}s`): string[] {
  return number === 0 ? [] : [`${number} ${number === 1 ? one : many}`];
}
