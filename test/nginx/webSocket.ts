/** As much of the WebSocket protocol (RFC 6455) as text messages of up to 64 kB need. */
import { randomBytes } from "node:crypto";
import type { TLSSocket } from "node:tls";
import { type ClientKey, type Door, handshake } from "./client.ts";

/** A text message. A client has to mask its own. */
export function frame(text: string, masked: boolean): Buffer {
  const payload = Buffer.from(text);
  const mask = masked ? randomBytes(4) : Buffer.alloc(0);
  const length =
    payload.length < 126
      ? Buffer.from([payload.length])
      : Buffer.from([126, payload.length >> 8, payload.length & 255]);
  length[0] = (length[0] ?? 0) | (masked ? 128 : 0);
  const body = masked ? payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0)) : payload;
  return Buffer.concat([Buffer.from([0x81]), length, mask, body]);
}

/** The payloads of whole messages, and the rest. */
export function frames(bytes: Buffer): { payloads: Uint8Array[]; rest: Buffer } {
  const payloads: Uint8Array[] = [];
  let rest = bytes;
  for (;;) {
    const [, second] = rest;
    if (second === undefined) {
      return { payloads, rest };
    }
    const short = second & 127;
    const start = short === 126 ? 4 : 2;
    const length = short === 126 && rest.length >= 4 ? rest.readUInt16BE(2) : short;
    const masked = (second & 128) !== 0;
    const end = start + (masked ? 4 : 0) + length;
    if (rest.length < end) {
      return { payloads, rest };
    }
    const mask = rest.subarray(start, start + 4);
    const body = rest.subarray(end - length, end);
    payloads.push(masked ? body.map((byte, index) => byte ^ (mask[index % 4] ?? 0)) : body);
    rest = rest.subarray(end);
  }
}

export const textOf = (payload: Uint8Array): string => Buffer.from(payload).toString("utf8");

export interface Echo {
  readonly said: string;
  readonly headers: Record<string, string | undefined>;
}

/** A WebSocket that is open, or the answer that refused it. */
export class WebSocketClient {
  /** The head of the answer. */
  readonly head: string;
  /** Resolves once it is closed. */
  readonly closed: Promise<void>;
  readonly #socket: TLSSocket;
  #rest: Buffer;
  readonly #waiting: ((echo: Echo) => void)[] = [];

  private constructor(socket: TLSSocket, head: string, rest: Buffer) {
    this.#socket = socket;
    this.head = head;
    this.#rest = rest;
    this.closed = new Promise((resolve) => socket.on("close", () => resolve()));
    socket.on("data", (chunk: Buffer) => {
      const found = frames(Buffer.concat([this.#rest, chunk]));
      this.#rest = found.rest;
      for (const payload of found.payloads) {
        this.#waiting.shift()?.(JSON.parse(textOf(payload)) as Echo);
      }
    });
  }

  static async open(
    door: Door,
    options: {
      auth?: string;
      client?: ClientKey;
      headers?: Record<string, string>;
      path?: string;
      upgrade?: string;
    } = {},
  ): Promise<WebSocketClient> {
    const { auth, client, headers = {}, path = "/socket", upgrade = "websocket" } = options;
    const socket = await handshake(
      door,
      client && { cert: client.certificate, key: client.privateKey },
    );
    const all = {
      Host: `${door.serverName}:${door.port}`,
      Connection: "keep-alive, Upgrade",
      Upgrade: upgrade,
      "Sec-WebSocket-Version": "13",
      "Sec-WebSocket-Key": randomBytes(16).toString("base64"),
      ...(auth && { Authorization: `Basic ${Buffer.from(auth).toString("base64")}` }),
      ...headers,
    };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`GET ${path} HTTP/1.1\r\n${lines.join("")}\r\n`);
    return new Promise((resolve, reject) => {
      let bytes = Buffer.alloc(0);
      const read = (chunk: Buffer) => {
        bytes = Buffer.concat([bytes, chunk]);
        const end = bytes.indexOf("\r\n\r\n");
        if (end !== -1) {
          socket.off("data", read);
          resolve(
            new WebSocketClient(socket, bytes.toString("latin1", 0, end), bytes.subarray(end + 4)),
          );
        }
      };
      socket.on("data", read);
      socket.on("error", reject);
      socket.on("close", () => reject(new Error(`closed after: ${bytes.toString("latin1")}`)));
    });
  }

  /** Says something, and gives the echo. */
  say(text: string): Promise<Echo> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no echo of ${text} in 5 s`)), 5000);
      this.#waiting.push((echo) => {
        clearTimeout(timer);
        resolve(echo);
      });
      this.#socket.write(frame(text, true));
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}
