/**
 * Puts a backup's state and keys into a stack that has neither. The `up` after it makes everything in Docker anew,
 * with the deployment's own passwords, authorities and tokens.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  COLLECTOR,
  dockerName,
  KINDS,
  label,
  ours,
  ownLabels,
  ROLES,
  SERVICES,
  databaseRole,
} from "../../names/docker.ts";
import { CONTAINER } from "../../names/types.ts";
import { replaceFile } from "../../machine/files.ts";
import { localDir } from "../../machine/paths.ts";
import { UserError } from "../../programs/errors.ts";
import type { StoredFile } from "../../programs/volumes/filesIn.ts";
import { type KeyVolume, replaceFiles } from "../../programs/volumes/swapKeys.ts";
import { stateDir } from "../configFile.ts";
import type { Session } from "../session.ts";
import { END, entryBytes } from "./archive.ts";
import { type ClearState, keptState, type Places } from "./keptState.ts";

/** What the engine has of the deployment, or of another stack of that name: kind and name. */
export async function thingsOf(
  { docker, stack }: Pick<Session, "docker" | "stack">,
  deployment: string,
): Promise<string[]> {
  const found = new Set<string>();
  for (const kind of KINDS) {
    const all = kind === "container" ? ["--all"] : [];
    const name = kind === "container" ? "{{.Names}}" : "{{.Name}}";
    for (const wanted of [label("deployment", deployment), label("stack", stack)]) {
      const filter = `--filter=label=${wanted}`;
      const list = await docker.run([kind, "ls", ...all, filter, "--format", name]);
      list
        .split("\n")
        .filter(Boolean)
        .forEach((each) => found.add(`${kind} ${each}`));
    }
  }
  return [...found].sort();
}

/** The flags of an `up` that makes the databases, and nothing that uses them or a certificate. */
export const databasesOnly = (): string[] => [
  ...ROLES.filter((role) => !SERVICES.some((service) => role === databaseRole(service)))
    // Each collector has its name, and what belongs to it begins with that.
    .flatMap((role) => (role === COLLECTOR ? [role, `${role}-**`] : [role]))
    .map((name) => `--exclude=**${CONTAINER}::${name}`),
  "--exclude-dependents",
];

/**
 * Puts the passphrase of the clone that made the backup in the place of this clone's, so that it opens the secrets
 * in the stack's file. Not if another stack of this clone needs its own.
 */
export function takePassphrase(stack: string, passphrase: string | undefined): void {
  const file = join(localDir, "passphrase");
  if (passphrase === undefined || !existsSync(file) || readFileSync(file, "utf8") === passphrase) {
    return;
  }
  const stacks = join(stateDir, ".pulumi", "stacks", "cybexp");
  const others = existsSync(stacks)
    ? readdirSync(stacks).filter((name) => name.endsWith(".json") && name !== `${stack}.json`)
    : [];
  if (others.length === 0 && !existsSync(join(stacks, `${stack}.json`))) {
    replaceFile(file, passphrase, 0o600);
  }
}

/**
 * Imports what no `up` can make again. The stack must exist, and be empty.
 *
 * @param places Where a restore brings the data. @default where it was
 */
export async function importState(session: Session, text: string, places?: Places): Promise<void> {
  const { stack } = session;
  const empty = JSON.parse(await session.ask(["stack", "export", "--stack", stack])) as ClearState;
  const providers = empty.deployment?.secrets_providers;
  const state = keptState(JSON.parse(text) as ClearState, providers, places);
  await session.tell(["stack", "import", "--stack", stack], state);
}

/** Makes a volume as the stack would, unless it is there, and fills it. */
export async function fillVolume(
  volume: KeyVolume,
  { stack, role }: { readonly stack: string; readonly role: string },
  files: Iterable<StoredFile>,
): Promise<void> {
  const { docker, deployment } = volume;
  const own = Object.entries(ownLabels({ deployment, labels: volume.labels, role, stack }));
  const found = await docker.inspect<{ Labels: Record<string, string> | null }>(
    "volume",
    volume.volume,
  );
  if (found === undefined) {
    const flags = own.map(([name, value]) => `--label=${name}=${value}`);
    await docker.run(["volume", "create", ...flags, volume.volume]);
  } else if (own.some(([name, value]) => found.Labels?.[name] !== value)) {
    throw new UserError(`the volume ${volume.volume} does not belong to this stack`);
  }
  await replaceFiles(volume, archiveOf(files));
}

async function* archiveOf(files: Iterable<StoredFile>): AsyncGenerator<Uint8Array> {
  for (const file of files) {
    yield entryBytes(file);
  }
  yield END;
}

/** The name of a volume of the stack, and how to work on it. */
export const volumeOf = (
  session: Pick<Session, "docker" | "stack">,
  { role, deployment, image }: { role: string; deployment: string; image: string },
): KeyVolume => ({
  docker: session.docker,
  ...ours(deployment),
  image,
  volume: dockerName(session.stack, role),
});
