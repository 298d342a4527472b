/**
 * Many clients of both services, at a fixed rate that does not wait for answers (an open loop): a late
 * answer counts as late, and does not delay the next request.
 */
import { createHash, randomFillSync } from "node:crypto";
import { Agent, type RequestOptions, request } from "node:https";

export interface Credential {
  readonly user: string;
  readonly password: string;
}

/** What clients know. It is replaced when they learn something new. */
export interface Knowledge {
  /** PEM. */
  readonly ca: string;
  readonly users: readonly Credential[];
}

export interface LoadOptions {
  /** `https://host:port`. */
  readonly kmsUrl: string;
  readonly backendUrl: string;
  /** Requests per second. */
  readonly rate: number;
  readonly knowledge: Knowledge;
}

/** The results of the requests that were sent in one phase. */
export interface Tally {
  readonly phase: string;
  requests: number;
  failed: number;
  /**
   * Kept connections that were closed just as they were used again, before the first byte of an answer. A
   * client can't know whether the request was processed (RFC 9112, 9.3.1).
   */
  resets: number;
  /** From the time that a request was due to the end of its answer. */
  slowestMs: number;
}

/** The size of a typical record of CYBEX-P's collector. */
const RECORD_BYTES = 15_000;

/** A service without its database takes half a minute to answer. */
const PATIENCE_MS = 45_000;

/** How many failures are described. */
const TOLD = 20;

export class Load {
  readonly #options: LoadOptions;
  readonly #tallies: Tally[] = [];
  readonly #acknowledged: string[] = [];
  readonly #failures: string[] = [];
  readonly #pending = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout;
  readonly #start = performance.now();
  #kept = keeper();
  #knowledge: Knowledge;
  #sent = 0;

  constructor(options: LoadOptions, phase: string) {
    this.#options = options;
    this.#knowledge = options.knowledge;
    this.begin(phase);
    this.#timer = setInterval(() => {
      // A timer may be late, but the rate stays the same.
      while (this.#due(this.#sent) <= performance.now()) {
        this.#send(this.#sent++);
      }
    }, 5);
  }

  /** Starts a new phase, under which the next requests are counted. */
  begin(phase: string): void {
    this.#tallies.push({ phase, requests: 0, failed: 0, resets: 0, slowestMs: 0 });
  }

  /** Clients use this from now on. A new authority applies to new connections. */
  learn(knowledge: Knowledge): void {
    if (knowledge.ca !== this.#knowledge.ca) {
      // Connections in use finish their answers.
      this.#kept = keeper();
    }
    this.#knowledge = knowledge;
  }

  /** The SHA-256 of each record that the Backend acknowledged. */
  get acknowledged(): readonly string[] {
    return this.#acknowledged;
  }

  /** Descriptions of the first failures. */
  get failures(): readonly string[] {
    return this.#failures;
  }

  /** Stops sending, and waits for the outstanding answers. */
  async end(): Promise<readonly Tally[]> {
    clearInterval(this.#timer);
    await Promise.all(this.#pending);
    this.#kept.destroy();
    return this.#tallies;
  }

  #due(index: number): number {
    return this.#start + (index * 1000) / this.#options.rate;
  }

  #send(index: number): void {
    const tally = this.#tallies.at(-1);
    if (tally) {
      tally.requests++;
      const pending = this.#one(index, tally).finally(() => this.#pending.delete(pending));
      this.#pending.add(pending);
    }
  }

  /** One third each: a record to the Backend, a GET to the Backend, a GET to the KMS. */
  async #one(index: number, tally: Tally): Promise<void> {
    const { kmsUrl, backendUrl } = this.#options;
    const body = index % 3 === 0 ? newRecord() : undefined;
    const url = body ? `${backendUrl}/add/enc-data` : `${index % 3 === 1 ? backendUrl : kmsUrl}/`;
    // Each kind of request comes on new and kept connections, and from each user.
    const isKept = index % 2 === 0;
    const users = this.#knowledge.users;
    const user = users[Math.floor(index / 6) % users.length];

    const outcome = await this.#exchange(url, isKept, user, body);
    tally.slowestMs = Math.max(tally.slowestMs, performance.now() - this.#due(index));
    if (outcome === (body ? "201" : "200")) {
      if (body) {
        this.#acknowledged.push(createHash("sha256").update(body).digest("hex"));
      }
    } else if (outcome === "reset") {
      tally.resets++;
    } else {
      tally.failed++;
      if (this.#failures.length < TOLD) {
        const second = ((this.#due(index) - this.#start) / 1000).toFixed(1);
        const way = isKept ? "a kept" : "a new";
        this.#failures.push(
          `${tally.phase}, at ${second} s: ${body ? "POST" : "GET"} ${url} on ${way} connection: ${outcome}`,
        );
      }
    }
  }

  /** The answer's status, "reset", or what went wrong. */
  #exchange(
    url: string,
    isKept: boolean,
    credential: Credential | undefined,
    body: Buffer | undefined,
  ): Promise<string> {
    const options: RequestOptions = {
      method: body ? "POST" : "GET",
      ca: this.#knowledge.ca,
      agent: isKept ? this.#kept : false,
      timeout: PATIENCE_MS,
      ...(credential && { auth: `${credential.user}:${credential.password}` }),
      ...(body && { headers: { "Content-Length": body.length } }),
    };
    return new Promise((resolve) => {
      const outgoing = request(url, options);
      outgoing.on("response", (incoming) => {
        incoming.resume();
        incoming.on("end", () => resolve(String(incoming.statusCode)));
        incoming.on("error", (error) => resolve(`the answer was cut off (${error.message})`));
      });
      outgoing.on("timeout", () => outgoing.destroy(new Error("no answer in time")));
      outgoing.on("error", (error: NodeJS.ErrnoException) => {
        const isReset = error.code === "ECONNRESET" || error.code === "EPIPE";
        resolve(isReset && outgoing.reusedSocket ? "reset" : (error.code ?? error.message));
      });
      outgoing.end(body);
    });
  }
}

const keeper = () => new Agent({ keepAlive: true, maxSockets: 64 });

/** Each record is different, and random bytes do not compress. */
const newRecord = () => randomFillSync(Buffer.allocUnsafe(RECORD_BYTES));
