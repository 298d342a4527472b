/**
 * Looks at the deployment from outside, as a client and as an attacker would: the services answer over
 * verified TLS with the password or certificate that they ask for, refuse without, and nothing listens
 * that was not declared. The first thing that is wrong is named in one sentence.
 */
import { z } from "zod";
import { Docker } from "../lib/docker.ts";
import { checkDoor } from "../lib/doorCheck.ts";
import { UserError } from "../lib/errors.ts";
import { checkListeners } from "../lib/listeners.ts";
import { withMongo } from "../lib/mongo.ts";
import { runProgram } from "../lib/program.ts";

const input = z.object({
  dockerHost: z.string().optional(),
  deployment: z.string(),
  serverName: z.string(),
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
  databases: z.array(z.object({ container: z.string(), uri: z.string() })),
  listeners: z.array(z.object({ role: z.string(), address: z.string(), port: z.number().int() })),
});
type Input = z.infer<typeof input>;

await runProgram(input, 90, async (input) => {
  await Promise.all(input.databases.map((database) => checkDatabase(input, database)));
  for (const door of input.doors) {
    await checkDoor(input, door);
  }
  await checkListeners(new Docker(input.dockerHost), input);
});

/** `GET /` says "up" with a dead database, so the database is asked itself, as the service would. */
async function checkDatabase(input: Input, database: Input["databases"][number]): Promise<void> {
  const { username, password } = new URL(database.uri);
  try {
    await withMongo(
      {
        dockerHost: input.dockerHost,
        container: database.container,
        user: decodeURIComponent(username),
        password: decodeURIComponent(password),
      },
      (client) => client.db("admin").command({ ping: 1 }),
    );
  } catch (error) {
    const why = error instanceof Error ? error.message : "no answer";
    throw new UserError(`database: ${database.container} does not let its service in: ${why}`);
  }
}
