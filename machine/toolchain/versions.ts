/** The version of the Pulumi CLI that is downloaded or built. toolchain/go.mod has the same. */
export const cliVersion = "3.256.0";

/** The oldest CLI on PATH that is used as it is. A new major version is not used. */
export const oldestCli = "3.230.0";

/** The program's resource plugins by name, in the versions of their npm SDKs. */
export const plugins = {
  command: "1.2.1",
  docker: "5.2.0",
  random: "4.21.2",
  tls: "5.6.1",
} as const;

export interface Version {
  major: number;
  minor: number;
  patch: number;
}

/**
 * Reads the first version number in a text, such as `v3.256.0`, `go1.26.8` or `pulumi 3.230`. A missing
 * patch number is 0. Returns undefined if the text has no version.
 */
export function parseVersion(text: string): Version | undefined {
  const match = /(\d+)\.(\d+)(?:\.(\d+))?/.exec(text);
  if (!match) {
    return undefined;
  }
  return { major: Number(match[1]), minor: Number(match[2]), patch: Number(match[3] ?? 0) };
}

/** Negative if a is older than b, 0 if they are the same, positive if a is newer. */
export function compareVersions(a: Version, b: Version): number {
  return a.major - b.major || a.minor - b.minor || a.patch - b.patch;
}

/** Whether the version in a text is at least the given one; false if the text has none. */
export function isAtLeast(text: string, oldest: string): boolean {
  const [found, wanted] = [parseVersion(text), parseVersion(oldest)];
  return !!found && !!wanted && compareVersions(found, wanted) >= 0;
}

/** Whether a CLI on PATH can be used: 3.230.0 or newer, in the same major version. */
export function isUsableCli(version: string): boolean {
  return (
    isAtLeast(version, oldestCli) &&
    parseVersion(version)?.major === parseVersion(oldestCli)?.major
  );
}
