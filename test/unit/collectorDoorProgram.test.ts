/** The program of a collector's door and gate, run here: no record that it takes is lost, and none comes twice. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  DOOR_CONFIG,
  DOOR_PROGRAM,
  doorFiles,
  type DoorStatus,
  gateFiles,
  NO_MORE,
  targetText,
} from "../../render/collectorDoor.ts";

/** Any from 3.6 on: the image of the real collector has that one. */
const PYTHON = process.env["CYBEXP_TEST_PYTHON"] ?? "python3";

const folder = mkdtempSync(join(tmpdir(), "cybexp-door-"));
/** What a test leaves running. */
const ends: (() => unknown)[] = [];
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
});
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

async function until<T>(what: string, look: () => T | undefined): Promise<T> {
  for (const end = Date.now() + 10_000; Date.now() < end; await sleep(20)) {
    const found = look();
    if (found !== undefined) {
      return found;
    }
  }
  return assert.fail(`waited in vain until ${what}`);
}
const isTrue = (value: boolean) => value || undefined;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

interface Next {
  readonly host?: string;
  readonly port: number;
}

/** A door or a gate, at a port of its own. */
class Program {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #status: string;
  readonly #target: string;
  #said = "";

  private constructor(port: number, child: ChildProcess, path: string) {
    this.port = port;
    this.#child = child;
    this.#status = `${path}.status`;
    this.#target = `${path}.target`;
    child.stderr?.on("data", (data: Buffer) => (this.#said += data.toString()));
    ends.push(() => this.end("SIGKILL"));
  }

  /**
   * @param config What is rendered for it, but for ports and paths.
   * @param openFiles How many files it may have open. @default as many as the test
   */
  static async start(
    files: Readonly<Record<string, string>>,
    next: Next,
    config: Readonly<Record<string, unknown>> = {},
    openFiles?: number,
  ): Promise<Program> {
    const path = join(folder, randomBytes(6).toString("hex"));
    const rendered = JSON.parse(files[DOOR_CONFIG] ?? "") as { next: object; records: number };
    const port = (config["records"] as number | undefined) ?? (await freePort());
    writeFileSync(`${path}.py`, files[DOOR_PROGRAM] ?? "");
    writeFileSync(
      `${path}.json`,
      JSON.stringify({
        ...rendered,
        records: port,
        next: { ...rendered.next, host: "127.0.0.1", ...next },
        statusFile: `${path}.status`,
        targetFile: `${path}.target`,
        ...config,
      }),
    );
    const program = new Program(
      port,
      spawn(
        "sh",
        [
          ...["-c", openFiles ? `ulimit -n ${openFiles} && exec "$@"` : 'exec "$@"', "sh"],
          ...[PYTHON, "-I", "-u", `${path}.py`, `${path}.json`],
        ],
        { stdio: ["ignore", "inherit", "pipe"] },
      ),
      path,
    );
    await until("it is ready", () => isTrue(program.#said.includes("ready")));
    return program;
  }

  status(): DoorStatus {
    return JSON.parse(readFileSync(this.#status, "utf8")) as DoorStatus;
  }

  untilStatus(records: number, at: Readonly<Record<string, number>> = {}): Promise<true> {
    const wanted = JSON.stringify({ records, at });
    return until(`its status has ${wanted}`, () => {
      const { records, at } = this.status();
      return isTrue(JSON.stringify({ records, at }) === wanted);
    });
  }

  aim(host: string): void {
    writeFileSync(this.#target, targetText(host));
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Its exit code; null after a signal that killed it. */
  async end(signal?: NodeJS.Signals): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = once(this.#child, "exit");
      if (signal !== undefined) {
        this.signal(signal);
      }
      await ended;
    }
    // What it says of its own faults would be lost otherwise.
    assert.doesNotMatch(this.#said, /Traceback|never retrieved/);
    return this.#child.exitCode;
  }

  get runs(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }
}

const PROXY = { host: "proxy", ways: [] };
const gate = (next: Next, { workers = 10, ...config }: Record<string, unknown> = {}) =>
  Program.start(gateFiles(PROXY, Number(workers)), next, config);
const door = (next: Next) => Program.start(doorFiles([]), next);

/** Stands in for a collector: takes records, and ends each connection when its record is stored. */
class Collector {
  readonly port: number;
  readonly #server: Server;
  readonly #held: Socket[] = [];
  /** What was read to its end. */
  readonly records: Buffer[] = [];
  connections = 0;
  /** What it is at, and the most of that at once. */
  #now = 0;
  most = 0;
  /** What becomes of the next ones. */
  manner: "stores" | "holds" | "resets" = "stores";

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on("connection", (socket) => {
      this.connections += 1;
      this.#now += 1;
      this.most = Math.max(this.most, this.#now);
      socket.on("error", () => undefined);
      if (this.manner === "resets") {
        socket.resetAndDestroy();
        return;
      }
      const chunks: Buffer[] = [];
      socket.on("data", (chunk: Buffer) => chunks.push(chunk));
      socket.on("end", () => {
        this.records.push(Buffer.concat(chunks));
        if (this.manner === "holds") {
          this.#held.push(socket);
        } else {
          // Some work, so that several are in hand.
          setTimeout(() => {
            this.#now -= 1;
            socket.end();
          }, 5);
        }
      });
    });
    ends.push(() => this.close());
  }

  static async listen(port = 0, host = "127.0.0.1"): Promise<Collector> {
    const server = createServer({ allowHalfOpen: true }).listen(port, host);
    await once(server, "listening");
    return new Collector(server);
  }

  get texts(): string[] {
    return this.records.map((record) => record.toString());
  }

  release(): void {
    this.manner = "stores";
    for (const socket of this.#held.splice(0)) {
      socket.end();
    }
  }

  /** As a program that ends while it has records. */
  breakOff(): void {
    for (const socket of this.#held.splice(0)) {
      socket.resetAndDestroy();
    }
  }

  close(): void {
    this.#server.close();
    this.#held.forEach((socket) => socket.destroy());
  }
}

/** A shipper's connection. */
class Shipper {
  readonly socket: Socket;
  /** What came back, once the other side has ended. */
  readonly answer: Promise<string>;

  private constructor(socket: Socket) {
    this.socket = socket;
    let text = "";
    socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
    this.answer = new Promise((resolve, reject) => {
      socket.on("end", () => resolve(text)).on("error", reject);
      socket.on("close", () => reject(new Error("broken off")));
    });
    this.answer.catch(() => undefined);
    ends.push(() => socket.destroy());
  }

  static async connect(port: number): Promise<Shipper> {
    const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
    await once(socket, "connect");
    return new Shipper(socket);
  }
}

/** Sends a record, and waits for the answer. */
async function ship(port: number, record: string | Buffer): Promise<string> {
  const shipper = await Shipper.connect(port);
  shipper.socket.end(record);
  return shipper.answer;
}

/** Sends a record and is gone, as many shippers are. */
async function drop(port: number, record: string | Buffer): Promise<void> {
  const shipper = await Shipper.connect(port);
  await new Promise<void>((resolve) => shipper.socket.end(record, resolve));
  shipper.socket.destroy();
}

const numbered = (count: number) =>
  Array.from({ length: count }, (_, number) => `record ${number}`);

describe("a gate", () => {
  it("hands a record on whole, and says when the collector has finished with it", async () => {
    const collector = await Collector.listen();
    const at = await gate(collector);
    collector.manner = "holds";
    const shipper = await Shipper.connect(at.port);
    shipper.socket.write("first half, ");
    await at.untilStatus(1);
    assert.equal(collector.connections, 0, "the collector does not wait for the rest");
    shipper.socket.end("second half");
    await at.untilStatus(1, { "127.0.0.1": 1 });
    assert.equal(shipper.socket.readableLength, 0);
    collector.release();
    assert.equal(await shipper.answer, "+");
    await at.untilStatus(0);
    assert.deepEqual(collector.texts, ["first half, second half"]);
  });

  it("passes on any bytes, as many as come", async () => {
    const collector = await Collector.listen();
    const at = await gate(collector);
    const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const records = [every, Buffer.from('{"no": json'), Buffer.from([0]), randomBytes(5_000_000)];
    for (const record of records) {
      assert.equal(await ship(at.port, record), "+");
    }
    assert.ok(records.every((record, index) => collector.records[index]?.equals(record)));
  });

  it("does not bother the collector with a caller that says nothing, or that breaks off", async () => {
    const collector = await Collector.listen();
    const at = await gate(collector);
    await drop(at.port, "");
    assert.equal(await ship(at.port, ""), "");
    const shipper = await Shipper.connect(at.port);
    shipper.socket.write('{"half": ');
    await at.untilStatus(1);
    shipper.socket.resetAndDestroy();
    await at.untilStatus(0);
    assert.equal(await ship(at.port, "whole"), "+");
    assert.deepEqual(collector.texts, ["whole"]);
  });

  it("stores the record of a caller that is gone", async () => {
    const collector = await Collector.listen();
    const at = await gate(collector);
    await drop(at.port, "record");
    await until("it is stored", () => isTrue(collector.records.length === 1));
    await at.untilStatus(0);
    assert.deepEqual(collector.texts, ["record"]);
  });

  it("waits for a collector that is not there yet, and tries again where one breaks off", async () => {
    const port = await freePort();
    const at = await gate({ port });
    const answer = ship(at.port, "record");
    await at.untilStatus(1);
    await until("it says so", () => isTrue(at.status().failing));
    const collector = await Collector.listen(port);
    collector.manner = "resets";
    await until("it was tried", () => isTrue(collector.connections > 1));
    collector.manner = "holds";
    await until("it is in hand", () => isTrue(collector.records.length === 1));
    collector.manner = "stores";
    collector.breakOff();
    assert.equal(await answer, "+");
    assert.deepEqual(collector.texts, ["record", "record"], "the first one was not stored");
    await until("it is content", () => isTrue(!at.status().failing));
  });

  it("gives the collector no more at once than it works on, and each record once", async () => {
    const collector = await Collector.listen();
    const at = await gate(collector, { workers: 3 });
    const records = numbered(300);
    const answers = await Promise.all(records.map((record) => ship(at.port, record)));
    assert.ok(answers.every((answer) => answer === "+"));
    assert.deepEqual(collector.texts.toSorted(), records.toSorted());
    assert.equal(collector.most, 5);
  });

  it("lets another collector have what comes from now on, and says what each has", async () => {
    const own = await Collector.listen();
    const standIn = await Collector.listen(own.port, "127.0.0.2");
    const at = await gate(own);
    own.manner = "holds";
    const first = ship(at.port, "first");
    await at.untilStatus(1, { "127.0.0.1": 1 });
    at.aim("127.0.0.2");
    assert.equal(await ship(at.port, "second"), "+");
    await at.untilStatus(1, { "127.0.0.1": 1 });
    own.release();
    assert.equal(await first, "+");
    at.aim("127.0.0.1");
    assert.equal(await ship(at.port, "third"), "+");
    assert.deepEqual([own.texts, standIn.texts], [["first", "third"], ["second"]]);
  });

  it("keeps every piece of records that come slowly", async () => {
    const collector = await Collector.listen();
    const at = await gate(collector);
    // About as long as the program waits before it looks how long a caller has been silent.
    const records = Array.from({ length: 200 }, (_, number) =>
      [0, 1, 2].map((piece) => `${number}.${piece} `),
    );
    await Promise.all(
      records.map(async (pieces, index) => {
        const { socket, answer } = await Shipper.connect(at.port);
        for (const piece of pieces) {
          socket.write(piece);
          await sleep(995 + (index % 12));
        }
        socket.end();
        assert.equal(await answer, "+");
      }),
    );
    const whole = records.map((pieces) => pieces.join(""));
    assert.deepEqual(collector.texts.toSorted(), whole.toSorted());
  });

  it("takes no more at its signal, and goes on with what it has, half a record included", async () => {
    const collector = await Collector.listen();
    const at = await gate(collector);
    collector.manner = "holds";
    const whole = ship(at.port, "whole");
    const speaking = await Shipper.connect(at.port);
    speaking.socket.write("half ");
    const silent = await Shipper.connect(at.port);
    silent.socket.write("and no more");
    await at.untilStatus(3, { "127.0.0.1": 1 });
    at.signal(`SIG${NO_MORE}`);
    await sleep(200);
    await assert.rejects(Shipper.connect(at.port), { code: "ECONNREFUSED" });
    speaking.socket.end("half");
    await at.untilStatus(3, { "127.0.0.1": 3 });
    collector.release();
    assert.deepEqual(
      await Promise.all([whole, speaking.answer, silent.answer]),
      ["+", "+", "+"],
      "a caller that is silent for two seconds has ended",
    );
    assert.deepEqual(collector.texts, ["whole", "half half", "and no more"]);
    await at.untilStatus(0);
    assert.equal(at.runs, true, "it still passes the collector's calls");
  });

  it("ends when the collector has finished with what it has, and leaves the rest to its door", async () => {
    const collector = await Collector.listen();
    const at = await gate(collector, { workers: 1 });
    collector.manner = "holds";
    const inHand = numbered(3).map((record) => ship(at.port, record));
    await at.untilStatus(3, { "127.0.0.1": 3 });
    const waiting = ship(at.port, "waits");
    await at.untilStatus(4, { "127.0.0.1": 3 });
    at.signal("SIGTERM");
    await sleep(300);
    assert.equal(at.runs, true);
    collector.release();
    assert.deepEqual(await Promise.all(inHand), ["+", "+", "+"]);
    assert.equal(await waiting, "", "nobody has stored it");
    assert.equal(await at.end(), 0);
    assert.equal(collector.records.length, 3);
  });
});

describe("what a gate says of its records", () => {
  it("is how many it has, where they are, and since when the oldest waits", async () => {
    const collector = await Collector.listen();
    const at = await gate(collector);
    assert.deepEqual(at.status(), { records: 0, at: {}, since: null, failing: false });
    collector.manner = "holds";
    const half = await Shipper.connect(at.port);
    half.socket.write("half");
    await at.untilStatus(1);
    assert.equal(at.status().since, null, "this one is not whole");
    const before = Math.floor(Date.now() / 1000);
    const first = ship(at.port, "first");
    await at.untilStatus(2, { "127.0.0.1": 1 });
    const { since } = at.status();
    assert.ok(since !== null && since >= before && since <= Date.now() / 1000, String(since));
    await sleep(1100);
    const second = ship(at.port, "second");
    await at.untilStatus(3, { "127.0.0.1": 2 });
    assert.equal(at.status().since, since);
    half.socket.destroy();
    collector.release();
    await Promise.all([first, second]);
    await at.untilStatus(0);
    assert.deepEqual(at.status(), { records: 0, at: {}, since: null, failing: false });
  });
});

describe("a door", () => {
  it("takes records while its gate is away, and hands each over once", async () => {
    const collector = await Collector.listen();
    const port = await freePort();
    const at = await door({ port });
    const records = numbered(100);
    await Promise.all(records.map((record) => drop(at.port, record)));
    await until("it has all", () => isTrue(at.status().records === 100));
    const behind = await gate(collector, { records: port });
    await at.untilStatus(0);
    await behind.untilStatus(0);
    assert.deepEqual(collector.texts.toSorted(), records.toSorted());
  });

  it("loses nothing and gives nothing twice while gates come and go", async () => {
    const collector = await Collector.listen();
    const port = await freePort();
    const at = await door({ port });
    const records = numbered(400);
    const shipping = (async () => {
      for (const record of records) {
        await drop(at.port, record);
        await sleep(5);
      }
    })();
    for (let round = 0; round < 3; round += 1) {
      const behind = await gate(collector, { records: port, workers: 2 });
      await sleep(400);
      assert.equal(await behind.end("SIGTERM"), 0);
    }
    await gate(collector, { records: port });
    await shipping;
    await at.untilStatus(0);
    assert.deepEqual(collector.texts.toSorted(), records.toSorted());
  });

  it("says nothing to its callers, and keeps them until the record is stored", async () => {
    const collector = await Collector.listen();
    const behind = await gate(collector);
    const at = await door(behind);
    collector.manner = "holds";
    const shipper = await Shipper.connect(at.port);
    shipper.socket.end("record");
    await behind.untilStatus(1, { "127.0.0.1": 1 });
    const early = await Promise.race([shipper.answer, sleep(200, "still there")]);
    assert.equal(early, "still there");
    collector.release();
    assert.equal(await shipper.answer, "");
  });

  it("tries again what a gate did not say it has stored", async () => {
    // A gate that is killed: it ends connections without a word.
    const silent = await Collector.listen();
    const at = await door(silent);
    const answer = ship(at.port, "record");
    await until("it was tried again", () => isTrue(silent.records.length === 3));
    silent.close();
    assert.equal(at.status().records, 1);
    const collector = await Collector.listen();
    await gate(collector, { records: silent.port });
    assert.equal(await answer, "");
    assert.deepEqual(collector.texts, ["record"]);
  });

  it("at its end refuses new callers, and hands over what it has", async () => {
    const collector = await Collector.listen();
    const behind = await gate(collector);
    const at = await door(behind);
    collector.manner = "holds";
    const taken = ship(at.port, "taken");
    const half = await Shipper.connect(at.port);
    half.socket.write("half");
    await at.untilStatus(2, { "127.0.0.1": 1 });
    at.signal("SIGTERM");
    await sleep(300);
    await assert.rejects(Shipper.connect(at.port), { code: "ECONNREFUSED" });
    assert.equal(at.runs, true);
    half.socket.end(" a record");
    collector.release();
    assert.deepEqual([await taken, await half.answer], ["", ""]);
    assert.equal(await at.end(), 0);
    assert.deepEqual(collector.texts, ["taken", "half a record"]);
  });

  it("stores what callers have sent that it had not yet looked at", async () => {
    const collector = await Collector.listen();
    const at = await door(await gate(collector));
    // Stopped, so that callers wait in the kernel's queue.
    at.signal("SIGSTOP");
    const records = numbered(50);
    await Promise.all(records.map((record) => drop(at.port, record)));
    at.signal("SIGTERM");
    at.signal("SIGCONT");
    assert.equal(await at.end(), 0);
    assert.deepEqual(collector.texts.toSorted(), records.toSorted());
  });

  it("takes two thousand callers at once", async () => {
    const collector = await Collector.listen();
    const at = await door(await gate(collector));
    const records = numbered(2000);
    await Promise.all(records.map((record) => drop(at.port, record)));
    await until("all are stored", () => isTrue(collector.records.length >= 2000));
    await at.untilStatus(0);
    assert.deepEqual(collector.texts.toSorted(), records.toSorted());
  });
});

describe("the collector's calls", () => {
  async function calling(proxy: number, next: Next = { port: 1 }, openFiles?: number) {
    const way = await freePort();
    const config = { proxy: "127.0.0.1", ways: [[way, proxy]] };
    const at = await Program.start(gateFiles(PROXY, 1), next, config, openFiles);
    return { at, way };
  }

  async function echo(port = 0): Promise<number> {
    const proxy = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
    ends.push(() => proxy.close());
    await once(proxy.listen(port, "127.0.0.1"), "listening");
    return (proxy.address() as AddressInfo).port;
  }

  it("go to the proxy and back, and wait for one that is away", async () => {
    const port = await freePort();
    const { way } = await calling(port);
    const answer = ship(way, "ping");
    await sleep(300);
    await echo(port);
    assert.equal(await answer, "ping");
    const large = randomBytes(1_000_000).toString("hex");
    assert.equal(await ship(way, large), large);
  });

  it("have room of their own, however many records wait: without them none would ever leave", async () => {
    const collector = await Collector.listen();
    collector.manner = "holds";
    const { at, way } = await calling(await echo(), collector, 300);
    const records = numbered(200);
    await Promise.all(records.map((record) => drop(at.port, record)));
    await until("it takes no more", () => isTrue(at.status().records >= 25));
    await sleep(300);
    let answers = 0;
    for (const call of numbered(5)) {
      void ship(way, call).then(() => answers++);
    }
    await until("the calls are answered", () => isTrue(answers === 5));
    collector.release();
    await until("all are stored", () => isTrue(collector.records.length >= 200));
    assert.deepEqual(collector.texts.toSorted(), records.toSorted());
  });

  it("are broken off where the proxy breaks off: half an answer does not look like a whole one", async () => {
    const proxy = createServer((socket) => {
      socket.write("half an ans", () => setTimeout(() => socket.resetAndDestroy(), 50));
    });
    ends.push(() => proxy.close());
    await once(proxy.listen(0, "127.0.0.1"), "listening");
    const { way } = await calling((proxy.address() as AddressInfo).port);
    await assert.rejects(ship(way, "ping"), { code: "ECONNRESET" });
  });

  it("are finished before the gate ends", async () => {
    let finish = (): unknown => undefined;
    const proxy = createServer({ allowHalfOpen: true }, (socket) => {
      finish = () => socket.end("answer");
    });
    ends.push(() => proxy.close());
    await once(proxy.listen(0, "127.0.0.1"), "listening");
    const { at, way } = await calling((proxy.address() as AddressInfo).port);
    const answer = ship(way, "ping");
    await sleep(200);
    at.signal("SIGTERM");
    await sleep(300);
    assert.equal(at.runs, true);
    finish();
    assert.equal(await answer, "answer");
    assert.equal(await at.end(), 0);
  });
});
