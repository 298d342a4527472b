/** An ordinary web application, as it stands behind a door: pages, events, WebSockets, redirects, uploads. */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { frame, frames, textOf } from "./webSocket.ts";

/** An upload, as it came in. */
export interface Upload {
  /** When its head and its first and last byte were there, by `performance.now`. */
  readonly head: number;
  readonly first: number;
  readonly last: number;
  readonly bytes: number;
}

/** Shows what its style sheet, its script, its WebSocket and its events did. */
const PAGE = `<!doctype html>
<html><head><title>A page</title><link rel="stylesheet" href="style.css"></head>
<body><p id="style"></p><p id="socket"></p><p id="events"></p><img src="wait" alt=""><script src="app.js"></script></body></html>
`;
const STYLE = "body { color: rgb(1, 2, 3); background: rgb(200, 230, 255); }\n";
const SCRIPT = `
const say = (id, text) => (document.getElementById(id).textContent += text);
say("style", getComputedStyle(document.body).color);
const socket = new WebSocket(new URL("socket", location.href.replace("https:", "wss:").replace(/\\/\\/[^@/]*@/, "//")));
socket.onopen = () => socket.send("hello");
socket.onmessage = ({ data }) => say("socket", JSON.parse(data).said);
const events = new EventSource("events11");
events.onmessage = ({ data }) => say("events", data);
events.onerror = () => events.close();
`;

/** How long the events lie apart. */
export const EVENT_MS = 300;

export class WebUpstream {
  readonly requests: { url: string; headers: IncomingMessage["headers"] }[] = [];
  readonly uploads: Upload[] = [];
  /** Connections that were opened to it. */
  connections = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Duplex>();
  readonly #used = new WeakSet<Socket>();
  readonly #name: string;

  private constructor(name: string, keepAliveMs: number) {
    this.#name = name;
    this.#server = createServer((request, response) => void this.#serve(request, response));
    this.#server.keepAliveTimeout = keepAliveMs;
    this.#server.on("connection", (socket: Socket) => {
      this.connections += 1;
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      socket.on("error", () => undefined);
    });
    this.#server.on("upgrade", (request: IncomingMessage, socket: Duplex) =>
      this.#upgrade(request, socket),
    );
  }

  /** @param keepAliveMs How long it keeps a connection that nobody uses. */
  static async start(host: string, name = "web", keepAliveMs = 30_000): Promise<WebUpstream> {
    const upstream = new WebUpstream(name, keepAliveMs);
    await new Promise<void>((resolve) => upstream.#server.listen(0, host, resolve));
    return upstream;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) {
      socket.destroy();
    }
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const head = performance.now();
    const { url = "", headers, method } = request;
    this.requests.push({ url, headers });
    const { pathname, searchParams } = new URL(url, "http://upstream");
    const page = pathname.split("/").at(-1) ?? "";
    const body = await bodyOf(request, head);
    if (page === "used" && this.#used.has(request.socket)) {
      // As a service does that has kept a connection long enough just as a request comes on it.
      request.socket.destroy();
      return;
    }
    this.#used.add(request.socket);
    if (method === "POST") {
      this.uploads.push(body);
    }
    const send = (type: string, text: string) => {
      response.writeHead(200, { "Content-Type": type });
      response.end(text);
    };
    switch (page) {
      case "":
        return send("text/html; charset=utf-8", PAGE);
      case "style.css":
        return send("text/css", STYLE);
      case "app.js":
        return send("text/javascript", SCRIPT);
      case "wait": // longer than the events take
        await sleep(6 * EVENT_MS);
        return send("image/svg+xml", '<svg xmlns="http://www.w3.org/2000/svg"/>');
      case "own": // headers of an application that has thought of them
        response.writeHead(200, {
          "Content-Type": "text/html",
          "Content-Security-Policy": "default-src 'self'",
          "Cache-Control": "private, max-age=60",
          "X-Frame-Options": "DENY",
          "Referrer-Policy": "no-referrer",
          "X-Content-Type-Options": "nosniff",
          "Strict-Transport-Security": "max-age=1",
          "Permissions-Policy": "camera=()",
          Server: "own",
          "X-Powered-By": "own",
          "Set-Cookie": ["a=1; Path=/; HttpOnly", "b=2", `c=3; Path=/app/deep`, "d=4; Path=/app"],
          "X-Accel-Redirect": "/.refused",
        });
        response.end("own\n");
        return;
      case "events10": // without a length or chunks: it ends with the connection
        request.socket.write("HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
        await this.#events((text) => request.socket.write(text));
        request.socket.end();
        return;
      case "events11":
        response.writeHead(200, { "Content-Type": "text/event-stream" });
        response.flushHeaders();
        await this.#events((text) => response.write(text));
        response.end();
        return;
      case "redirect":
        response.writeHead(302, { Location: this.#filled(searchParams.get("to") ?? "", request) });
        response.end();
        return;
      default:
        return send("application/json", JSON.stringify({ from: this.#name, url, headers }));
    }
  }

  async #events(write: (text: string) => void): Promise<void> {
    for (const number of [1, 2, 3]) {
      write(`data: ${number}\n\n`);
      await sleep(EVENT_MS);
    }
  }

  /** What an application makes of what it is told: the host, and its own address. */
  #filled(to: string, request: IncomingMessage): string {
    const { localAddress, localPort } = request.socket;
    return to
      .replace("HOST", request.headers.host ?? "")
      .replace("OWN", `${localAddress}:${localPort}`);
  }

  /** Says with each answer what it was told of the caller. */
  #upgrade(request: IncomingMessage, socket: Duplex): void {
    this.#sockets.add(socket);
    socket.on("error", () => undefined);
    this.requests.push({ url: request.url ?? "", headers: request.headers });
    const accept = createHash("sha1")
      .update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest("base64");
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    let rest: Buffer = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      const found = frames(Buffer.concat([rest, chunk]));
      rest = found.rest;
      for (const payload of found.payloads) {
        const said = textOf(payload);
        socket.write(frame(JSON.stringify({ said, headers: request.headers }), false));
      }
    });
  }
}

async function bodyOf(request: IncomingMessage, head: number): Promise<Upload> {
  let first = 0;
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    first ||= performance.now();
    bytes += chunk.length;
  }
  return { head, first, last: performance.now(), bytes };
}
