/** Why a container is unhealthy, as far as the engine and its log show. */
import { exitWords } from "./exitCodes.ts";
import { healthWords } from "./healthWords.ts";
import { meaningsOf } from "./logWords.ts";
import { lastLine } from "./oneLine.ts";

/** The part of `docker container inspect` that is used here. */
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

/** @param log The last lines of the container's log. */
export function causes({ State, RestartCount }: UnwellContainer, log: string): string[] {
  const ended = State.Status !== "running" || RestartCount > 0;
  const why = State.OOMKilled ? "it exceeded its memory limit" : exitWords(State.ExitCode);
  const times = RestartCount > 0 ? `it keeps ending, ${RestartCount + 1} times so far` : "it ended";
  const failed = State.Health?.Log?.findLast(({ ExitCode }) => ExitCode !== 0);
  const words = failed && healthWords(failed.Output);
  return [
    ...(ended ? [`${times} (${why})`] : []),
    // After the end, a health check only says that nothing answers.
    ...(words !== undefined && !ended ? [`its health check says: ${words}`] : []),
    `its log ends with: ${lastLine(log)}`,
    ...(ended ? meaningsOf(log) : []),
  ];
}
