/** Makes a database's user what the stack says: there, with this password, for this database only. */
import { type Db, MongoServerError } from "mongodb";
import { z } from "zod";
import { UserError } from "../lib/errors.ts";
import { withMongo } from "../lib/mongo.ts";
import { runProgram } from "../lib/program.ts";

const input = z.object({
  dockerHost: z.string().optional(),
  container: z.string(),
  admin: z.object({ name: z.string(), password: z.string() }),
  user: z.object({ name: z.string(), password: z.string(), database: z.string() }),
});

await runProgram(input, 90, async ({ dockerHost, container, admin, user }) => {
  const target = { dockerHost, container };
  try {
    await withMongo({ ...target, user: admin.name, password: admin.password }, async (client) => {
      const db = client.db("admin");
      const roles = await rolesFor(db, user.database);
      if (await exists(db, user.name)) {
        await db.command({ updateUser: user.name, pwd: user.password, roles });
      } else {
        await db.command({ createUser: user.name, pwd: user.password, roles });
      }
    });
    await withMongo({ ...target, user: user.name, password: user.password }, (client) =>
      client.db(user.database).command({ ping: 1 }),
    );
  } catch (error) {
    throw new UserError(`database user ${user.name}: ${explain(error)}`);
  }
});

async function exists(db: Db, name: string): Promise<boolean> {
  const { users } = (await db.command({ usersInfo: name })) as { users: unknown[] };
  return users.length > 0;
}

/** FerretDB, the demo's database, knows users but no roles. */
async function rolesFor(db: Db, database: string): Promise<{ role: string; db: string }[]> {
  const info = await db.command({ buildInfo: 1 });
  return "ferretdb" in info || "ferretdbVersion" in info
    ? []
    : [{ role: "readWrite", db: database }];
}

function explain(error: unknown): string {
  if (error instanceof MongoServerError && error.code === 18) {
    return (
      "the database refuses the admin password of this stack's state: its volume is an older deployment's; " +
      "restore the state that belongs to it, or remove the volume if its data may go"
    );
  }
  return error instanceof Error ? error.message : "failed";
}
