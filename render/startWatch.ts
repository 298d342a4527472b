/** What to do about a container that has started and is not healthy yet. */

/** What the engine tells of it. */
export interface StartingContainer {
  readonly status: string;
  readonly healthy: boolean;
  readonly exitCode: number;
  readonly outOfMemory: boolean;
  /** How often the engine has started it again. */
  readonly restarts: number;
}

/**
 * It serves; it can't, whatever time it gets; or it has to be waited for: a database may replay its
 * journal for many minutes.
 */
export type Verdict = "serves" | "hopeless" | "starting";

/** Exit codes of programs that can't run at all: not executable, not there, SIGILL, SIGSYS. */
const NEVER = [126, 127, 132, 159];

/** So often a program may end, over something that passes, before it is given up ... */
const PATIENCE = 3;
/** ... or twice as often where none of the looks met it between two runs, when its exit code is known. */
const LAST_PATIENCE = 6;

export function judgeStart(container: StartingContainer): Verdict {
  const { status, healthy, exitCode, outOfMemory, restarts } = container;
  if (healthy && status === "running") {
    return "serves";
  }
  // The engine starts it again: what does not run any more was stopped, by hand or for good.
  if (status === "exited" || status === "dead" || status === "removing") {
    return "hopeless";
  }
  const ended = restarts > 0 || status === "restarting";
  // While it runs again, the code is 0 and tells nothing of how it ended before.
  if (ended && (NEVER.includes(exitCode) || outOfMemory)) {
    return "hopeless";
  }
  const limit = status === "restarting" ? PATIENCE : LAST_PATIENCE;
  return restarts >= limit ? "hopeless" : "starting";
}

/** Seconds after which it is said that it is waited for: the first time, and then every so often. */
export const FIRST_WORD = 15;
export const NEXT_WORD = 30;

/** Whether it is time for a message, given the seconds since the start and since the last message. */
export function isWordDue(sinceStart: number, sinceWord: number | undefined): boolean {
  return sinceWord === undefined ? sinceStart >= FIRST_WORD : sinceWord >= NEXT_WORD;
}
