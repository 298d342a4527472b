/** How a program reaches a Docker engine: as the docker command line's environment. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";

/** An engine that takes more to reach than an address. */
const connection = z.strictObject({
  /** As in DOCKER_HOST. */
  host: z.string().optional(),
  /** A context of the command line, in place of a host. */
  context: z.string().optional(),
  /** What an engine at `tcp://` asks for, as PEM text. */
  tls: z
    .strictObject({ ca: z.string(), certificate: z.string(), privateKey: z.string() })
    .optional(),
  /** For an engine at `ssh://`, as the ssh program takes them. */
  sshOptions: z.array(z.string().regex(/^[^\r\n]+$/)).optional(),
  /** Logins for pulling images. They replace those of the command line. */
  registries: z
    .array(z.strictObject({ address: z.string(), username: z.string(), password: z.string() }))
    .optional(),
});

export type EngineConnection = z.infer<typeof connection>;

/** A program's input: an address as in DOCKER_HOST, a connection, or nothing for the command line's own default. */
export const engineInput = z.union([z.string(), connection]).optional();

export type EngineInput = string | EngineConnection | undefined;

/** The address, if the engine is named by one. */
export const hostOf = (engine: EngineInput): string | undefined =>
  typeof engine === "string" ? engine : engine?.host;

/** Whether the engine is reached through a socket of this machine. A context may lead anywhere. */
export function isLocal(
  engine: EngineInput,
  { DOCKER_HOST }: NodeJS.ProcessEnv = process.env,
): boolean {
  if (typeof engine === "object" && engine.context !== undefined) {
    return false;
  }
  const host = engine === undefined ? DOCKER_HOST || undefined : hostOf(engine);
  return host === undefined || /^(unix|npipe|fd):/.test(host);
}

/**
 * What to add to a process's environment so that `docker` reaches this engine. A connection stands for itself:
 * nothing of the operator's own DOCKER_* variables is used beside it.
 */
export function engineEnvironment(engine: EngineInput): NodeJS.ProcessEnv {
  if (engine === undefined) {
    return {};
  }
  if (typeof engine === "string") {
    return { DOCKER_HOST: engine };
  }
  const { host, context, tls, sshOptions = [], registries = [] } = engine;
  return {
    DOCKER_HOST: host,
    DOCKER_CONTEXT: context,
    DOCKER_TLS_VERIFY: tls && "1",
    DOCKER_CERT_PATH:
      tls &&
      folderWith({ "ca.pem": tls.ca, "cert.pem": tls.certificate, "key.pem": tls.privateKey }),
    ...(sshOptions.length > 0 && {
      PATH: [SSH_FOLDER, process.env["PATH"]].join(delimiter),
      CYBEXP_SSH_PATH: process.env["PATH"],
      CYBEXP_SSH_OPTIONS: sshOptions.join("\n"),
    }),
    ...(registries.length > 0 && {
      DOCKER_CONFIG: folderWith({ "config.json": loginsOf(registries) }),
    }),
  };
}

/** The folder of a program called ssh, which adds the options. */
const SSH_FOLDER = fileURLToPath(new URL("ssh", import.meta.url));

/** The command line's config file, with nothing in it but logins. */
function loginsOf(registries: NonNullable<EngineConnection["registries"]>): string {
  const auths = registries.map(({ address, username, password }): [string, { auth: string }] => [
    address,
    { auth: Buffer.from(`${username}:${password}`).toString("base64") },
  ]);
  return JSON.stringify({ auths: Object.fromEntries(auths) });
}

const folders: string[] = [];
process.once("exit", () =>
  folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })),
);

/** A folder that only this user may enter, gone when this process ends. */
function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), "cybexp-engine-"));
  folders.push(folder);
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(folder, name), content, { mode: 0o600, flag: "wx" });
  }
  return folder;
}
