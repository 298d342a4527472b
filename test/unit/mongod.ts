/**
 * A server that answers MongoDB's wire protocol as a standalone mongod of a release does, as far as logging in
 * and its featureCompatibilityVersion go. No real one runs everywhere: it needs AVX.
 */
import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from "node:crypto";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { BSON, type Document, Long } from "mongodb";

/** As it is in `admin.system.version`, and as getParameter shows it. */
export interface FeatureDocument {
  version: string;
  targetVersion?: string;
  previousVersion?: string;
}

/**
 * The numbers that each release starts with, and takes in the command; the last is its own.
 * https://www.mongodb.com/docs/manual/reference/command/setFeatureCompatibilityVersion/ has the major ones. The
 * sentence of a server that does not start names the others: the release right before it, which nobody skips.
 */
const TAKES: Readonly<Record<string, readonly string[]>> = {
  "4.4": ["4.2", "4.4"],
  "5.0": ["4.4", "5.0"],
  "6.0": ["5.0", "5.3", "6.0"],
  "7.0": ["6.0", "6.3", "7.0"],
  "8.0": ["7.0", "7.3", "8.0"],
  "8.2": ["8.0", "8.1", "8.2"],
};

/** What a driver knows a release by: src/cmap/wire_protocol/constants.ts in the driver's package. */
const WIRE: Readonly<Record<string, number>> = {
  "4.4": 9,
  "5.0": 13,
  "6.0": 17,
  "7.0": 21,
  "8.0": 25,
  "8.2": 27,
};

/** What goes wrong in the middle of a change, when the document says already where it leads. */
export type Trouble =
  /** The server dies: the connection ends without an answer. */
  | "dies"
  /** It is shut down while it works. */
  | "interrupted"
  /** The data has something that the new release does not have any more. */
  | "cannotUpgrade"
  /** Before the document changes: this member of a replica set does not write. */
  | "notPrimary";

/** Numbers and names are those of src/mongo/base/error_codes.yml. */
const ERRORS: Readonly<Record<Exclude<Trouble, "dies">, readonly [number, string, string]>> = {
  interrupted: [11600, "InterruptedAtShutdown", "interrupted at shutdown"],
  cannotUpgrade: [400, "CannotUpgrade", "Cannot upgrade: the collection KMS.old is in the way"],
  notPrimary: [10107, "NotWritablePrimary", "not primary"],
};

class CommandError extends Error {
  readonly answer: Document;
  constructor(code: number, codeName: string, errmsg: string) {
    super(errmsg);
    this.answer = { ok: 0, errmsg, code, codeName };
  }
}

const location = (code: number, sentence: string) =>
  new CommandError(code, `Location${code}`, sentence);

/** What a login is checked with. The server never has the password itself. */
interface Credentials {
  readonly user: string;
  readonly salt: Buffer;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

const ITERATIONS = 15_000;
const hmac = (key: Buffer, text: string) => createHmac("sha256", key).update(text).digest();
const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest();

function credentials(user: string, password: string): Credentials {
  const salt = randomBytes(28);
  const salted = pbkdf2Sync(password, salt, ITERATIONS, 32, "sha256");
  const storedKey = sha256(hmac(salted, "Client Key"));
  return { user, salt, storedKey, serverKey: hmac(salted, "Server Key") };
}

/** One connection's login: RFC 5802 and 7677. */
interface Conversation {
  readonly first: string;
  readonly nonce: string;
  readonly challenge: string;
  readonly brief: boolean;
}

export class Mongod {
  readonly data: FeatureDocument;
  /** Every command that changes or reads the features, as it came, without the driver's own fields. */
  readonly asked: Document[] = [];
  /** How many have logged in, and how many were refused. */
  readonly logins = { good: 0, bad: 0 };
  trouble: Trouble | undefined;
  readonly #version: string;
  readonly #series: string;
  readonly #credentials: Credentials;
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((socket) => this.#serve(socket));

  /** @throws as mongod ends, with exit code 62, if the data is of a release that it does not read */
  constructor(
    version: string,
    data: FeatureDocument,
    { user, password }: { user: string; password: string },
  ) {
    this.#version = version;
    this.#series = version.split(".").slice(0, 2).join(".");
    this.data = data;
    this.#credentials = credentials(user, password);
    if (!this.#takes.includes(data.version)) {
      throw new Error(
        `UPGRADE PROBLEM: Found an invalid featureCompatibilityVersion document: ${this.#invalid(data.version)}`,
      );
    }
  }

  get #takes(): readonly string[] {
    return TAKES[this.#series] ?? [];
  }

  get #own(): string {
    return this.#takes.at(-1) ?? "";
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.#sockets.forEach((socket) => socket.destroy());
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    const session: Session = { user: undefined, conversation: undefined };
    let rest: Buffer = Buffer.alloc(0);
    let queue = Promise.resolve();
    socket.on("data", (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 16 && rest.length >= rest.readInt32LE(0)) {
        const length = rest.readInt32LE(0);
        const message = rest.subarray(0, length);
        rest = rest.subarray(length);
        queue = queue.then(() => this.#answer(socket, session, message));
      }
    });
  }

