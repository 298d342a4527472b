/** Decides which engine to use: the value for DOCKER_HOST, and where that engine is. */
import { join } from "node:path";
import { UserError } from "../../programs/errors.ts";

const DEFAULT_HOSTS: readonly (string | undefined)[] = [
  undefined,
  "unix:///var/run/docker.sock",
  "unix:///run/docker.sock",
  "npipe:////./pipe/docker_engine",
];

export interface HostSources {
  /** The stack's `docker:host`. */
  readonly configured?: string | undefined;
  /** DOCKER_HOST in the environment. */
  readonly environment?: string | undefined;
  /** The endpoint of the command line's current context. */
  readonly context?: string | undefined;
}

/**
 * The first one that is set: config, environment, context. `undefined` means the command line's own
 * default. A context is turned into its address, because Pulumi's Docker provider reads only DOCKER_HOST.
 */
export function chooseHost(sources: HostSources): string | undefined {
  const configured = sources.configured?.trim();
  const host = configured || sources.environment?.trim();
  if (!host) {
    return isDefaultHost(sources.context) ? undefined : sources.context;
  }
  if (!/^(unix|npipe|ssh|tcp|fd|https?):\/\/./.test(host)) {
    throw new UserError(
      `${configured ? "docker:host" : "DOCKER_HOST"} is "${host}", which is not the address of an engine: ` +
        "use for example unix:///var/run/docker.sock or ssh://user@machine.",
    );
  }
  return host;
}

/** Whether that is the socket where an engine on this machine listens by default. */
export function isDefaultHost(host: string | undefined): boolean {
  return DEFAULT_HOSTS.includes(host);
}

/** Whether the engine is reached through a socket of this machine (its files may still be a VM's). */
export function isLocalHost(host: string | undefined): boolean {
  return host === undefined || /^(unix|npipe|fd):/.test(host);
}

/** How a context of the command line reaches its engine. */
export interface ContextEndpoint {
  /** As in DOCKER_HOST. */
  readonly host: string;
  /** The folder with ca.pem, cert.pem and key.pem, as in DOCKER_CERT_PATH, if it uses TLS. */
  readonly certPath?: string;
}

/**
 * The endpoint in the output of `docker context inspect`; undefined if there is none.
 *
 * @throws UserError for a context that does not verify the engine's certificate
 */
export function contextEndpoint(inspected: string): ContextEndpoint | undefined {
  const [context] = JSON.parse(inspected) as {
    Name?: string;
    Endpoints?: { docker?: { Host?: string; SkipTLSVerify?: boolean } };
    TLSMaterial?: { docker?: readonly string[] };
    Storage?: { TLSPath?: string };
  }[];
  const { Host: host, SkipTLSVerify: unverified = false } = context?.Endpoints?.docker ?? {};
  if (!host) {
    return undefined;
  }
  if (unverified) {
    throw new UserError(
      `the Docker context ${context?.Name} does not verify the engine's certificate (skip-tls-verify): ` +
        "somebody in between could pose as the engine. Give the context the engine's ca.pem with `docker context update`",
    );
  }
  const folder = context?.Storage?.TLSPath;
  const hasFiles = (context?.TLSMaterial?.docker ?? []).length > 0;
  return { host, ...(hasFiles && folder && { certPath: join(folder, "docker") }) };
}

/**
 * The environment with which the command line, Pulumi's provider and every program beside it reach the
 * same engine. It has no DOCKER_CONTEXT: the provider reads that, too, but does not know the context
 * `default`.
 */
export function engineEnvironment(
  env: NodeJS.ProcessEnv,
  {
    host,
    certPath,
  }: { readonly host?: string | undefined; readonly certPath?: string | undefined },
): NodeJS.ProcessEnv {
  const others = Object.entries(env).filter(([name]) => name !== "DOCKER_CONTEXT");
  return {
    ...Object.fromEntries(others),
    ...(host !== undefined && { DOCKER_HOST: host }),
    ...(certPath !== undefined && { DOCKER_CERT_PATH: certPath, DOCKER_TLS_VERIFY: "1" }),
  };
}
