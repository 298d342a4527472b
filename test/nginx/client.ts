import { type Agent, request as httpsRequest } from "node:https";
import type { IncomingHttpHeaders } from "node:http";
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly bytes: number;
}

export interface Call {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Record<string, string | string[]>;
  readonly body?: string | Uint8Array;
  /** `user:password`; none when absent. */
  readonly auth?: string;
  readonly agent?: Agent;
  /** Presented when it is asked for; none when absent. */
  readonly client?: ClientKey;
}

/** A client's certificate and private key, PEM. */
export interface ClientKey {
  readonly certificate: string;
  readonly privateKey: string;
}

/** Where a caller connects to, and what it trusts. */
export interface Door {
  readonly port: number;
  readonly serverName: string;
  readonly ca: string;
}

/** One request over TLS; a connection of its own unless an agent is given. */
export function call(door: Door, request: Call = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = httpsRequest({
      host: "127.0.0.1",
      port: door.port,
      servername: door.serverName,
      ca: door.ca,
      method: request.method ?? "GET",
      path: request.path ?? "/",
      headers: { Host: door.serverName, ...request.headers },
      ...(request.auth !== undefined && { auth: request.auth }),
      ...(request.client && { cert: request.client.certificate, key: request.client.privateKey }),
      agent: request.agent ?? false,
      timeout: 20_000,
    });
    outgoing.on("timeout", () => outgoing.destroy(new Error("no answer in 20 s")));
    outgoing.on("error", reject);
    outgoing.on("response", (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
      incoming.on("error", reject);
      incoming.on("end", () => {
        const body = Buffer.concat(chunks);
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          body: body.toString("utf8"),
          bytes: body.length,
        });
      });
    });
    outgoing.end(request.body);
  });
}

/** A TLS connection, once its handshake is done. */
export function handshake(door: Door, options: ConnectionOptions = {}): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect(
      { host: "127.0.0.1", port: door.port, servername: door.serverName, ca: door.ca, ...options },
      () => resolve(socket),
    );
    socket.on("error", reject);
  });
}

/** Sends the very bytes and gives all that comes back until the proxy closes. */
export async function raw(
  door: Door,
  bytes: string,
  options: ConnectionOptions = {},
): Promise<string> {
  const socket = await handshake(door, options);
  return new Promise((resolve, reject) => {
    let text = "";
    socket.setTimeout(10_000, () => socket.destroy(new Error(`no end in 10 s after: ${text}`)));
    socket.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
    socket.on("error", reject);
    socket.on("close", () => resolve(text));
    socket.write(bytes);
  });
}
