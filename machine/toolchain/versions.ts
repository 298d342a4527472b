/** The Pulumi CLI that is downloaded or built; toolchain/go.mod names the same. */
export const cliVersion = "3.256.0";

/** The oldest CLI found on PATH that is used as it is; a new major version is not. */
export const oldestCli = "3.230.0";

/** The resource plugins of the program, by name, at the versions of their npm SDKs. */
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
 * Reads the first version number in a text, as in `v3.256.0`, `go1.26.8` or `pulumi 3.230`.
 * A missing patch number is 0; undefined where the text has no version.
 */
export function parseVersion(text: string): Version | undefined {
  const match = /(\d+)\.(\d+)(?:\.(\d+))?/.exec(text);
  if (!match) {
    return undefined;
  }
  return { major: Number(match[1]), minor: Number(match[2]), patch: Number(match[3] ?? 0) };
}

/** Negative where a is older than b, 0 where they are the same, positive where a is newer. */
export function compareVersions(a: Version, b: Version): number {
  return a.major - b.major || a.minor - b.minor || a.patch - b.patch;
}

/** Whether the version in a text is at least the given one; false where the text has none. */
export function isAtLeast(text: string, oldest: string): boolean {
  const [found, wanted] = [parseVersion(text), parseVersion(oldest)];
  return !!found && !!wanted && compareVersions(found, wanted) >= 0;
}

/** Whether a CLI found on PATH serves: from 3.230.0, within the major version. */
export function isUsableCli(version: string): boolean {
  return (
    isAtLeast(version, oldestCli) &&
    parseVersion(version)?.major === parseVersion(oldestCli)?.major
  );
}
