/** The processes of a test project: those whose working folder is in it. Linux only. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

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
