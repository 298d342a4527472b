/** Where the engine of a program comes from that names none: the config `docker:...`, or the environment. */
import { connectionTroubles, type EngineConnection, type EngineInput } from "./engineConnection.ts";

/** What the stack's config may say about the default provider's engine, by the names of its keys. */
export interface DockerConfig {
  readonly host?: string | undefined;
  readonly context?: string | undefined;
  readonly caMaterial?: string | undefined;
  readonly certMaterial?: string | undefined;
  readonly keyMaterial?: string | undefined;
  readonly certPath?: string | undefined;
  readonly sshOpts?: readonly string[] | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

const DEFAULT_HOST = "unix:///var/run/docker.sock";

/**
 * What programs must be told so that they reach the provider's engine. For an address alone it is that address, and
 * for the environment's engine nothing: programs have the same environment.
 *
 * @throws RangeError with a sentence, if provider and programs would go to different engines
 */
export function configuredConnection(config: DockerConfig, env: Environment): EngineInput {
  const { host, context } = config;
  const named = host !== undefined ? "docker:host" : env["DOCKER_HOST"] && "DOCKER_HOST";
  if (context === undefined && named && env["DOCKER_CONTEXT"]) {
    throw new RangeError(
      `${named} and DOCKER_CONTEXT both name an engine, and Pulumi's provider would follow the one, Docker's ` +
        "command line the other: unset DOCKER_CONTEXT",
    );
  }
  const more = { ...tlsOf(config), ...filesOf(config), ...sshOf(config) };
  if (context === undefined && Object.keys(more).length === 0) {
    return host;
  }
  const place =
    context === undefined ? { host: host ?? (env["DOCKER_HOST"] || DEFAULT_HOST) } : { context };
  const connection: EngineConnection = { ...place, ...more };
  const troubles = connectionTroubles(connection);
  if (troubles.length > 0) {
    throw new RangeError(`the stack's config about docker: ${troubles.join("; ")}`);
  }
  return connection;
}

function tlsOf({
  caMaterial: ca,
  certMaterial: certificate,
  keyMaterial: privateKey,
}: DockerConfig) {
  if (ca === undefined && certificate === undefined && privateKey === undefined) {
    return {};
  }
  if (ca === undefined || certificate === undefined || privateKey === undefined) {
    throw new RangeError(
      "docker:caMaterial, docker:certMaterial and docker:keyMaterial belong together: set all three or none",
    );
  }
  return { tls: { ca, certificate, privateKey } };
}

const filesOf = ({ certPath }: DockerConfig) => (certPath === undefined ? {} : { certPath });

const sshOf = ({ sshOpts = [] }: DockerConfig) =>
  sshOpts.length === 0 ? {} : { sshOptions: [...sshOpts] };
