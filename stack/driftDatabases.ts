/**
 * Finds databases whose data does not match the passwords in use, for example because a copy from before
 * a rotation was restored.
 */
import { type ProgramName, programOf } from "../names/programs.ts";
import { COMMAND } from "../names/types.ts";
import { setTimeout as sleep } from "node:timers/promises";
import type { Settings } from "../settings/types.ts";
import type { Drift } from "./driftRepairs.ts";
import {
  type Acquaintance,
  acquaintanceOf,
  databaseUsersInput,
  type DatabaseUsersInput,
  lockedSentence,
  rotatedSentence,
} from "../programs/database/databaseUsers.ts";
import { type Docker, DockerError } from "../programs/docker/docker.ts";
import type { Session } from "./session.ts";
import { type ExportedResource, type StackState, stdinOf } from "./state.ts";

/** A database, as recorded in the state. */
export interface KnownDatabase {
  /** The command that creates its users. */
  readonly urn: string;
  /** The commands that remove the users of earlier rotation numbers. */
  readonly retire: readonly string[];
  readonly input: DatabaseUsersInput;
}

export interface DatabaseLook {
  readonly settings: Pick<Settings, "rotation">;
  /** Whether to start a stopped database first: its passwords can't be checked otherwise. @default false */
  readonly wake?: boolean;
}

/** Asks every running database. One that is stopped, or does not answer, is left out. */
export async function driftOfDatabases(
  { docker }: Pick<Session, "docker">,
  state: Pick<StackState, "inClear">,
  { settings, wake = false }: DatabaseLook,
): Promise<Drift[]> {
  const databases = knownDatabases(await state.inClear());
  const looks = await Promise.all(
    databases.map(async (database) => {
      const name = await nameOfRunning(docker, database.input, wake);
      return (
        name &&
        driftOf(database, name, await acquaintanceOf(database.input), numberOf(name, settings))
      );
    }),
  );
  return looks.filter((look) => typeof look === "object");
}

/** The rotation number that the stack's config has for a database. */
function numberOf(container: string, { rotation }: DatabaseLook["settings"]): number {
  return container.endsWith("-kms-db") ? rotation.kmsDatabase : rotation.backendDatabase;
}

/** @param resources With secrets in clear. */
export function knownDatabases(resources: readonly ExportedResource[]): KnownDatabase[] {
  const commands = resources.filter(({ type }) => type === COMMAND);
  return commands
    .filter((each) => runs("database-users", each))
    .flatMap((users) => {
      const input = databaseUsersInput.safeParse(stdinOf(users));
      const retire = commands.filter(
        (other) => runs("database-retire", other) && other.parent === users.parent,
      );
      return input.success
        ? [{ urn: users.urn, retire: retire.map(({ urn }) => urn), input: input.data }]
        : [];
    });
}

/**
 * @param container The container's name.
 * @param wanted The rotation number in the stack's config.
 */
export function driftOf(
  { urn, retire, input }: KnownDatabase,
  container: string,
  look: Acquaintance,
  wanted: number,
): Drift | undefined {
  const number = Number(/-(\d+)$/.exec(input.user.name)?.[1]);
  if (look === "known" || look === "silent") {
    return undefined;
  }
  if (look === "locked") {
    return { urn, why: lockedSentence(container), mend: "by hand" };
  }
  if (look === "behind" && wanted !== number) {
    return { urn, why: rotatedSentence(container, number), mend: "by hand" };
  }
  return {
    urn,
    with: retire,
    why: `the database ${container} does not know the password that its service uses: its data seems to be from before a rotation`,
    mend: "again",
  };
}

const runs = (program: ProgramName, { inputs }: ExportedResource): boolean =>
  programOf(inputs?.["create"]) === program;

interface ContainerInfo {
  readonly Name: string;
  readonly State: { readonly Running: boolean; readonly Paused: boolean };
}

async function nameOfRunning(
  docker: Docker,
  input: DatabaseUsersInput,
  wake: boolean,
): Promise<string | undefined> {
  const info = await docker.inspect<ContainerInfo>("container", input.container);
  if (info === undefined || info.State.Paused) {
    return undefined;
  }
  const name = info.Name.slice(1);
  if (!info.State.Running) {
    return wake && (await isAwake(docker, input, name)) ? name : undefined;
  }
  return name;
}

/** Seconds to wait for a stopped database to answer. If it takes longer, Pulumi waits for it and reports it. */
const WAKING = 30;

async function isAwake(docker: Docker, input: DatabaseUsersInput, name: string): Promise<boolean> {
  process.stdout.write(
    `- Starting ${name}, which is stopped, to see whether its data is current\n`,
  );
  try {
    await docker.run(["start", input.container]);
    const end = performance.now() + WAKING * 1000;
    while (performance.now() < end) {
      if ((await acquaintanceOf(input)) !== "silent") {
        return true;
      }
      await sleep(500);
    }
  } catch (error) {
    // Pulumi will find and report why it does not start.
    if (!(error instanceof DockerError)) {
      throw error;
    }
  }
  return false;
}
