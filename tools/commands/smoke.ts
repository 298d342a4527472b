/**
 * Looks at the deployment from outside, as a client and as an attacker would: both services answer
 * `up` over verified TLS with the password or certificate that they ask for, refuse without, and nothing listens that was not
 * declared. The first thing that is wrong is named in one sentence.
 */
import { z } from "zod";
import { Docker } from "../lib/docker.ts";
import { UserError } from "../lib/errors.ts";
import { checkListeners } from "../lib/listeners.ts";
import { withMongo } from "../lib/mongo.ts";
import { ask, type Reply } from "../lib/probe.ts";
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

async function checkDoor(input: Input, door: Input["doors"][number]): Promise<void> {
  const url = `https://${input.serverName}:${door.port}/`;
  const target = { url, ca: input.serverCa };

  const asksPassword = door.access !== "certificate";
  const asksCertificate = door.access === "certificate" || door.access === "both";

  const stranger = await ask(target);
  const due = asksCertificate ? 403 : 401;
  if (stranger.status !== due) {
    throw new UserError(
      `${url} answers ${stranger.status} to a caller without a ${asksCertificate ? "certificate" : "password"}; ${due} is due: the door is open`,
    );
  }
  if (asksCertificate && input.client === undefined) {
    return; // Only owners of keys that are elsewhere get in, or nobody.
  }

  const friend = await ask({
    ...target,
    ...(asksPassword && { credential: input.credential }),
    ...(asksCertificate && input.client && { client: input.client }),
  });
  if (friend.status !== 200 || friend.body.trim() !== "up") {
    throw new UserError(`${url} ${explain(friend, door.name, input.credential.user)}`);
  }
}

function explain(reply: Reply, service: string, user: string): string {
  switch (reply.status) {
    case 401:
      return `refuses the password of ${user} (401): the proxy serves another user list than this stack's`;
    case 403:
      return `refuses a certificate of this stack's (403): ${reply.body.trim()}`;
    case 502:
      return `answers 502: the proxy cannot reach the ${service} container; see \`docker logs\` of it`;
    case 504:
      return `answers 504: the ${service} took too long to answer; its database may be unreachable`;
    default:
      return `answers ${reply.status} where "up" with status 200 is due`;
  }
}
