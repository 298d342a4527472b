/** Why a container is not well, as far as the engine and its log tell. */
import { exitWords } from "./exitCodes.ts";
import { healthWords } from "./healthWords.ts";
import { meaningsOf } from "./logWords.ts";
import { lastLine } from "./oneLine.ts";

/** What `docker container inspect` tells of it, as far as it matters here. */
export interface UnwellContainer {
  readonly RestartCount: number;
  readonly State: {
    readonly Status: string;
    readonly ExitCode: number;
    readonly OOMKilled: boolean;
    readonly Health?: {
      readonly Log?: readonly { readonly ExitCode: number; readonly Output: string }[] | null;
    };
  };
}

/** @param log The last lines that it wrote. */
export function causes({ State, RestartCount }: UnwellContainer, log: string): string[] {
  const ended = State.Status !== "running" || RestartCount > 0;
  const why = State.OOMKilled ? "it took more memory than it may" : exitWords(State.ExitCode);
  const times =
    RestartCount > 0 ? `it ends again and again, ${RestartCount + 1} times so far` : "it ended";
  const failed = State.Health?.Log?.findLast(({ ExitCode }) => ExitCode !== 0);
  const words = failed && healthWords(failed.Output);
  return [
    ...(ended ? [`${times} (${why})`] : []),
    // Of one that ended it says no more than that nobody answers.
    ...(words !== undefined && !ended ? [`its health check says: ${words}`] : []),
    `its last words: ${lastLine(log)}`,
    ...(ended ? meaningsOf(log) : []),
  ];
}
