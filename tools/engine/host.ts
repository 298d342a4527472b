/** Which engine is meant: the value for DOCKER_HOST, and what it says about where the engine is. */
import { UserError } from "../lib/errors.ts";

const DEFAULT_HOSTS: readonly (string | undefined)[] = [
  undefined,
  "unix:///var/run/docker.sock",
  "unix:///run/docker.sock",
  "npipe:////./pipe/docker_engine",
];

export interface HostSources {
  /** The stack's `docker:host`. */
  readonly configured?: string | undefined;
  /** DOCKER_HOST of the environment. */
  readonly environment?: string | undefined;
  /** The endpoint of the command line's current context. */
  readonly context?: string | undefined;
}

/**
 * The first that is given: config, environment, context. `undefined` stands for the command line's
 * own default. A context is spelled out, since Pulumi's Docker provider knows DOCKER_HOST only.
 */
export function chooseHost(sources: HostSources): string | undefined {
  const configured = sources.configured?.trim();
  const host = configured || sources.environment?.trim();
  if (!host) {
    return isDefaultHost(sources.context) ? undefined : sources.context;
  }
  if (!/^(unix|npipe|ssh|tcp|fd|https?):\/\/./.test(host)) {
    throw new UserError(
      `${configured ? "docker:host" : "DOCKER_HOST"} is "${host}", which is no engine's address: ` +
        "write for example unix:///var/run/docker.sock or ssh://user@machine.",
    );
  }
  return host;
}

/** Whether that is the socket where an engine on this machine listens when nobody says otherwise. */
export function isDefaultHost(host: string | undefined): boolean {
  return DEFAULT_HOSTS.includes(host);
}

/** Whether the engine is reached through a socket of this machine (its files may still be a VM's). */
export function isLocalHost(host: string | undefined): boolean {
  return host === undefined || /^(unix|npipe|fd):/.test(host);
}

/**
 * The endpoint that `docker context inspect` tells, or undefined when DOCKER_HOST could not stand
 * for it: a context with TLS files of its own.
 */
export function contextHost(inspected: string): string | undefined {
  const [context] = JSON.parse(inspected) as {
    Endpoints?: { docker?: { Host?: string } };
    TLSMaterial?: Record<string, unknown>;
  }[];
  if (Object.keys(context?.TLSMaterial ?? {}).length > 0) {
    return undefined;
  }
  return context?.Endpoints?.docker?.Host;
}
