/** Nginx's workers around a reload: whose rules a caller still meets. */

/** How long a caller may take until it has said what it wants, once it is connected. */
export const FIRST_WORD_SECONDS = 15;

/**
 * Prints the title of each process in a container. Needs no `ps`, neither in the image nor on the
 * engine's host, as `docker top` does.
 */
export const TITLES = ["sh", "-c", "head -n 1 /proc/[0-9]*/cmdline 2>/dev/null; true"];

/** Workers of before a reload, by their process ids. */
export interface OldWorkers {
  /** They accept connections. */
  readonly accepting: readonly string[];
  /** They accept none, and have some left. */
  readonly leaving: readonly string[];
}

/**
 * Which of the workers that accepted connections before a reload are there now. A worker that is told
 * to go changes its title and closes its sockets in one go.
 *
 * @param before What TITLES printed before the reload.
 * @param now What it printed after it.
 */
export function oldWorkers(before: string, now: string): OldWorkers {
  const after = titles(now);
  const old = [...titles(before)].filter(([, title]) => title === ACCEPTING).map(([pid]) => pid);
  return {
    accepting: old.filter((pid) => after.get(pid) === ACCEPTING),
    leaving: old.filter((pid) => after.get(pid) === LEAVING),
  };
}

const ACCEPTING = "nginx: worker process";
const LEAVING = "nginx: worker process is shutting down";

function titles(printed: string): Map<string, string> {
  const found = printed.matchAll(/^==> \/proc\/(\d+)\/cmdline <==\n(.*)$/gm);
  return new Map(
    [...found].map(([, pid = "", line = ""]) => [pid, line.replaceAll("\0", " ").trim()]),
  );
}
