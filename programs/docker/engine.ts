/** How a program reaches a Docker engine: as the docker command line's environment. */
import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type EngineConnection,
  type EngineInput,
  hostOf,
  isLocalSocket,
} from "../../settings/engineConnection.ts";

/** The context that is no context: the default socket, where the provider goes if nothing is said. */
const DEFAULT_CONTEXT = "default";

/** Whether the engine is reached through a socket of this machine. A context may lead anywhere. */
export function isLocal(
  engine: EngineInput,
  { DOCKER_HOST, DOCKER_CONTEXT }: NodeJS.ProcessEnv = process.env,
): boolean {
  const host = engine === undefined ? DOCKER_HOST || undefined : hostOf(engine);
  if (host !== undefined) {
    return isLocalSocket(host);
  }
  const context = engine === undefined ? DOCKER_CONTEXT : undefined;
  return typeof engine !== "object" && (!context || context === DEFAULT_CONTEXT);
}

/**
 * What to add to a process's environment so that `docker` reaches this engine. A connection stands for itself:
 * nothing of the operator's own DOCKER_* variables is used beside it. Without any, the environment decides, for
 * `docker` as for the provider, which knows nothing of a context chosen by `docker context use`.
 */
export function engineEnvironment(
  engine: EngineInput,
  { DOCKER_HOST, DOCKER_CONTEXT }: NodeJS.ProcessEnv = process.env,
): NodeJS.ProcessEnv {
  if (engine === undefined) {
    return DOCKER_HOST || DOCKER_CONTEXT ? {} : { DOCKER_CONTEXT: DEFAULT_CONTEXT };
  }
  if (typeof engine === "string") {
    return { DOCKER_HOST: engine };
  }
  const { host, context, tls, certPath, sshOptions = [], registries = [] } = engine;
  return {
    DOCKER_HOST: host,
    DOCKER_CONTEXT: context,
    DOCKER_TLS: undefined,
    DOCKER_TLS_VERIFY: tls || certPath ? "1" : undefined,
    DOCKER_CERT_PATH: tls ? certificateFiles(tls) : certPath,
    ...(sshOptions.length > 0 && {
      PATH: [SSH_FOLDER, process.env["PATH"]].join(delimiter),
      CYBEXP_SSH_PATH: process.env["PATH"],
      CYBEXP_SSH_OPTIONS: sshOptions.join("\n"),
    }),
    ...(registries.length > 0 && { DOCKER_CONFIG: configWith(registries) }),
  };
}

const certificateFiles = (tls: NonNullable<EngineConnection["tls"]>): string =>
  folderWith({ "ca.pem": tls.ca, "cert.pem": tls.certificate, "key.pem": tls.privateKey });

/** A folder for the command line's own files, with these logins and the operator's contexts. */
function configWith(registries: NonNullable<EngineConnection["registries"]>): string {
  const folder = folderWith({ "config.json": loginsOf(registries) });
  const contexts = join(process.env["DOCKER_CONFIG"] || join(homedir(), ".docker"), "contexts");
  if (existsSync(contexts)) {
    symlinkSync(contexts, join(folder, "contexts"));
  }
  return folder;
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

function removeFolders(): void {
  folders.forEach((folder) => rmSync(folder, { recursive: true, force: true }));
}

/** With a folder of keys, an end by a signal is an end, too; Pulumi stops its programs by one. */
function removeAtEnd(): void {
  process.once("exit", removeFolders);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(signal, () => {
      removeFolders();
      process.kill(process.pid, signal);
    });
  }
}

/** A folder that only this user may enter, gone when this process ends, unless by SIGKILL. */
function folderWith(files: Readonly<Record<string, string>>): string {
  if (folders.length === 0) {
    removeAtEnd();
  }
  const folder = mkdtempSync(join(tmpdir(), "cybexp-engine-"));
  folders.push(folder);
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(folder, name), content, { mode: 0o600, flag: "wx" });
  }
  return folder;
}
