/** Where a deployed stack has what a backup is about. */
import {
  type DatabaseRole,
  databaseRole,
  dockerName,
  KMS_KEYS,
  PROXY,
  SERVICES,
  type ServiceRole,
  SPOKEN,
} from "../../names/docker.ts";
import { nameIn } from "../../names/resources.ts";
import { acquaintanceOf, type DatabaseUsersInput } from "../../programs/database/databaseUsers.ts";
import { withoutSecrets } from "../../programs/docker/oneLine.ts";
import { withMongo } from "../../programs/database/mongo.ts";
import { UserError } from "../../programs/errors.ts";
import type { KeyVolume } from "../../programs/volumes/swapKeys.ts";
import { here } from "../../programs/npmRun.ts";
import { type Db, MongoError } from "mongodb";
import { knownDatabases } from "../driftDatabases.ts";
import type { Session } from "../session.ts";
import { readState, readStateInClear, stackExists, type StackState } from "../state.ts";

/** The folder of the KMS's keys in its container. */
export const KEYS_FOLDER = "/secrets";

/** A stack that is deployed, with the databases that it can reach. */
export interface Source {
  readonly session: Session;
  readonly state: StackState;
  readonly deployment: string;
  readonly databases: Readonly<Record<ServiceRole, DatabaseUsersInput>>;
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
  const known = knownDatabases(await readStateInClear(session));
  const databaseOf = async (service: ServiceRole): Promise<DatabaseUsersInput> => {
    const role: DatabaseRole = databaseRole(service);
    if (state.resources.some(({ urn }) => nameIn(urn) === `${role}-reach`)) {
      throw new UserError(
        `the ${SPOKEN[service]}'s database is your own, so this command does not read or write it: use its own tools (docs/external-database.md)`,
      );
    }
    const found = known.find(({ urn }) => nameIn(urn) === `${role}-users`);
    const container = dockerName(stack, role);
    if (found === undefined) {
      throw new UserError(
        `the last \`up\` of ${stack} did not finish: run \`${here("up")}\` first`,
      );
    }
    const answer = await acquaintanceOf(found.input);
    if (answer !== "known") {
      throw new UserError(
        `the database ${container} ${answer === "silent" ? "does not answer" : "does not know the password that its service uses"}: ` +
          `\`${here("up")}\` repairs that, or says what is wrong`,
      );
    }
    return found.input;
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
  deployment,
  volume: dockerName(session.stack, KMS_KEYS),
  image,
});

/** Works on the database of one service, as its service does. */
export async function withDatabase<T>(
  { databases, session: { stack } }: Pick<Source, "databases" | "session">,
  service: ServiceRole,
  work: (db: Db) => Promise<T>,
): Promise<T> {
  const { dockerHost, container, user } = databases[service];
  const target = { dockerHost, container, user: user.name, password: user.password };
  try {
    return await withMongo(target, (client) => work(client.db(user.database)));
  } catch (error) {
    throw error instanceof MongoError
      ? new UserError(
          `the database ${dockerName(stack, databaseRole(service))}: ${withoutSecrets(error.message)}`,
        )
      : error;
  }
}

export const databaseNames = ({
  databases,
}: Pick<Source, "databases">): Record<ServiceRole, string> => {
  const [kms, backend] = SERVICES.map((service) => databases[service].user.database);
  return { kms: kms ?? "", backend: backend ?? "" };
};
