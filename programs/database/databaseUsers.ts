/** The users of a database, and whether their passwords work. */
import { z } from "zod";
import { engineInput } from "../../settings/engineConnection.ts";
import { here } from "../npmRun.ts";
import { isRefused, withMongo } from "./mongo.ts";

/** The input of `database-users`, which the state keeps. */
export const databaseUsersInput = z.object({
  dockerHost: engineInput,
  container: z.string(),
  admin: z.object({
    name: z.string(),
    password: z.string(),
    /** The password of the generation before. The database has it until its rotation is done. */
    previous: z.string().optional(),
  }),
  user: z.object({ name: z.string(), password: z.string(), database: z.string() }),
});
export type DatabaseUsersInput = z.infer<typeof databaseUsersInput>;

/**
 * Which passwords in the state a database accepts. "known": the service's. "forgotten": only the
 * administrator's current one. "behind": only the administrator's previous one. "locked": none.
 * "silent": it does not answer.
 */
export type Acquaintance = "known" | "forgotten" | "behind" | "locked" | "silent";

/** Asks a running database. Changes nothing. */
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

/** @param container The container's name. */
export function lockedSentence(container: string): string {
  return (
    `${container} accepts none of the passwords in this stack's state: the state has those of the last two ` +
    "numbers in cybexp:rotation, and the data is older, newer (if the state was restored) or from another deployment. " +
    "Restore a copy of the volume and a copy of the state that were made together, or set the administrator's " +
    'password by hand (docs/data.md, "A database is put back"), or raise the number by one at a time if it jumped'
  );
}

/** What to do first if a rotation would lose the only password that the database knows. */
export function rotatedSentence(container: string, number: number): string {
  return (
    `the database ${container} has the passwords of number ${number - 1}: its data seems to be from before the last rotation, ` +
    `and its number in cybexp:rotation is no longer ${number}. Set it back to ${number} and run \`${here("up")}\`, ` +
    "which repairs that; then raise it"
  );
}
