/** How a Docker engine is reached: what the provider and every program beside it are told. */
import { z } from "zod";

const shape = z.strictObject({
  /** As in DOCKER_HOST. */
  host: z.string().optional(),
  /** A context of Docker's command line, in place of a host. */
  context: z.string().min(1).optional(),
  /** What an engine at `tcp://` asks for, as PEM text. */
  tls: z
    .strictObject({ ca: z.string(), certificate: z.string(), privateKey: z.string() })
    .optional(),
  /** The same as files: the folder with ca.pem, cert.pem and key.pem. */
  certPath: z.string().optional(),
  /** For an engine at `ssh://`, as the ssh program takes them. */
  sshOptions: z.array(z.string()).optional(),
  /** Logins for pulling images. They replace those of the command line. */
  registries: z
    .array(z.strictObject({ address: z.string(), username: z.string(), password: z.string() }))
    .optional(),
});

/**
 * How an engine is reached, as the programs are told. Secret if there is a key or password in it.
 *
 * @interface
 */
export type EngineConnection = z.infer<typeof shape>;

/** The same before all of it is known: only text is. */
export type ConnectionShape = Readonly<Record<keyof EngineConnection, unknown>>;

/** What is wrong with a connection, as sentences without its values. */
export function connectionTroubles(connection: Partial<ConnectionShape>): string[] {
  const { host, context, tls, certPath, sshOptions } = connection;
  const options: unknown[] = Array.isArray(sshOptions) ? sshOptions : [];
  const rules: [boolean, string][] = [
    [
      (host === undefined) === (context === undefined),
      "give either `host`, as in DOCKER_HOST, or `context`, the name of a context of Docker's command line",
    ],
    [
      !couldBe(host ?? "unix://", /^(unix|npipe|ssh|tcp|fd|https?):\/\//),
      "`host` is an address such as unix:///run/docker.sock, ssh://user@machine or tcp://machine:2376",
    ],
    [
      tls !== undefined && certPath !== undefined,
      "give either `tls`, with the text of certificates and key, or `certPath`, the folder with their files",
    ],
    [
      (tls ?? certPath) !== undefined && !couldBe(host, /^(tcp|https?):/),
      "`tls` and `certPath` are for a `host` that begins with tcp://",
    ],
    [!couldBe(certPath ?? "/", /^\//), "`certPath` is a whole path, which begins with /"],
    [
      options.length > 0 && !couldBe(host, /^ssh:/),
      "`sshOptions` are for a `host` that begins with ssh://",
    ],
    [
      !options.every((option) => couldBe(option, /^[^\r\n]+$/)),
      "each of the `sshOptions` is an argument of ssh, in one line",
    ],
  ];
  return rules.filter(([wrong]) => wrong).map(([, sentence]) => sentence);
}

/** What is no text is not known yet. */
const couldBe = (value: unknown, pattern: RegExp): boolean =>
  value !== undefined && (typeof value !== "string" || pattern.test(value));

export const engineConnection = shape.superRefine((connection, context) => {
  for (const message of connectionTroubles(connection)) {
    context.addIssue({ code: "custom", message });
  }
});

/** A program's input: an address as in DOCKER_HOST, a connection, or nothing for what the environment says. */
export const engineInput = z.union([z.string(), engineConnection]).optional();

/** The same, or an address alone. */
export type EngineInput = string | EngineConnection | undefined;

/** The address, if the engine is named by one. */
export const hostOf = (engine: EngineInput): string | undefined =>
  typeof engine === "string" ? engine : engine?.host;

/** Whether an address is a socket of this machine. */
export const isLocalSocket = (host: string): boolean => /^(unix|npipe|fd):/.test(host);
