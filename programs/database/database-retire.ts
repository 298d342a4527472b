/**
 * Removes the users of a service's earlier passwords, once the service uses the current one. Users that
 * somebody else created, such as one for backups, stay.
 */
import { z } from "zod";
import { retiredUsers } from "../../render/databaseUser.ts";
import { engineInput } from "../../settings/engineConnection.ts";
import { UserError } from "../errors.ts";
import { withMongo } from "./mongo.ts";
import { runProgram } from "../program.ts";

const input = z.object({
  dockerHost: engineInput,
  container: z.string(),
  admin: z.object({ name: z.string(), password: z.string() }),
  /** The user that stays. */
  user: z.string(),
});

await runProgram(input, 60, async ({ dockerHost, container, admin, user }) => {
  const target = { dockerHost, container, user: admin.name, password: admin.password };
  try {
    await withMongo(target, async (client) => {
      const db = client.db("admin");
      const { users } = (await db.command({ usersInfo: 1 })) as { users: { user: string }[] };
      const names = users.map(({ user: name }) => name);
      for (const old of retiredUsers(names, user)) {
        await db.command({ dropUser: old });
      }
    });
  } catch {
    throw new UserError(`${container}: the users of earlier passwords could not be removed`);
  }
});
