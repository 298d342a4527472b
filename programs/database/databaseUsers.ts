/** Who has to get into a database, and whether they do. */
import { z } from "zod";
import { here } from "../npmRun.ts";
import { isRefused, withMongo } from "./mongo.ts";

/** What `database-users` is told, and the state remembers. */
export const databaseUsersInput = z.object({
  dockerHost: z.string().optional(),
  container: z.string(),
  admin: z.object({
    name: z.string(),
    password: z.string(),
    /** Of the generation before; the database has this one while its rotation is under way. */
    previous: z.string().optional(),
  }),
  user: z.object({ name: z.string(), password: z.string(), database: z.string() }),
});
export type DatabaseUsersInput = z.infer<typeof databaseUsersInput>;

/**
 * How a database stands to the passwords in the state: it knows the service's; it does not, and lets the
 * administrator in with the one in use, or with the one before; nobody gets in; or it gives no answer.
 */
export type Acquaintance = "known" | "forgotten" | "behind" | "locked" | "silent";

/** Asks a database that runs. Changes nothing. */
export async function acquaintanceOf(input: DatabaseUsersInput): Promise<Acquaintance> {
  const { dockerHost, container, admin, user } = input;
  const letsIn = async (name: string, password: string | undefined): Promise<boolean> => {
    if (password === undefined) {
      return false;
    }
    const target = { dockerHost, container, user: name, password, patienceMs: 3000 };
    try {
      await withMongo(target, (client) => client.db("admin").command({ ping: 1 }));
      return true;
    } catch (error) {
      if (isRefused(error)) {
        return false;
      }
      throw error;
    }
  };
  try {
    if (await letsIn(user.name, user.password)) {
      return "known";
    }
    if (await letsIn(admin.name, admin.password)) {
      return "forgotten";
    }
    return (await letsIn(admin.name, admin.previous)) ? "behind" : "locked";
  } catch {
    return "silent";
  }
}

/** @param container As its users call it. */
export function lockedSentence(container: string): string {
  return (
    `${container} lets nobody in with the passwords that this stack's state has: the state knows those of the last two ` +
    "numbers in cybexp:rotation, and the data is older, newer (if the state was put back) or another deployment's. " +
    "Restore a copy of the volume and a copy of the state that were made together, or set the administrator's " +
    'password by hand (docs/data.md, "A database is put back"), or raise the number by one at a time if it jumped'
  );
}

/** What to do first where a rotation would lose the one password that the database knows. */
export function rotatedSentence(container: string, number: number): string {
  return (
    `the database ${container} has the passwords of number ${number - 1}, as if its data were from before the last rotation, ` +
    `and its number in cybexp:rotation is not ${number} any more: set it back to ${number} and run \`${here("up")}\`, ` +
    "which mends that; then raise it"
  );
}