  async #answer(socket: Socket, session: Session, message: Buffer): Promise<void> {
    const { id, command, legacy } = read(message);
    let answer: Document;
    try {
      answer = { ...(await this.#run(session, command)), ok: 1 };
    } catch (error) {
      if (!(error instanceof CommandError)) {
        socket.destroy();
        return;
      }
      answer = error.answer;
    }
    if (!socket.destroyed) {
      socket.write(legacy ? reply(id, answer) : msg(id, answer));
    }
  }

  async #run(session: Session, command: Document): Promise<Document> {
    const [name = ""] = Object.keys(command);
    switch (name.toLowerCase()) {
      case "hello":
      case "ismaster":
        return this.#hello(session, command);
      case "saslstart":
        return this.#saslStart(session, command);
      case "saslcontinue":
        return this.#saslContinue(session, command);
      case "ping":
      case "endsessions":
        return {};
      case "buildinfo":
        return { version: this.#version, maxBsonObjectSize: 16_777_216 };
    }
    if (session.user === undefined) {
      throw new CommandError(13, "Unauthorized", `Command ${name} requires authentication`);
    }
    const { $db, lsid, $readPreference, ...own } = command;
    void [lsid, $readPreference];
    this.asked.push(own);
    if (name === "getParameter" && "featureCompatibilityVersion" in command) {
      return { featureCompatibilityVersion: { ...this.data } };
    }
    if (name === "setFeatureCompatibilityVersion") {
      if ($db !== "admin") {
        throw new CommandError(13, "Unauthorized", `${name} may only be run against the admin db`);
      }
      return this.#setFeatures(own);
    }
    throw new CommandError(59, "CommandNotFound", `no such command: '${name}'`);
  }

  async #hello(session: Session, command: Document): Promise<Document> {
    // A monitor waits for news here.
    if (command["maxAwaitTimeMS"] !== undefined) {
      await sleep(Number(command["maxAwaitTimeMS"]), undefined, { ref: false });
    }
    const start = command["speculativeAuthenticate"] as Document | undefined;
    const speculative = start && this.#saslStart(session, start);
    return {
      helloOk: true,
      isWritablePrimary: true,
      ismaster: true,
      topologyVersion: { processId: new BSON.ObjectId("0".repeat(24)), counter: Long.ZERO },
      maxBsonObjectSize: 16_777_216,
      maxMessageSizeBytes: 48_000_000,
      maxWriteBatchSize: 100_000,
      localTime: new Date(),
      logicalSessionTimeoutMinutes: 30,
      connectionId: 1,
      minWireVersion: 0,
      maxWireVersion: WIRE[this.#series],
      readOnly: false,
      ...(command["saslSupportedMechs"] !== undefined && {
        saslSupportedMechs: ["SCRAM-SHA-1", "SCRAM-SHA-256"],
      }),
      ...(speculative && { speculativeAuthenticate: speculative }),
    };
  }

  #saslStart(session: Session, command: Document): Document {
    const first = text(command["payload"]).replace(/^n,,/, "");
    const { n: user, r: nonce = "" } = attributes(first);
    if (command["mechanism"] !== "SCRAM-SHA-256" || user !== this.#credentials.user) {
      this.#refuse();
    }
    const whole = nonce + randomBytes(18).toString("base64");
    const challenge = `r=${whole},s=${this.#credentials.salt.toString("base64")},i=${ITERATIONS}`;
    const brief = (command["options"] as Document | undefined)?.["skipEmptyExchange"] === true;
    session.conversation = { first, nonce: whole, challenge, brief };
    return { conversationId: 1, done: false, payload: new BSON.Binary(Buffer.from(challenge)) };
  }

  #saslContinue(session: Session, command: Document): Document {
    const { conversation } = session;
    const final = text(command["payload"]);
    const { r: nonce, p: proof = "" } = attributes(final);
    if (conversation === undefined || nonce !== conversation.nonce) {
      return this.#refuse();
    }
    const { storedKey, serverKey, user } = this.#credentials;
    const signed = `${conversation.first},${conversation.challenge},${final.replace(/,p=.*$/, "")}`;
    const signature = hmac(storedKey, signed);
    const given = Buffer.from(proof, "base64");
    const clientKey = Buffer.from(signature.map((byte, index) => byte ^ (given[index] ?? 0)));
    if (given.length !== 32 || !timingSafeEqual(sha256(clientKey), storedKey)) {
      return this.#refuse();
    }
    this.logins.good++;
    session.user = user;
    const verifier = `v=${hmac(serverKey, signed).toString("base64")}`;
    return {
      conversationId: 1,
      done: conversation.brief,
      payload: new BSON.Binary(Buffer.from(verifier)),
    };
  }

