/** Raises a database's featureCompatibilityVersion to what the operator allows. */
import { MongoError } from "mongodb";
import { z } from "zod";
import { engineInput } from "../../settings/engineConnection.ts";
import { Docker } from "../docker/docker.ts";
import { UserError } from "../errors.ts";
import { runProgram } from "../program.ts";
import { ensureFeatures } from "./features.ts";
import { withMongo } from "./mongo.ts";

const input = z.object({
  dockerHost: engineInput,
  container: z.string(),
  admin: z.object({ name: z.string(), password: z.string() }),
  wanted: z.string(),
});

/** Seconds: the server may have to rewrite what it knows of every collection. */
const LIMIT = 900;

await runProgram(input, LIMIT, async ({ dockerHost, container, admin, wanted }) => {
  const info = await new Docker(dockerHost).inspect<{ Name: string }>("container", container);
  const name = info?.Name.slice(1) ?? container;
  const target = { dockerHost, container, user: admin.name, password: admin.password };
  try {
    await withMongo(target, (client) => ensureFeatures(client.db("admin"), name, wanted));
  } catch (error) {
    throw error instanceof MongoError
      ? new UserError(`${name}: no answer about its features: ${error.message}`)
      : error;
  }
});
