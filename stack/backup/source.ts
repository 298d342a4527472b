/** Where a deployed stack has what a backup is about. */
import { type Db, MongoError } from "mongodb";
import {
  type DatabaseRole,
  databaseRole,
  dockerName,
  KMS_KEYS,
  ours,
  PROXY,
  type ServiceRole,
} from "../../names/docker.ts";
import { nameIn } from "../../names/resources.ts";
import { askFromEngine } from "../../programs/database/askDatabase.ts";
import { acquaintanceOf } from "../../programs/database/databaseUsers.ts";
import {
  askedDatabase,
  databaseReachInput,
  type DatabaseReachInput,
} from "../../programs/database/externalDatabase.ts";
import { withExternalMongo } from "../../programs/database/externalMongo.ts";
import { withMongo } from "../../programs/database/mongo.ts";
import { resolveHosts } from "../../programs/database/resolveHosts.ts";
import type { Docker } from "../../programs/docker/docker.ts";
import { withoutSecrets } from "../../programs/docker/oneLine.ts";
import { UserError } from "../../programs/errors.ts";
import { here } from "../../programs/npmRun.ts";
import type { KeyVolume } from "../../programs/volumes/swapKeys.ts";
import { refusedDatabase } from "../../render/databaseAnswer.ts";
import { describeHosts, readDatabaseUri } from "../../settings/databaseUri.ts";
import { knownDatabases } from "../driftDatabases.ts";
import { reachOf } from "../externalDatabases.ts";
import type { Session } from "../session.ts";
import {
  type ExportedResource,
  readState,
  readStateInClear,
  stackExists,
  type StackState,
  stdinOf,
} from "../state.ts";

/** The folder of the KMS's keys in its container. */
export const KEYS_FOLDER = "/secrets";

/** A database of a service. */
export interface SourceDatabase {
  /** Its name on the server. */
  readonly name: string;
  /** What messages call it. */
  readonly spoken: string;
  /** Works on it as its service does. */
  readonly work: <T>(work: (db: Db) => Promise<T>) => Promise<T>;
}

/** A stack that is deployed, with the databases that it can reach. */
export interface Source {
  readonly session: Session;
  readonly state: StackState;
  readonly deployment: string;
  readonly databases: Readonly<Record<ServiceRole, SourceDatabase>>;
  /** The name of the container that has the keys. */
  readonly kms: string;
  /** An image with a POSIX shell and `tar`. */
  readonly image: string;
}

/**
 * @param image The image for tasks. @default the proxy's
 * @throws UserError when the stack is not deployed, or a database does not let its service in
 */
export async function sourceOf(session: Session, image?: string): Promise<Source> {
  const state = (await stackExists(session)) ? await readState(session) : undefined;
  const { stack } = session;
  if (state?.deployment === undefined) {
    throw new UserError(`${stack} is not deployed: \`${here("up")}\` deploys it`);
  }
  const inClear = await readStateInClear(session);
  const databaseOf = (service: ServiceRole): Promise<SourceDatabase> => {
    const reach = reachOf(inClear, service);
    return reach === undefined
      ? ownDatabase(stack, service, inClear)
      : externalDatabase(session.docker, databaseReachInput.parse(stdinOf(reach)));
  };
  const [kms, backend] = [await databaseOf("kms"), await databaseOf("backend")];
  return {
    session,
    state,
    deployment: state.deployment,
    databases: { kms, backend },
    kms: dockerName(stack, "kms"),
    image: image ?? (await proxyImage(session)),
  };
}

/** One that the stack runs. */
async function ownDatabase(
  stack: string,
  service: ServiceRole,
  inClear: readonly ExportedResource[],
): Promise<SourceDatabase> {
  const role: DatabaseRole = databaseRole(service);
  const input = knownDatabases(inClear).find(({ urn }) => nameIn(urn) === `${role}-users`)?.input;
  const container = dockerName(stack, role);
  if (input === undefined) {
    throw new UserError(`the last \`up\` of ${stack} did not finish: run \`${here("up")}\` first`);
  }
  const answer = await acquaintanceOf(input);
  if (answer !== "known") {
    throw new UserError(
      `the database ${container} ${answer === "silent" ? "does not answer" : "does not know the password that its service uses"}: ` +
        `\`${here("up")}\` repairs that, or says what is wrong`,
    );
  }
  const { dockerHost, user } = input;
  const target = { dockerHost, container: input.container, user: user.name };
  return {
    name: user.database,
    spoken: `the database ${container}`,
    work: (work) =>
      withMongo({ ...target, password: user.password }, (client) => work(client.db(user.database))),
  };
}

/** One that the stack does not run. */
async function externalDatabase(
  docker: Docker,
  input: DatabaseReachInput,
): Promise<SourceDatabase> {
  const uri = readDatabaseUri(input.uri);
  const hosts = await resolveHosts(uri);
  const answer = await askFromEngine(docker, { ...input, uri, hosts });
  const refused = refusedDatabase(askedDatabase(input, uri, hosts), answer);
  if (refused !== undefined) {
    throw new UserError(refused);
  }
  return {
    name: input.database,
    spoken: `the ${input.service}'s database ${describeHosts(uri)}`,
    work: (work) => withExternalMongo(docker, input, (client) => work(client.db(input.database))),
  };
}

async function proxyImage({ docker, stack }: Session): Promise<string> {
  const proxy = dockerName(stack, PROXY);
  const info = await docker.inspect<{ readonly Image: string }>("container", proxy);
  if (info === undefined) {
    throw new UserError(`the container ${proxy} is gone: run \`${here("up")}\` first`);
  }
  return info.Image;
}

/** The volume of the KMS's keys. */
export const keyVolume = ({ session, deployment, image }: Source): KeyVolume => ({
  docker: session.docker,
  ...ours(deployment),
  volume: dockerName(session.stack, KMS_KEYS),
  image,
});

/** Works on the database of one service, as its service does. */
export const withDatabase = <T>(
  { databases }: Pick<Source, "databases">,
  service: ServiceRole,
  work: (db: Db) => Promise<T>,
): Promise<T> => naming(databases[service], () => databases[service].work(work));

/** Names the database in whatever fails. */
export async function naming<T>(
  { spoken }: Pick<SourceDatabase, "spoken">,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof MongoError
      ? new UserError(`${spoken}${roomNote(error.message)}: ${withoutSecrets(error.message)}`)
      : error;
  }
}

/** MongoDB's words, SQLite's below FerretDB, and a program's in a container. */
const FULL = /no space left|(database or )?disk is full|OutOfDiskSpace|quota exceeded/i;

/** What to know of an engine's or a database's words: a restore needs a lot of room. */
export const roomNote = (words: string): string =>
  FULL.test(words)
    ? " is on a disk that is full, and a restore needs room for the old and the new data at the same time"
    : "";

export const databaseNames = ({
  databases: { kms, backend },
}: Pick<Source, "databases">): Record<ServiceRole, string> => ({
  kms: kms.name,
  backend: backend.name,
});
