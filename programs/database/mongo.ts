import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MongoClient, type MongoClientOptions, MongoServerError } from "mongodb";
import type { EngineInput } from "../../settings/engineConnection.ts";
import { bind } from "../docker/child.ts";
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
export function withMongo<T>(
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
  const args = ["exec", "-i", target.container, "bash", "-c", TUNNEL];
  const env = engineEnvironment(target.dockerHost);
  return withTunnel({ args, env }, async (path) => {
    const options: MongoClientOptions = {
      auth: { username: target.user, password: target.password },
      authSource: "admin",
      serverSelectionTimeoutMS: target.patienceMs ?? 10_000,
    };
    const client = clientAt(path, options);
    try {
      return await work(client);
    } finally {
      await client.close();
    }
  });
}

/** A client of one server, through a tunnel. */
export function clientAt(path: string, options: MongoClientOptions): MongoClient {
  return new MongoClient(`mongodb://${encodeURIComponent(path)}/`, {
    directConnection: true,
    // Each connection is a `docker` of its own, so use one at a time.
    maxPoolSize: 1,
    ...options,
  });
}

/** What connects its standard input and output with a server. */
export interface Tunnel {
  /** The arguments of `docker`. */
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** Starts the tunnel for each connection to a local socket, whose path the work gets. */
export async function withTunnel<T>(
  { args, env }: Tunnel,
  work: (path: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "cybexp-"));
  const path = join(folder, "mongo.sock");
  const removeFolder = () => rmSync(folder, { recursive: true, force: true });
  // A signal ends this process without coming back here.
  process.once("exit", removeFolder);
  const children = new Set<ReturnType<typeof spawn>>();
  const server = createServer((socket) => {
    const child = bind(
      spawn("docker", args, {
        stdio: ["pipe", "pipe", "ignore"],
        env: { ...process.env, ...env },
      }),
    );
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
  try {
    return await work(path);
  } finally {
    server.close();
    for (const child of children) {
      child.kill();
    }
    removeFolder();
    process.off("exit", removeFolder);
  }
}

/** Whether the server refused the name or password, as opposed to not answering. */
export function isRefused(error: unknown): boolean {
  // AuthenticationFailed in MongoDB's list of error codes.
  return error instanceof MongoServerError && error.code === 18;
}
