import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** A request as the service behind the proxy got it. */
export interface Received {
  readonly method: string;
  readonly url: string;
  readonly httpVersion: string;
  /** As they came: name and value, in order, none merged. */
  readonly headers: [string, string][];
  readonly bytes: number;
  readonly sha256: string;
}

/** A service that records what reaches it and answers as its path says. */
export class Upstream {
  readonly received: Received[] = [];
  /** The most requests that were there at the same time. */
  most = 0;
  #underWay = 0;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#underWay += 1;
      this.most = Math.max(this.most, this.#underWay);
      response.on("close", () => (this.#underWay -= 1));
      void this.#serve(request, response);
    });
  }

  static async start(host: string): Promise<Upstream> {
    const upstream = new Upstream();
    await new Promise<void>((resolve) => upstream.#server.listen(0, host, resolve));
    return upstream;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Forgets what came before; gives what came until then. */
  take(): Received[] {
    return this.received.splice(0);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const hash = createHash("sha256");
    let bytes = 0;
    for await (const chunk of request as AsyncIterable<Buffer>) {
      hash.update(chunk);
      bytes += chunk.length;
    }
    const { method = "", url = "", httpVersion, rawHeaders } = request;
    const headers = rawHeaders.flatMap((name, index): [string, string][] =>
      index % 2 === 0 ? [[name, rawHeaders[index + 1] ?? ""]] : [],
    );
    this.received.push({ method, url, httpVersion, headers, bytes, sha256: hash.digest("hex") });

    const { pathname, searchParams } = new URL(url, "http://upstream");
    switch (pathname) {
      case "/die": // after having read the whole request
        request.socket.destroy();
        return;
      case "/never":
        return;
      case "/slow":
        await sleep(Number(searchParams.get("ms")));
        break;
      case "/401": // as the KMS refuses a token
        response.writeHead(401, { "Content-Type": "application/json" });
        response.end('{"msg":"Missing X-Authorization Header"}');
        return;
      case "/http10": // as Flask's own server answers
        request.socket.end(
          "HTTP/1.0 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 3\r\n" +
            "Server: Werkzeug/2.0.3 Python/3.6.9\r\nConnection: close\r\n\r\nup\n",
        );
        return;
      case "/hostile": // a service that somebody else has taken over
        response.writeHead(200, {
          "Content-Type": "text/plain",
          Server: "evil",
          "X-Powered-By": "evil",
          "Cache-Control": "public, max-age=9999",
          "Strict-Transport-Security": "max-age=0",
          "X-Content-Type-Options": "sniff",
          "Content-Security-Policy": "default-src *",
          "X-Frame-Options": "ALLOWALL",
          "Referrer-Policy": "unsafe-url",
          "X-Request-Id": "forged",
          "X-Accel-Redirect": "/.refused",
        });
        response.end("hostile\n");
        return;
      case "/large":
        response.writeHead(200, { "Content-Type": "application/octet-stream" });
        response.end(Buffer.alloc(Number(searchParams.get("bytes")), "x"));
        return;
    }
    response.writeHead(200, { "Content-Type": "text/plain" });
    response.end("up\n");
  }
}
