/**
 * Callers of both services through the proxy: half of them connect anew for each request, as
 * CYBEX-P's collectors do, half keep their connections. On a machine that can't keep up they wait
 * for their answers, so that what is measured is the stack and not a backlog.
 */
import { randomBytes } from "node:crypto";
import { Agent, type RequestOptions, request } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";

export interface LoadOptions {
  readonly kms: number;
  readonly backend: number;
  readonly ca: string;
  readonly user: string;
  readonly password: string;
  /** The name that is called. @default "localhost" */
  readonly name?: string;
  /** Requests a second at most, half of them to the KMS. @default 100 */
  readonly rate?: number;
}

export interface Tally {
  readonly requests: number;
  /** What went wrong, and when, in ms since the start. */
  readonly failures: readonly string[];
  /**
   * Connections that the proxy closed just when a client used them again: not a byte of an answer
   * came, and a client can't know whether the request was taken (RFC 9112, 9.3.1).
   */
  readonly resets: readonly string[];
  readonly slowestMs: number;
  /** Records that the Backend said to have. */
  readonly acknowledged: number;
}

const CALLERS = 24;

/** A record of 15 kB takes more than one packet, and no two are alike. */
const record = () => Buffer.concat([randomBytes(64), Buffer.alloc(15_000 - 64, "x")]);

export class Load {
  readonly #options: LoadOptions;
  readonly #kept = new Agent({ keepAlive: true, maxSockets: CALLERS });
  readonly #start = performance.now();
  readonly #callers: readonly Promise<void>[];
  readonly #failures: string[] = [];
  readonly #resets: string[] = [];
  #sent = 0;
  #slowest = 0;
  #acknowledged = 0;
  #isOver = false;

  constructor(options: LoadOptions) {
    this.#options = options;
    const pauseMs = (1000 * CALLERS) / (options.rate ?? 100);
    this.#callers = Array.from({ length: CALLERS }, (_, index) => this.#call(index, pauseMs));
  }

  /** Waits for the answers that are still to come. */
  async end(): Promise<Tally> {
    this.#isOver = true;
    await Promise.all(this.#callers);
    this.#kept.destroy();
    return {
      requests: this.#sent,
      failures: this.#failures,
      resets: this.#resets,
      slowestMs: Math.round(this.#slowest),
      acknowledged: this.#acknowledged,
    };
  }

  /** One caller: a request, and, when it is answered and the time has come, the next. */
  async #call(index: number, pauseMs: number): Promise<void> {
    await sleep((index / CALLERS) * pauseMs);
    while (!this.#isOver) {
      const begin = performance.now();
      this.#sent++;
      await this.#one(index % 2 === 0, index % 4 < 2);
      await sleep(Math.max(0, begin + pauseMs - performance.now()));
    }
  }

  async #one(toKms: boolean, isKept: boolean): Promise<void> {
    const what = `${toKms ? "GET" : "POST"} on a ${isKept ? "kept" : "new"} connection`;
    const begin = performance.now();
    const body = toKms ? undefined : record();
    const outcome = await this.#send(toKms, isKept, body);
    const time = performance.now() - begin;
    this.#slowest = Math.max(this.#slowest, time);
    const at = `${Math.round(begin - this.#start)} ms`;
    if (outcome === (toKms ? "200" : "201")) {
      this.#acknowledged += toKms ? 0 : 1;
    } else {
      const list = outcome === "reset" ? this.#resets : this.#failures;
      list.push(`${what} at ${at} after ${Math.round(time)} ms: ${outcome}`);
    }
  }

  #send(toKms: boolean, isKept: boolean, body?: Buffer): Promise<string> {
    const { kms, backend, ca, user, password, name = "localhost" } = this.#options;
    const target: RequestOptions = {
      host: "127.0.0.1",
      servername: name,
      port: toKms ? kms : backend,
      path: toKms ? "/" : "/add/enc-data",
      method: toKms ? "GET" : "POST",
      headers: { Host: name, ...(body && { "Content-Length": body.length }) },
      ca,
      auth: `${user}:${password}`,
      agent: isKept ? this.#kept : false,
    };
    return new Promise((resolve) => {
      const outgoing = request(target, (incoming) => {
        incoming.resume();
        incoming.on("end", () => resolve(String(incoming.statusCode)));
        incoming.on("error", (error) => resolve(`cut off: ${error.message}`));
      });
      outgoing.setTimeout(30_000, () => outgoing.destroy(new Error("no answer in 30 s")));
      outgoing.on("error", (error: NodeJS.ErrnoException) => {
        const isReset = error.code === "ECONNRESET" || error.code === "EPIPE";
        resolve(isReset && outgoing.reusedSocket ? "reset" : `${error.code ?? error.message}`);
      });
      outgoing.end(body);
    });
  }
}

/** How many records the Backend has. */
export function countRecords(options: LoadOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: "127.0.0.1",
        servername: "localhost",
        port: options.backend,
        path: "/query",
        method: "POST",
        headers: { Host: "localhost" },
        ca: options.ca,
        auth: `${options.user}:${options.password}`,
        agent: false,
      },
      (incoming) => {
        let body = "";
        incoming.setEncoding("utf8").on("data", (text: string) => (body += text));
        incoming.on("end", () => resolve((JSON.parse(body) as { count: number }).count));
      },
    );
    outgoing.on("error", reject);
    outgoing.end("{}");
  });
}
