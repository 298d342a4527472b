/** The processes of a test project: those whose working folder is in it. Linux only. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { type ProgramName, RUN } from "../../names/programs.ts";

export interface RunningProcess {
  readonly pid: number;
  readonly command: string;
}

export function processesIn(dir: string): RunningProcess[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const folder = readlinkSync(`/proc/${pid}/cwd`);
        const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
        // A zombie has no command line.
        return command !== "" && `${folder}/`.startsWith(`${dir}/`)
          ? [{ pid: Number(pid), command }]
          : [];
      } catch {
        return [];
      }
    });
}

/** Whether a command line is that of one of our own programs, or of the shell that starts it. */
export const isProgram = (command: string, program: ProgramName): boolean =>
  command.includes(RUN) && command.endsWith(` ${program}`);
