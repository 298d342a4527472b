import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { type Deployed, type Role } from "../../integration/deployed/deployed.ts";
import { isProgram, processesIn } from "../../integration/processes.ts";
import type { ProgramName } from "../../../names/programs.ts";
import { docker } from "../../integration/project.ts";

/** When a run is killed. */
export type Moment = (the: Deployed, output: string) => boolean;

/** `npm run up` has told that it is done with a program. */
export const ended =
  (name: string): Moment =>
  (_, output) =>
    new RegExp(`^ {2}[+~] command ${name}( |$)`, "m").test(output);

/** One of our programs runs, and no other has been told of since a line matched. */
export const runs =
  (program: ProgramName, after: Moment): Moment =>
  (the, output) =>
    after(the, output) &&
    processesIn(the.project.dir).some(({ command }) => isProgram(command, program));

/** A service's container is away, as it is while it is replaced. */
export const isAway =
  (role: Role): Moment =>
  (the) =>
    !docker("ps", "--all", "--format", "{{.Names}}")
      .split("\n")
      .includes(`cybexp-${the.project.stack}-${role}`);

/** How long a run may take to come to the moment, and to end after it. */
const PATIENCE_SECONDS = 180;

/**
 * Starts `npm run up` and kills it at a moment: by SIGINT as Ctrl-C does, npm and what it started; by
 * SIGKILL everything of it at once, Pulumi and our programs too.
 */
export async function killUp(
  the: Deployed,
  moment: Moment,
  signal: "SIGINT" | "SIGKILL",
): Promise<string> {
  const child = the.project.start("up");
  let heard = "";
  child.stdout?.on("data", (text: Buffer) => (heard += text.toString()));
  const result = the.project.end(child);
  const deadline = Date.now() + PATIENCE_SECONDS * 1000;
  while (!moment(the, heard)) {
    if (child.exitCode !== null || Date.now() > deadline) {
      assert.fail(`the moment did not come: ${(await result).output}`);
    }
    await sleep(20);
  }
  const group = -(child.pid ?? assert.fail("npm did not start"));
  const victims =
    signal === "SIGINT" ? [group] : processesIn(the.project.dir).map(({ pid }) => pid);
  for (const pid of victims) {
    try {
      process.kill(pid, signal);
    } catch {
      // It has ended by itself.
    }
  }
  const { code, output } = await result;
  assert.notEqual(code, 0, output);
  the.heard.push(["the output of an up that was killed", output]);
  return output;
}
