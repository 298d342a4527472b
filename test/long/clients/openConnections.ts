/** Connections that a client opened while it was let in, and holds on to. */
import { Agent } from "node:https";
import { connect as connectHttp2, type ClientHttp2Session } from "node:http2";
import type { TLSSocket } from "node:tls";
import { setTimeout as sleep } from "node:timers/promises";
import { call, type ClientKey, type Door, handshake } from "../../nginx/client.ts";

/** How often the busy one calls. */
const PAUSE_MS = 100;

export interface TimedAnswer {
  /** As of `performance.now()`, when the call was made. */
  readonly at: number;
  /** The status, or why there was no answer. */
  readonly outcome: number | string;
}

/** Goes on calling, on one connection for as long as that is kept open. */
export class BusyCaller {
  readonly answers: TimedAnswer[] = [];
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #running: Promise<void>;
  #stopped = false;

  constructor(door: Door, client: ClientKey) {
    this.#running = this.#run(door, client);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
    this.#agent.destroy();
  }

  async #run(door: Door, client: ClientKey): Promise<void> {
    while (!this.#stopped) {
      const at = performance.now();
      const outcome = await call(door, { agent: this.#agent, client }).then(
        ({ status }) => status,
        (error: NodeJS.ErrnoException) => error.code ?? error.message,
      );
      this.answers.push({ at, outcome });
      await sleep(PAUSE_MS);
    }
  }
}

/** A connection that is held open. */
export interface OpenConnection {
  /** What the first request on it was answered, if it had an answer. */
  readonly first?: number;
  /** When it was closed, as of `performance.now()`; not yet if undefined. */
  readonly closedAt: () => number | undefined;
  readonly destroy: () => void;
}

function held(connection: TLSSocket | ClientHttp2Session, first?: number): OpenConnection {
  let closedAt: number | undefined;
  connection.on("error", () => {});
  connection.once("close", () => (closedAt = performance.now()));
  return {
    ...(first !== undefined && { first }),
    closedAt: () => closedAt,
    destroy: () => connection.destroy(),
  };
}

/** A connection that had one answer, and waits for the next request. */
export async function openIdle(door: Door, client: ClientKey): Promise<OpenConnection> {
  const socket = await handshake(door, { cert: client.certificate, key: client.privateKey });
  socket.on("error", () => {});
  const answer = new Promise<string>((resolve) =>
    socket.once("data", (data) => resolve(String(data))),
  );
  socket.write(`GET / HTTP/1.1\r\nHost: ${door.serverName}\r\n\r\n`);
  return held(socket, Number((await answer).split(" ")[1]));
}

/** A request whose body never comes to its end: a byte each second. */
export async function openEndless(door: Door, client: ClientKey): Promise<OpenConnection> {
  const socket = await handshake(door, { cert: client.certificate, key: client.privateKey });
  socket.on("error", () => {});
  socket.write(`POST / HTTP/1.1\r\nHost: ${door.serverName}\r\nContent-Length: 50000\r\n\r\n`);
  const more = setInterval(() => socket.writable && socket.write("x"), 1000);
  socket.on("close", () => clearInterval(more));
  return held(socket);
}

/** An HTTP/2 connection that had one answer, and waits for the next request. */
export async function openHttp2(door: Door, client: ClientKey): Promise<OpenConnection> {
  const session = connectHttp2(`https://${door.serverName}:${door.port}`, {
    ca: door.ca,
    cert: client.certificate,
    key: client.privateKey,
  });
  const first = await new Promise<number>((resolve, reject) => {
    session.on("error", reject);
    const stream = session.request({ ":path": "/" });
    stream.on("error", reject);
    stream.on("response", (headers) => resolve(Number(headers[":status"])));
    stream.resume().end();
  });
  return held(session, first);
}
