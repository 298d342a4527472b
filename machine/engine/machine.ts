/** What kind of machine this is, which decides what can be installed on it. */
import { existsSync, readFileSync } from "node:fs";

export interface Machine {
  readonly platform: NodeJS.Platform;
  /** `ID` and `ID_LIKE` of /etc/os-release: what the distribution is, and what it descends from. */
  readonly distribution: readonly string[];
  readonly root: boolean;
}

export function thisMachine(): Machine {
  const release = "/etc/os-release";
  return {
    platform: process.platform,
    distribution: existsSync(release) ? distribution(readFileSync(release, "utf8")) : [],
    root: process.getuid?.() === 0,
  };
}

/** The words of `ID` and `ID_LIKE`. */
export function distribution(osRelease: string): string[] {
  const words = (key: string) =>
    new RegExp(`^${key}=["']?([^"'\\n]*)`, "m").exec(osRelease)?.[1]?.split(/\s+/) ?? [];
  return [...words("ID"), ...words("ID_LIKE")].filter(Boolean);
}

/** Debian, Ubuntu or a descendant: the machines on which this project can install packages. */
export function hasApt(machine: Machine): boolean {
  return (
    machine.platform === "linux" &&
    machine.distribution.some((name) => name === "debian" || name === "ubuntu")
  );
}