  #refuse(): never {
    this.logins.bad++;
    throw new CommandError(18, "AuthenticationFailed", "Authentication failed.");
  }

  #invalid(value: string): string {
    return `Invalid feature compatibility version value '${value}'; expected ${this.#takes.map((each) => `'${each}'`).join(" or ")}`;
  }

  #setFeatures(command: Document): Document {
    const wanted = String(command["setFeatureCompatibilityVersion"]);
    const confirming = Number(this.#series) >= 7;
    if (this.trouble === "notPrimary") {
      throw new CommandError(...ERRORS.notPrimary);
    }
    if (!confirming && "confirm" in command) {
      throw location(
        40415,
        "BSON field 'setFeatureCompatibilityVersion.confirm' is an unknown field.",
      );
    }
    if (!this.#takes.includes(wanted)) {
      throw location(4926900, this.#invalid(wanted));
    }
    if (confirming && command["confirm"] !== true) {
      throw location(
        7369100,
        `Once you have upgraded to ${wanted}, you will not be able to downgrade FCV and binary version without support assistance. Please re-run this command with 'confirm: true' to acknowledge this and continue with the FCV upgrade.`,
      );
    }
    const { version, targetVersion, previousVersion } = this.data;
    if (wanted === version && targetVersion === undefined) {
      return {};
    }
    const down = previousVersion !== undefined;
    // Up to its own release; down to the major one before; from 7.0 on it turns round on the way.
    const allowed =
      wanted === this.#own
        ? !down || confirming
        : wanted === this.#takes[0] && (targetVersion === undefined || down);
    if (!allowed) {
      throw location(
        5147403,
        `cannot set featureCompatibilityVersion to '${wanted}' while featureCompatibilityVersion is '${describe(this.data)}'`,
      );
    }
    if (wanted === this.#own) {
      this.#set({ version: down ? wanted : version, targetVersion: wanted });
    } else {
      this.#set({ version: wanted, targetVersion: wanted, previousVersion: this.#own });
    }
    const { trouble } = this;
    this.trouble = undefined;
    if (trouble === "dies") {
      throw new Error("killed");
    }
    if (trouble !== undefined) {
      throw new CommandError(...ERRORS[trouble]);
    }
    this.#set({ version: wanted });
    return {};
  }

  /** The document is the volume's: the next server has it, too. */
  #set(document: FeatureDocument): void {
    delete this.data.targetVersion;
    delete this.data.previousVersion;
    Object.assign(this.data, document);
  }
}

interface Session {
  user: string | undefined;
  conversation: Conversation | undefined;
}

const describe = ({ version, targetVersion, previousVersion }: FeatureDocument): string =>
  targetVersion === undefined
    ? version
    : `${previousVersion === undefined ? "upgrading" : "downgrading"} from ${previousVersion ?? version} to ${targetVersion}`;

const text = (payload: unknown): string =>
  Buffer.from((payload as { buffer: Uint8Array }).buffer).toString();

const attributes = (message: string): Record<string, string | undefined> =>
  Object.fromEntries(message.split(",").map((part) => [part[0] ?? "", part.slice(2)]));

const OP_REPLY = 1;
const OP_QUERY = 2004;
const OP_MSG = 2013;

/** A driver's first message is an OP_QUERY, because it does not know the server yet. */
function read(message: Buffer): { id: number; command: Document; legacy: boolean } {
  const id = message.readInt32LE(4);
  const legacy = message.readInt32LE(12) === OP_QUERY;
  // Flags, a name that ends with 0, and two numbers; or flags and the kind of the section.
  const start = legacy ? message.indexOf(0, 20) + 9 : 21;
  const length = message.readInt32LE(start);
  return { id, legacy, command: BSON.deserialize(message.subarray(start, start + length)) };
}

let lastId = 0;

function frame(kind: number, to: number, body: Buffer): Buffer {
  const head = Buffer.alloc(16);
  [16 + body.length, ++lastId, to, kind].forEach((value, index) =>
    head.writeInt32LE(value, 4 * index),
  );
  return Buffer.concat([head, body]);
}

const msg = (to: number, answer: Document) =>
  frame(OP_MSG, to, Buffer.concat([Buffer.alloc(5), BSON.serialize(answer)]));

function reply(to: number, answer: Document): Buffer {
  const head = Buffer.alloc(20);
  head.writeInt32LE(8, 0); // It knows how to wait.
  head.writeInt32LE(1, 16); // One document.
  return frame(OP_REPLY, to, Buffer.concat([head, BSON.serialize(answer)]));
}
