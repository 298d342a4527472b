/** Checks a deployment from outside, as a client and as an attacker would see it. */
import { z } from "zod";
import { databaseRole, PROXY } from "../../names/docker.ts";
import { callableAt } from "../../settings/addresses.ts";
import { renewalInput } from "../certificates/renewal.ts";
import { askFromService } from "../database/askDatabase.ts";
import { askedDatabase } from "../database/externalDatabase.ts";
import { refusedDatabase } from "../../render/databaseAnswer.ts";
import { readDatabaseUri } from "../../settings/databaseUri.ts";
import { engineInput } from "../../settings/engineConnection.ts";
import { Docker } from "../docker/docker.ts";
import { isLocal } from "../docker/engine.ts";
import { checkDoor } from "./doorCheck.ts";
import { UserError } from "../errors.ts";
import { checkListeners } from "./listeners.ts";
import { withMongo } from "../database/mongo.ts";
import { ownerInput } from "../owner.ts";

/** A database outside of the stack, and the container of its service, which asks it. */
const externalInput = z.object({
  external: z.literal(true),
  container: z.string(),
  service: z.string(),
  uri: z.string(),
  ca: z.string().optional(),
  caFile: z.string().optional(),
  hosts: z.object({
    hosts: z.array(z.object({ name: z.string(), port: z.number().int() })),
    options: z.array(z.tuple([z.string(), z.string()])),
  }),
  database: z.string(),
  collections: z.array(z.string()),
});

/** What to check. */
export const outside = z.object({
  dockerHost: engineInput,
  ...ownerInput,
  serverName: z.string(),
  /** Further host names, and IP addresses. */
  serverNames: z.array(z.string()).default([]),
  serverCa: z.string(),
  credential: z.object({ user: z.string(), password: z.string() }),
  /** A client whose key is known here, if there is any. */
  client: z.object({ certificate: z.string(), privateKey: z.string() }).optional(),
  doors: z.array(
    z.object({
      name: z.string(),
      port: z.number().int(),
      access: z.enum(["password", "certificate", "either", "both"]),
      route: z.string().optional(),
    }),
  ),
  /** What renews the servers' certificates, if a container does. */
  renewal: renewalInput.optional(),
  databases: z.array(
    z.union([externalInput, z.object({ container: z.string(), uri: z.string() })]),
  ),
  listeners: z.array(z.object({ role: z.string(), address: z.string(), port: z.number().int() })),
  /** Roles of containers that go at the end of this `up`, if they are there. */
  leaving: z.array(z.string()).optional(),
  collectorDoors: z.array(z.string()).optional(),
});
export type Outside = z.infer<typeof outside>;

/** One check of one thing. */
export interface Check {
  /** What is checked, such as "door to kms". */
  readonly title: string;
  /** Whether the check is bound to fail while that container is unhealthy. */
  readonly needs: (container: string) => boolean;
  /**
   * @returns A note for the operator in one sentence, even though all is well.
   * @throws UserError that says in one sentence what is wrong
   */
  run(): Promise<string | undefined | void>;
}

/**
 * Checks that both databases let their services in; that each door answers over verified TLS with the
 * password or certificate that it asks for, and refuses a caller without; and that nothing listens that
 * was not declared. Later checks depend on earlier ones.
 *
 * @param leaving Roles of containers that may still listen.
 */
export function outsideChecks(input: Outside, leaving: readonly string[] = []): Check[] {
  return [
    ...input.databases.map((database) => ({
      title:
        "external" in database
          ? `database of the ${database.service}`
          : `database ${database.container}`,
      needs: (container: string) =>
        "external" in database
          ? WAY.some((part) => container === `${database.container}${part}`)
          : container === database.container,
      run: () =>
        "external" in database ? checkExternal(input, database) : checkDatabase(input, database),
    })),
    ...input.doors.map((door) => ({
      title: `door to ${door.name}`,
      needs: (container: string) =>
        [PROXY, door.name, databaseRole(door.name)].some((role) => container.endsWith(`-${role}`)),
      run: () => checkDoor(input, { ...door, address: addressOf(input, door.port) }),
    })),
    ...input.serverNames.flatMap((serverName) =>
      input.doors.slice(0, 1).map((door) => ({
        title: `name ${serverName}`,
        needs: (container: string) =>
          ["proxy", door.name, `${door.name}-db`].some((role) => container.endsWith(`-${role}`)),
        run: () =>
          checkDoor({ ...input, serverName }, { ...door, address: addressOf(input, door.port) }),
      })),
    ),
    {
      title: "open ports",
      needs: () => true,
      run: () => checkListeners(new Docker(input.dockerHost), { ...input, leaving }),
    },
  ];
}

/** The address where this machine can call the proxy at a port. */
export function addressOf({ dockerHost, listeners }: Outside, port: number): string | undefined {
  const door = listeners.find((listener) => listener.role === PROXY && listener.port === port);
  return door && isLocal(dockerHost) ? callableAt(door.address) : undefined;
}

/** The containers on the way from a service to a database outside of the stack. */
const WAY = ["", "-db-door", "-db-exit"];

async function checkExternal(
  { dockerHost }: Outside,
  { container, ...question }: z.infer<typeof externalInput>,
): Promise<string | undefined> {
  const uri = readDatabaseUri(question.uri);
  const asked = askedDatabase(question, uri, question.hosts);
  const answer = await askFromService(new Docker(dockerHost), container, {
    ...question,
    uri,
    caFile: question.caFile,
  });
  const refused = refusedDatabase(asked, answer);
  if (refused !== undefined) {
    throw new UserError(`database: ${refused}`);
  }
  return undefined;
}

/** `GET /` answers "up" even with a dead database, so this asks the database itself, as the service does. */
async function checkDatabase(
  { dockerHost }: Outside,
  { container, uri }: { readonly container: string; readonly uri: string },
): Promise<void> {
  const { username, password } = new URL(uri);
  try {
    await withMongo(
      {
        dockerHost,
        container,
        user: decodeURIComponent(username),
        password: decodeURIComponent(password),
      },
      (client) => client.db("admin").command({ ping: 1 }),
    );
  } catch (error) {
    const why = error instanceof Error ? error.message : "no answer";
    throw new UserError(`database: ${container} does not let its service in: ${why}`);
  }
}
