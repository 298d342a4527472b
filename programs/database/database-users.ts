/**
 * Brings a database's users in line with the stack: the administrator's current password (the image sets
 * one only on an empty volume), and the service's user of this generation. Users of other generations
 * stay, because the service may still use one. `database-retire` removes them.
 */
import { type Db, MongoServerError } from "mongodb";
import type { EngineInput } from "../../settings/engineConnection.ts";
import {
  databaseUsersInput,
  type DatabaseUsersInput as Input,
  lockedSentence,
} from "./databaseUsers.ts";
import { Docker } from "../docker/docker.ts";
import { UserError } from "../errors.ts";
import { isRefused, withMongo } from "./mongo.ts";
import { runProgram } from "../program.ts";

await runProgram(databaseUsersInput, 90, async (input) => {
  const target = { dockerHost: input.dockerHost, container: input.container };
  try {
    await rotateAdmin(target, input.admin);
    await withMongo(
      { ...target, user: input.admin.name, password: input.admin.password },
      (client) => ensureUser(client.db("admin"), input.user),
    );
    await withMongo({ ...target, user: input.user.name, password: input.user.password }, (client) =>
      client.db(input.user.database).command({ ping: 1 }),
    );
  } catch (error) {
    throw error instanceof UserError
      ? error
      : new UserError(
          `${input.container}: ${error instanceof MongoServerError ? error.message : "no answer from the database"}`,
        );
  }
});

interface Target {
  readonly dockerHost: EngineInput;
  readonly container: string;
}

/** Whichever of the two passwords the database has, it has the current one afterwards. */
async function rotateAdmin(target: Target, admin: Input["admin"]): Promise<void> {
  const attempt = (password: string, work: (db: Db) => Promise<unknown>) =>
    withMongo({ ...target, user: admin.name, password }, (client) => work(client.db("admin")));
  try {
    await attempt(admin.password, (db) => db.command({ ping: 1 }));
    return;
  } catch (error) {
    if (!isRefused(error)) {
      throw error;
    }
  }
  try {
    await attempt(admin.previous ?? "", (db) =>
      db.command({ updateUser: admin.name, pwd: admin.password }),
    );
  } catch (error) {
    if (!isRefused(error) && admin.previous !== undefined) {
      throw error;
    }
    throw new UserError(lockedSentence(await nameOf(target)));
  }
}

async function nameOf({ dockerHost, container }: Target): Promise<string> {
  const info = await new Docker(dockerHost).inspect<{ Name: string }>("container", container);
  return info?.Name.slice(1) ?? container;
}

async function ensureUser(db: Db, user: Input["user"]): Promise<void> {
  const { users } = (await db.command({ usersInfo: user.name })) as { users: unknown[] };
  const roles = await rolesFor(db, user.database);
  if (users.length > 0) {
    await db.command({ updateUser: user.name, pwd: user.password });
  } else {
    await db.command({ createUser: user.name, pwd: user.password, roles });
  }
}

/** FerretDB, the demo's database, has users but no roles. */
async function rolesFor(db: Db, database: string): Promise<{ role: string; db: string }[]> {
  const info = await db.command({ buildInfo: 1 });
  return "ferretdb" in info || "ferretdbVersion" in info
    ? []
    : [{ role: "readWrite", db: database }];
}
