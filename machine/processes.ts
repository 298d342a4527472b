import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

/** What the system says about a process. */
export interface ProcessInfo {
  readonly parent: number;
  /** When it started, in milliseconds since 1970. */
  readonly startedAt: number;
  /** The program's name, without a path. */
  readonly command: string;
}

/** For clocks and rounding: a process that started this long after a record may still have written it. */
const TOLERANCE_MS = 3000;

/** A running process; undefined if there is none, or it is a zombie. */
export function findProcess(pid: number): ProcessInfo | undefined {
  if (!Number.isInteger(pid) || pid <= 0) {
    return undefined;
  }
  return existsSync("/proc/self/stat") ? fromProc(pid) : fromPs(pid);
}

/**
 * The process that wrote a record at a certain time, if it still runs. A process that started later only
 * got the same id.
 */
export function findWriter(pid: number, writtenAt: number): ProcessInfo | undefined {
  const info = findProcess(pid);
  return info !== undefined && info.startedAt <= writtenAt + TOLERANCE_MS ? info : undefined;
}

/** Linux, where a minimal system has no `ps`. */
function fromProc(pid: number): ProcessInfo | undefined {
  try {
    const bootSeconds = Number(/^btime (\d+)$/m.exec(readFileSync("/proc/stat", "utf8"))?.[1]);
    return parseStat(readFileSync(`/proc/${pid}/stat`, "utf8"), bootSeconds);
  } catch {
    return undefined;
  }
}

/** Reads a line of /proc/PID/stat. Its times are in hundredths of a second since boot. */
export function parseStat(line: string, bootSeconds: number): ProcessInfo | undefined {
  // The name may contain spaces and brackets.
  const [, command, rest] = /^\d+ \((.*)\) (.*)$/s.exec(line) ?? [];
  const fields = rest?.trim().split(" ") ?? [];
  if (command === undefined || fields[0] === "Z" || fields[0] === "X") {
    return undefined;
  }
  const startedAt = (bootSeconds + Number(fields[19]) / 100) * 1000;
  return { parent: Number(fields[1]), startedAt, command };
}

/** macOS. */
function fromPs(pid: number): ProcessInfo | undefined {
  try {
    const columns = ["ppid=", "stat=", "etime=", "comm="].flatMap((column) => ["-o", column]);
    return parsePs(
      execFileSync("ps", [...columns, "-p", String(pid)], { encoding: "utf8" }),
      Date.now(),
    );
  } catch {
    return undefined;
  }
}

/** Reads `ps -o ppid= -o stat= -o etime= -o comm=`, where etime is [[days-]hours:]minutes:seconds. */
export function parsePs(line: string, now: number): ProcessInfo | undefined {
  const [, parent, status, days, hours, minutes, seconds, path] =
    /^\s*(\d+)\s+(\S+)\s+(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)\s+(.+?)\s*$/.exec(line) ?? [];
  if (path === undefined || status?.startsWith("Z")) {
    return undefined;
  }
  const [d = 0, h = 0, m = 0, s = 0] = [days, hours, minutes, seconds].map((n) => Number(n ?? 0));
  return {
    parent: Number(parent),
    startedAt: now - (((d * 24 + h) * 60 + m) * 60 + s) * 1000,
    command: path.split("/").at(-1) ?? path,
  };
}
