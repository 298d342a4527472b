/**
 * Talks to a database outside of the stack, by the way that the engine has to it: this machine may have none, or
 * another one. Each connection goes through a container of the service's image, and TLS ends here and there.
 */
import { isIP } from "node:net";
import type { MongoClient, MongoClientOptions, MongoError } from "mongodb";
import { ADDRESSLESS, type ResolvedHosts } from "../../render/serviceUri.ts";
import {
  type DatabaseHost,
  describeHosts,
  isEncrypted,
  optionOf,
  readDatabaseUri,
  type DatabaseUri,
} from "../../settings/databaseUri.ts";
import type { Docker } from "../docker/docker.ts";
import { taskCommand } from "../docker/task.ts";
import { UserError } from "../errors.ts";
import { TASK_USER } from "./askDatabase.ts";
import type { DatabaseReachInput } from "./externalDatabase.ts";
import { clientAt, isRefused, withTunnel } from "./mongo.ts";
import { resolveHosts } from "./resolveHosts.ts";

/** It ends when either side does: the engine ends no container with its caller. */
const TUNNEL = `
import os, socket, sys, threading
line = socket.create_connection((sys.argv[1], int(sys.argv[2])), 10)
line.settimeout(None)
def back():
    out = os.fdopen(1, "wb")
    try:
        for data in iter(lambda: line.recv(65536), b""):
            out.write(data)
            out.flush()
    finally:
        os._exit(0)
threading.Thread(target=back).start()
try:
    for data in iter(lambda: os.read(0, 65536), b""):
        line.sendall(data)
finally:
    os._exit(0)
`;

/** For a container to start and the server to answer. */
const PATIENCE_MS = 30_000;

export type ExternalTarget = Pick<
  DatabaseReachInput,
  "uri" | "ca" | "addresses" | "image" | "deployment" | "labels" | "service"
>;

/** Works on the member that takes writes. */
export async function withExternalMongo<T>(
  docker: Docker,
  target: ExternalTarget,
  work: (client: MongoClient) => Promise<T>,
): Promise<T> {
  const uri = readDatabaseUri(target.uri);
  const resolved = await resolveHosts(uri);
  let trouble: Error | undefined;
  for (const host of resolved.hosts) {
    const tunnel = { args: tunnelTo(host, target), env: docker.env };
    const done = await withTunnel(tunnel, async (path) => {
      const client = clientAt(path, optionsFor(uri, resolved, host, target.ca));
      try {
        const answer = await takesWrites(client).catch((error: MongoError) => error);
        // Another member may answer, but it knows no other passwords.
        if (isRefused(answer)) {
          throw answer as MongoError;
        }
        trouble = answer instanceof Error ? answer : undefined;
        if (answer === true) {
          return { result: await work(client) };
        }
      } finally {
        await client.close();
      }
      return undefined;
    });
    if (done !== undefined) {
      return done.result;
    }
  }
  throw (
    trouble ??
    new UserError(`the ${target.service}'s database ${describeHosts(uri)} has no primary now`)
  );
}

async function takesWrites(client: MongoClient): Promise<boolean> {
  const answer = await client.db("admin").command({ hello: 1 });
  return answer["isWritablePrimary"] === true || answer["ismaster"] === true;
}

function tunnelTo(
  { name, port }: DatabaseHost,
  { addresses, image, deployment, labels }: ExternalTarget,
): string[] {
  const isAddress = isIP(name) !== 0;
  return taskCommand({
    ...{ image, deployment, labels, user: TASK_USER, program: "python3" },
    args: ["-c", TUNNEL, isAddress ? ADDRESSLESS : name, String(port)],
    network: "bridge",
    addresses: [
      ...addresses.map((known) => `${known.name}:${known.address}`),
      ...(isAddress ? [`${ADDRESSLESS}:${name}`] : []),
    ],
    // It comes as a stream.
    input: new Uint8Array(),
  });
}

/** What logs in, and how. The rest of a connection string is about many members, or about a driver's habits. */
export function optionsFor(
  uri: DatabaseUri,
  { options }: ResolvedHosts,
  { name }: DatabaseHost,
  ca: string | undefined,
): MongoClientOptions {
  const mechanism = optionOf(uri, "authmechanism")?.toUpperCase() as
    "SCRAM-SHA-1" | "SCRAM-SHA-256" | "PLAIN" | undefined;
  const source =
    optionOf(uri, "authsource") ??
    options.find(([option]) => option.toLowerCase() === "authsource")?.[1] ??
    (mechanism === "PLAIN" ? "$external" : uri.database || "admin");
  return {
    auth: { username: uri.user, password: uri.password },
    authSource: source,
    ...(mechanism && { authMechanism: mechanism }),
    ...(isEncrypted(uri) && { tls: true, servername: name, ...(ca !== undefined && { ca }) }),
    serverSelectionTimeoutMS: PATIENCE_MS,
    // Otherwise it holds one more connection.
    serverMonitoringMode: "poll",
  };
}
