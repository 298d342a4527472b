/** Why a container that an `up` waited for in vain is not well: what the engine knows of it. */
import type { Docker } from "../programs/docker/docker.ts";
import { exitWords } from "../programs/docker/exitCodes.ts";
import { healthWords } from "../programs/docker/healthWords.ts";
import { lastLine } from "../programs/docker/oneLine.ts";
import type { Update } from "./update.ts";
import { lookAtLog } from "./updateReport.ts";

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

/** The update with the cause in each failure of a container, as far as the engine knows one. */
export async function withCauses(docker: Docker, update: Update): Promise<Update> {
  const failures = await Promise.all(
    update.failures.map(async (sentence) => {
      const name = update.unwell.get(sentence);
      const found = name && (await docker.inspect<UnwellContainer>("container", name));
      if (!name || !found) {
        return sentence;
      }
      const log = await docker.logs(name, 20);
      return [sentence.slice(0, -lookAtLog(name).length), ...causes(found, log)]
        .join("; ")
        .concat(lookAtLog(name));
    }),
  );
  return { ...update, failures };
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
  ];
}
