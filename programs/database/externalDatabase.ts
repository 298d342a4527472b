/** What the state keeps about a database outside of the stack. */
import { z } from "zod";
import { isOf } from "../../names/docker.ts";
import type { AskedDatabase } from "../../render/databaseAnswer.ts";
import type { ResolvedHosts } from "../../render/serviceUri.ts";
import { OWN } from "../../settings/databaseKeys.ts";
import { type DatabaseUri, describeHosts } from "../../settings/databaseUri.ts";
import { engineInput } from "../../settings/engineConnection.ts";
import type { Docker } from "../docker/docker.ts";
import { ownerInput } from "../owner.ts";

/** The input of `database-reach`. */
export const databaseReachInput = z.object({
  dockerHost: engineInput,
  ...ownerInput,
  /** What it belongs to, such as "KMS". */
  service: z.string(),
  /** The service's image, by id. */
  image: z.string(),
  uri: z.string(),
  ca: z.string().optional(),
  addresses: z.array(z.object({ name: z.string(), address: z.string() })),
  database: z.string(),
  collections: z.array(z.string()),
  /** As in `cybexp:database.left`. */
  role: z.string(),
  place: z.string(),
  /** The name of the database's container where the stack runs one. */
  containers: z.object({ own: z.string() }),
  left: z.array(z.string()),
  throwaway: z.boolean(),
});
export type DatabaseReachInput = z.infer<typeof databaseReachInput>;

/** What messages call it. */
export function askedDatabase(
  { service, database, ca }: Pick<DatabaseReachInput, "service" | "database" | "ca">,
  uri: DatabaseUri,
  { hosts }: ResolvedHosts,
): AskedDatabase {
  return {
    service,
    database,
    hosts: describeHosts(uri),
    reachable: hosts.map(({ name, port }) => `${name}:${port}`),
    user: uri.user,
    ca: ca !== undefined,
  };
}

/** What `database-reach` prints, and the state remembers. Nothing of it is secret. */
export const reached = z.object({
  hosts: z.array(z.object({ name: z.string(), port: z.number().int() })),
  options: z.array(z.tuple([z.string(), z.string()])),
  place: z.string(),
  documents: z.number().int(),
});
export type Reached = z.infer<typeof reached>;

/** Where a service had its data before: as the state remembers it, or else by what is on the engine. */
export async function placeBefore(
  docker: Docker,
  {
    containers,
    deployment,
    labels,
    last,
  }: Pick<DatabaseReachInput, "containers" | "deployment" | "labels"> & {
    readonly last: Reached | undefined;
  },
): Promise<string | undefined> {
  if (last !== undefined) {
    return last.place;
  }
  const isOurs = async (name: string) => {
    const info = await docker.inspect<{
      readonly Config: { readonly Labels: Readonly<Record<string, string>> | null };
    }>("container", name);
    return isOf({ deployment, labels }, info?.Config.Labels);
  };
  return (await isOurs(containers.own)) ? OWN : undefined;
}
