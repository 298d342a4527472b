/** Which of a volume's releases may go. */

/** So many stay in any case, because a worker of the proxy may still use them. */
export const KEPT_RELEASES = 5;

export interface Releases {
  /** The digests of all releases in the volume. */
  readonly newestFirst: readonly string[];
  /** The one that `current` points to. */
  readonly current: string;
  /** The one that was just written. */
  readonly written: string;
  /** Those that a container mounts, running or not. It can't start again without its files. */
  readonly mounted: readonly string[];
}

/** The releases that nothing uses, apart from the newest few. */
export function releasesToRemove({ newestFirst, current, written, mounted }: Releases): string[] {
  const used = new Set([current, written, ...mounted]);
  return newestFirst.slice(KEPT_RELEASES).filter((digest) => !used.has(digest));
}
