import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { COMPONENT } from "../names/types.ts";
import {
  type EngineConnection,
  type EngineInput,
  connectionTroubles,
} from "../settings/engineConnection.ts";
import { refusal } from "./refusal.ts";

/** A Docker engine: what makes the resources on it, and how the programs that run beside them reach it. */
export interface Engine {
  /** The programs': an address as in DOCKER_HOST, or more; absent for what the environment says. */
  readonly connection: pulumi.Input<EngineInput>;
  /** The resources'. It must lead to the same engine. @default the program's default provider */
  readonly provider?: docker.Provider | undefined;
}

/** A login at a registry. */
export interface RegistryLogin {
  /** Such as `registry.example.edu`. */
  readonly address: pulumi.Input<string>;
  readonly username: pulumi.Input<string>;
  readonly password: pulumi.Input<string>;
}

/** How an engine is reached. */
export interface DockerEngineArgs {
  /** As in DOCKER_HOST: `unix:///run/docker.sock`, `ssh://operator@machine:22`, `tcp://machine:2376`. */
  readonly host?: pulumi.Input<string>;
  /** In place of a host: a context of Docker's command line whose engine asks for no certificate. */
  readonly context?: pulumi.Input<string>;
  /** What an engine at `tcp://` asks for, as PEM text. The state keeps it, encrypted. */
  readonly tls?: {
    /** What the engine is verified by. */
    readonly ca: pulumi.Input<string>;
    readonly certificate: pulumi.Input<string>;
    readonly privateKey: pulumi.Input<string>;
  };
  /** The same as files: the folder with `ca.pem`, `cert.pem` and `key.pem`. New files run no program again. */
  readonly certPath?: pulumi.Input<string>;
  /** For `ssh://`, an argument of ssh each: `["-i", "/home/ann/.ssh/engine", "-o", "ProxyJump=hop"]`. */
  readonly sshOptions?: readonly pulumi.Input<string>[];
  /**
   * Logins for pulling images, which a program does. They replace those of Docker's command line. The provider
   * gets none: it takes no `registryAuth` from a program in Node.
   */
  readonly registries?: readonly RegistryLogin[];
}

/**
 * A Docker engine that the program names. Nothing in the environment, such as DOCKER_HOST, DOCKER_CONTEXT or
 * DOCKER_CERT_PATH, changes where it is or how it is reached.
 */
export class DockerEngine extends pulumi.ComponentResource implements Engine {
  readonly connection: pulumi.Output<EngineConnection>;
  readonly provider: docker.Provider;

  constructor(name: string, args: DockerEngineArgs, opts?: pulumi.ComponentResourceOptions) {
    const connection = given(args);
    const troubles = connectionTroubles(connection);
    if (troubles.length > 0) {
      throw refusal(`the engine "${name}": ${troubles.join("; ")}`);
    }
    super(COMPONENT.engine, name, {}, opts);
    this.connection = pulumi.output(connection);
    this.provider = new docker.Provider(name, providerArgs(this.connection), { parent: this });
    this.registerOutputs({});
  }
}

/** Only what is given, with its secrets as secrets. */
function given(args: DockerEngineArgs) {
  const { host, context, tls, certPath, sshOptions = [], registries = [] } = args;
  return {
    ...(host !== undefined && { host }),
    ...(context !== undefined && { context }),
    ...(tls && { tls: { ...tls, privateKey: pulumi.secret(tls.privateKey) } }),
    ...(certPath !== undefined && { certPath }),
    ...(sshOptions.length > 0 && { sshOptions: [...sshOptions] }),
    ...(registries.length > 0 && {
      registries: registries.map((login) => ({
        ...login,
        password: pulumi.secret(login.password),
      })),
    }),
  };
}

/** All that it would take from the environment if it were absent. */
function providerArgs(connection: pulumi.Output<EngineConnection>): docker.ProviderArgs {
  const open = <T>(read: (known: EngineConnection) => T) =>
    pulumi.unsecret(connection.apply((known) => read(known)));
  return {
    host: open(({ host }) => host ?? ""),
    context: open(({ context }) => context ?? ""),
    caMaterial: open(({ tls }) => tls?.ca ?? ""),
    certMaterial: open(({ tls }) => tls?.certificate ?? ""),
    keyMaterial: connection.apply(({ tls }) => tls?.privateKey ?? ""),
    certPath: open(({ certPath }) => certPath ?? ""),
    sshOpts: open(({ sshOptions }) => sshOptions ?? []),
  };
}
