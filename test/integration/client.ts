/** Calls the proxy as clients do, good ones and bad ones. */
import { request as plainRequest } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { request as tlsRequest } from "node:https";
import { connect } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";

export interface Credential {
  readonly user: string;
  readonly password: string;
}

/** A client's certificate and private key, PEM. */
export interface ClientKey {
  readonly certificate: string;
  readonly privateKey: string;
}

export interface Call {
  /** Where to connect to, instead of the address that the name has. */
  readonly address?: string;
  /** PEM; the only authority to trust. */
  readonly ca?: string;
  readonly credential?: Credential | undefined;
  /** Presented where a certificate is asked for. */
  readonly client?: ClientKey | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** Makes it a POST. */
  readonly body?: Buffer | string;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  readonly text: string;
}

/** One request on a connection of its own; rejects when there is no answer. */
export function call(url: string, options: Call = {}): Promise<Answer> {
  const { address, ca, credential, client, headers, body } = options;
  const { host, hostname } = new URL(url);
  return new Promise((resolve, reject) => {
    const request = url.startsWith("https:") ? tlsRequest : plainRequest;
    const outgoing = request(url, {
      ca,
      // Not that of a Host header, which may say something else.
      servername: hostname,
      ...(address !== undefined && { hostname: address }),
      agent: false,
      timeout: 30_000,
      method: body === undefined ? "GET" : "POST",
      headers: {
        Host: host,
        ...headers,
        ...(body !== undefined && { "Content-Length": Buffer.byteLength(body) }),
      },
      ...(credential && { auth: `${credential.user}:${credential.password}` }),
      ...(client && { cert: client.certificate, key: client.privateKey }),
    });
    outgoing.on("response", (response) => {
      // A refusal may come before the whole body is sent: what breaks after it does not count.
      outgoing.removeAllListeners("error").on("error", () => {});
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("error", reject);
      response.on("end", () => {
        const whole = Buffer.concat(parts);
        const { statusCode = 0, headers } = response;
        resolve({ status: statusCode, headers, body: whole, text: whole.toString("utf8") });
        outgoing.destroy();
      });
    });
    outgoing.on("timeout", () => outgoing.destroy(new Error(`no answer from ${url}`)));
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

/** The status of one GET over HTTP/2. */
export function callHttp2(url: string, ca: string, credential: Credential): Promise<number> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(url, { ca });
    session.on("error", reject);
    const { user, password } = credential;
    const stream = session.request({
      ":path": "/",
      authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`,
    });
    stream.on("error", reject);
    stream.on("response", (headers) => {
      session.close();
      stream.close();
      resolve(Number(headers[":status"]));
    });
    stream.end();
  });
}

export interface Handshake {
  /** Node's name for why it failed; undefined where it did not. */
  readonly error?: string | undefined;
  readonly protocol?: string | null;
  readonly alpn?: string | false | null;
}

/** A TLS handshake and nothing more. */
export function handshake(port: number, options: ConnectionOptions): Promise<Handshake> {
  return new Promise((resolve) => {
    const socket = connectTls({ host: "127.0.0.1", port, timeout: 10_000, ...options });
    socket.on("secureConnect", () => {
      resolve({ protocol: socket.getProtocol(), alpn: socket.alpnProtocol });
      socket.destroy();
    });
    socket.on("error", (error: NodeJS.ErrnoException) => resolve({ error: error.code ?? "" }));
    socket.on("timeout", () => resolve({ error: "no answer" }));
  });
}

/** What a TCP connection to an address of this machine comes to: "open", or the error's code. */
export function knock(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 3000 });
    const settle = (answer: string) => {
      socket.destroy();
      resolve(answer);
    };
    socket.on("connect", () => settle("open"));
    socket.on("timeout", () => settle("no answer"));
    socket.on("error", (error: NodeJS.ErrnoException) => settle(error.code ?? "error"));
  });
}
