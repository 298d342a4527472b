/**
 * Waits until a container is healthy, for as long as that takes, and reports meanwhile what it is doing.
 * Gives up early, with the cause, if the container can't become healthy because it keeps ending.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { isWordDue, judgeStart } from "../../render/startWatch.ts";
import { engineInput } from "../../settings/engineConnection.ts";
import { causes, type UnwellContainer } from "../docker/causes.ts";
import { Docker } from "../docker/docker.ts";
import { UserError } from "../errors.ts";
import { lastLine } from "../docker/oneLine.ts";
import { runProgram } from "../program.ts";

const input = z.object({
  dockerHost: engineInput,
  container: z.string(),
  /** Seconds after which to give up. */
  limit: z.number().int().positive(),
});

interface Info extends UnwellContainer {
  readonly Name: string;
  readonly State: UnwellContainer["State"] & { readonly Health?: { readonly Status: string } };
}

await runProgram(
  input,
  ({ limit }) => limit + 30,
  async ({ dockerHost, container, limit }) => {
    const docker = new Docker(dockerHost);
    const start = performance.now();
    const seconds = () => (performance.now() - start) / 1000;
    let word: number | undefined;
    // Once it runs again, the engine no longer says how it ended before.
    let ended: Info | undefined;
    for (;;) {
      const info = await docker.inspect<Info>("container", container);
      if (info === undefined) {
        throw new UserError(`the container ${container} was removed before it was healthy`);
      }
      const { State, RestartCount } = info;
      ended = State.Status === "restarting" ? info : ended;
      const name = info.Name.slice(1);
      const verdict = judgeStart({
        status: State.Status,
        healthy: State.Health?.Status === "healthy",
        exitCode: State.ExitCode,
        outOfMemory: State.OOMKilled,
        restarts: RestartCount,
      });
      if (verdict === "serves") {
        return;
      }
      const log = () => docker.logs(container, 20);
      if (verdict === "hopeless" || seconds() > limit) {
        const opening =
          verdict === "hopeless"
            ? `${name} can't start`
            : `${name} was not healthy after ${Math.round(seconds())} s`;
        throw new UserError(
          `${[opening, ...causes(ended ?? info, await log())].join("; ")}: see \`docker logs ${name}\``,
        );
      }
      if (isWordDue(seconds(), word === undefined ? undefined : seconds() - word)) {
        word = seconds();
        process.stderr.write(
          `waiting for ${name} to start, ${Math.round(word)} s so far; its log ends with: ${lastLine(await log())}\n`,
        );
      }
      await sleep(500);
    }
  },
);
