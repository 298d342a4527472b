import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MongoClient, type MongoClientOptions, MongoServerError } from "mongodb";
import type { EngineInput } from "../../settings/engineConnection.ts";
import { engineEnvironment } from "../docker/engine.ts";

/**
 * Connects standard input and output with the server in the same container, until either end closes. It waits
 * for its own children, because the server is process 1 there and reaps no others, and zombies count against
 * the limit.
 */
const TUNNEL = [
  "exec 3<>/dev/tcp/127.0.0.1/27017 || exit",
  // Otherwise a child in the background has no standard input.
  "exec 4<&0",
  "cat <&3 & cat <&4 >&3 & wait -n",
  "kill $(jobs -p) 2>/dev/null",
  "wait",
].join("; ");

/**
 * Talks to a MongoDB that publishes no port. It goes through `docker exec`, so it works with a remote
 * engine, too, and no password is in an argument. Only this user can open the socket at the local end.
 */
export async function withMongo<T>(
  target: {
    readonly dockerHost: EngineInput;
    readonly container: string;
    readonly user: string;
    readonly password: string;
    /** How long the server may take to answer. @default 10 s */
    readonly patienceMs?: number;
  },
  work: (client: MongoClient) => Promise<T>,
): Promise<T> {
  const env = engineEnvironment(target.dockerHost);
  const folder = await mkdtemp(join(tmpdir(), "cybexp-"));
  const path = join(folder, "mongo.sock");
  const children = new Set<ReturnType<typeof spawn>>();
  const server = createServer((socket) => {
    const child = spawn("docker", ["exec", "-i", target.container, "bash", "-c", TUNNEL], {
      stdio: ["pipe", "pipe", "ignore"],
      env: { ...process.env, ...env },
    });
    children.add(child);
    child.on("exit", () => children.delete(child));
    // Not before its last output is read.
    child.on("close", () => socket.destroySoon());
    socket.on("close", () => child.stdin.end());
    for (const end of [socket, child.stdin, child.stdout]) {
      end.on("error", () => socket.destroy());
    }
    socket.pipe(child.stdin);
    child.stdout.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));

  const options: MongoClientOptions = {
    auth: { username: target.user, password: target.password },
    authSource: "admin",
    directConnection: true,
    serverSelectionTimeoutMS: target.patienceMs ?? 10_000,
    // Each connection is a `docker exec`, so use one at a time.
    maxPoolSize: 1,
  };
  const client = new MongoClient(`mongodb://${encodeURIComponent(path)}/`, options);
  try {
    return await work(client);
  } finally {
    await client.close();
    server.close();
    for (const child of children) {
      child.kill();
    }
    await rm(folder, { recursive: true });
  }
}

/** Whether the server refused the name or password, as opposed to not answering. */
export function isRefused(error: unknown): boolean {
  // AuthenticationFailed in MongoDB's list of error codes.
  return error instanceof MongoServerError && error.code === 18;
}
