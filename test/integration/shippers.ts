/** Ships records to a collector as programs do, and finds out what the Backend has of them. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { docker } from "./project.ts";

/** How a shipper treats a record: sends it and closes, or waits until the collector has finished with it. */
type Manner = "closes" | "waits";

/** Several shippers that send one record after the other. */
export class Shippers {
  readonly #port: number;
  readonly #tag: string;
  readonly #pauseMs: number;
  #stopped = false;
  readonly #runs: Promise<void>[] = [];
  /** The ids of the records that were taken. */
  readonly taken: string[] = [];
  /** Connections that were refused, or broken off. */
  failed = 0;

  constructor(port: number, tag: string, pauseMs = 100) {
    this.#port = port;
    this.#tag = tag;
    this.#pauseMs = pauseMs;
  }

  start(count: number, manner: Manner): this {
    for (let number = 0; number < count; number += 1) {
      this.#runs.push(this.#run(`${this.#tag}-${manner}-${number}`, manner));
    }
    return this;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#runs);
  }

  async #run(name: string, manner: Manner): Promise<void> {
    for (let number = 0; !this.#stopped; number += 1) {
      const id = `${name}-${number}`;
      try {
        await ship(this.#port, JSON.stringify({ id: `rec:${id}`, text: "x".repeat(100) }), manner);
        this.taken.push(id);
      } catch {
        this.failed += 1;
      }
      await sleep(this.#pauseMs);
    }
  }
}

/** Sends one record; it is taken when this resolves. */
export function ship(port: number, record: string, manner: Manner): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
    socket.on("error", reject);
    socket.on("connect", () => {
      socket.end(record, () => {
        if (manner === "closes") {
          socket.destroy();
          resolve();
        }
      });
    });
    socket.on("end", resolve).resume();
    socket.on("close", () => reject(new Error("the connection was broken off")));
  });
}

/** Waits until a stack's gate has handed on everything that it took; with `seconds` gone, it fails. */
export async function untilStored(stack: string, seconds: number): Promise<void> {
  for (const end = Date.now() + seconds * 1000; ; await sleep(500)) {
    const status = docker("exec", `cybexp-${stack}-collector-gate`, "cat", "/tmp/status");
    if (status.startsWith('{"records": 0,')) {
      return;
    }
    assert.ok(Date.now() < end, `the gate still has records after ${seconds} s: ${status}`);
  }
}

const COUNT = `
import bson, collections, pymongo, re, yaml
conf = yaml.safe_load(open("/config.yaml"))
records = pymongo.MongoClient(conf["backed_DB_uri"])[conf["db_name"]][conf["col_name"]]
for record in records.find():
    for found in set(re.findall(rb"rec:([a-z0-9-]+)", bson.encode(record))):
        print(found.decode())
`;

/** The id of each record that the Backend has, as often as it has it. */
export function storedIn(stack: string): string[] {
  return docker("exec", `cybexp-${stack}-backend`, "python3", "-c", COUNT)
    .split("\n")
    .filter(Boolean);
}

const READ = `
import base64, pathlib, re, sqlite3
for path in pathlib.Path("/data").rglob("*.sqlite"):
    database = sqlite3.connect(path)
    for (table,) in database.execute("select name from sqlite_master where type = 'table'").fetchall():
        for row in database.execute(f'select * from "{table}"'):
            for text in re.findall(r"[A-Za-z0-9+/]{40,}={0,2}", " ".join(map(str, row))):
                for found in set(re.findall(rb"rec:([a-z0-9-]+)", base64.b64decode(text + "=="))):
                    print(found.decode())
`;

/** The same from the volume of a demo database that is gone. */
export function keptIn(volume: string): string[] {
  const args = ["--rm", "--network=none", "--user=999:999", `--volume=${volume}:/data`];
  return docker("run", ...args, "--entrypoint=python3", "cybexp-demo/backend:1", "-c", READ)
    .split("\n")
    .filter(Boolean);
}

/** Those that were taken and are not there, and those that are there twice. */
export function judge(taken: readonly string[], stored: readonly string[]) {
  const times = new Map<string, number>();
  for (const id of stored) {
    times.set(id, (times.get(id) ?? 0) + 1);
  }
  return {
    lost: taken.filter((id) => !times.has(id)),
    twice: taken.filter((id) => (times.get(id) ?? 0) > 1),
  };
}
