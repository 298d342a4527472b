/**
 * A container in plain data, as a program declares it or as an engine runs it. What is undefined is not
 * known yet.
 */
export interface Container {
  /** `uid:gid` or names; empty for whoever the image says. */
  readonly user: Maybe<string>;
  readonly privileged: Maybe<boolean>;
  readonly readOnlyRoot: Maybe<boolean>;
  /** The mode of each namespace, such as "host". */
  readonly namespaces: Readonly<Partial<Record<Namespace, Maybe<string>>>>;
  readonly addedCapabilities: readonly Maybe<string>[];
  /** Such as "no-new-privileges" and "seccomp=unconfined". */
  readonly securityOptions: readonly Maybe<string>[];
  /** Its kind, such as "CMD"; "NONE" where it is switched off, empty where there is none. */
  readonly healthCheck: Maybe<string>;
  /** In bytes; 0 or less for no limit. */
  readonly memory: Maybe<number>;
  /** The restart policy; empty for "no". */
  readonly restart: Maybe<string>;
  /** Of the restart policy "on-failure"; 0 for no limit. */
  readonly retries: Maybe<number>;
  readonly publishesAllPorts: Maybe<boolean>;
  /** What it mounts of the host: the paths that are known. */
  readonly hostPaths: readonly string[];
}

export type Maybe<T> = T | undefined;

export const NAMESPACES = ["network", "process", "IPC", "UTS", "user", "cgroup"] as const;
export type Namespace = (typeof NAMESPACES)[number];
