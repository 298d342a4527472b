import assert from "node:assert/strict";
import { execa } from "execa";
import { createHash, randomBytes } from "node:crypto";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Box, config, databaseUri, Sandbox } from "./sandbox.ts";

let sandbox: Sandbox;
let database: Box;
before(async () => {
  sandbox = await Sandbox.open();
  database = await sandbox.database();
});
after(() => sandbox.close());

const BACKEND = "cybexp-demo/backend:1";
const post = async (box: Box, path: string, body: Buffer | string) => {
  const response = await fetch(`${await box.url()}${path}`, { method: "POST", body });
  return { status: response.status, body: Buffer.from(await response.arrayBuffer()) };
};
const add = (box: Box, body: Buffer | string) => post(box, "/add/enc-data", body);
const stored = async (box: Box): Promise<unknown> =>
  JSON.parse((await post(box, "/query", "any")).body.toString());
const sha256 = (body: Buffer) => createHash("sha256").update(body).digest("hex");

/** What the modules send: made and read by Python, where bytes are `{"hex": ...}` on the way. */
async function python(program: string, input: string): Promise<string> {
  const code = `import json, pickle, sys\n${program}`;
  return (await execa("python3", ["-c", code], { input })).stdout;
}
async function pickled(value: object): Promise<Buffer> {
  const program = `
bytes_of = lambda o: bytes.fromhex(o["hex"]) if list(o) == ["hex"] else o
print(pickle.dumps(json.load(sys.stdin, object_hook=bytes_of)).hex())`;
  return Buffer.from(await python(program, hexed(value)), "hex");
}
async function unpickled(pickle: Buffer): Promise<unknown> {
  const program = `
print(json.dumps(pickle.loads(bytes.fromhex(sys.stdin.read())), default=lambda o: {"hex": o.hex()}))`;
  return JSON.parse(await python(program, pickle.toString("hex")), (_, found: unknown) =>
    typeof found === "object" && found !== null && "hex" in found
      ? Buffer.from(String(found.hex), "hex")
      : found,
  ) as unknown;
}
function hexed(value: object): string {
  return JSON.stringify(value, (_, found: unknown) =>
    // Buffers have become this by the time they get here.
    (found as { type?: unknown } | null)?.type === "Buffer"
      ? { hex: Buffer.from((found as { data: number[] }).data).toString("hex") }
      : found,
  );
}

describe("the demo Backend", () => {
  let box: Box;
  before(async () => void (box = await sandbox.service("backend", database.name)));

  it("answers up, by HTTP/1.0 and one request a connection", async () => {
    const [host, port] = (await box.address()).split(":");
    const socket = connect(Number(port), host);
    socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    const answer = await text(socket);
    assert.match(answer, /^HTTP\/1\.0 200 OK\r\n/);
    assert.match(answer, /\r\nConnection: close\r\n/);
    assert.match(answer, /\r\n\r\nup$/);
  });

  it("stores what it is sent, counts it, and gives it back by its hash", async () => {
    const body = randomBytes(15_000);
    const before = (await stored(box)) as { count: number };
    assert.deepEqual(await add(box, body), { status: 201, body: Buffer.alloc(0) });
    assert.deepEqual(await add(box, body), { status: 201, body: Buffer.alloc(0) });
    assert.deepEqual(await stored(box), { count: before.count + 2 });
    const query = JSON.stringify({ sha256: sha256(body) });
    assert.deepEqual(await post(box, "/query", query), { status: 200, body });
    const other = await post(box, "/query", JSON.stringify({ sha256: sha256(Buffer.from("x")) }));
    assert.equal(other.status, 400);
  });

  it("finds a module's record by what stands in its index, and by its time", async () => {
    const [wanted, other] = [randomBytes(32), randomBytes(32)];
    const record = (index: Buffer[], timestamp?: number[]) => ({
      index,
      ...(timestamp && { timestamp }),
      cpabe_ipv4: Buffer.from("closed"),
    });
    const [early, late, never] = [
      record([wanted, other], [1000]),
      record([wanted], [3000, 2000]),
      record([wanted]),
    ];
    for (const one of [early, late, never]) {
      assert.equal((await add(box, await pickled(one))).status, 201);
    }
    const ask = async (query: object) => {
      const { status, body } = await post(box, "/query", await pickled(query));
      return status === 200 ? unpickled(body) : status;
    };
    const search = { index: wanted, query_type: "search" };
    assert.deepEqual(await ask(search), [early, late, never]);
    assert.deepEqual(await ask({ ...search, index: other }), [early]);
    assert.deepEqual(await ask({ ...search, index: wanted.subarray(1) }), []);
    assert.deepEqual(await ask({ ...search, query_type: "count" }), { count: 3 });
    // A record without a time is left out of a search by time.
    assert.deepEqual(await ask({ ...search, time_left: 1000 }), [late]);
    const since = { time_left: 1000, left_inclusive: true };
    assert.deepEqual(await ask({ ...search, ...since }), [early, late]);
    assert.deepEqual(await ask({ ...search, time_right: 2000 }), [early]);
    const until = { time_right: 2000, right_inclusive: true, query_type: "count" };
    assert.deepEqual(await ask({ ...search, ...until }), { count: 2 });
    // The record is also there as any body is.
    const body = await pickled(early);
    const bySha = await post(box, "/query", JSON.stringify({ sha256: sha256(body) }));
    assert.deepEqual(bySha, { status: 200, body });
    for (const bad of [
      { index: wanted },
      { index: wanted, query_type: "drop" },
      { index: "text", query_type: "count" },
      { ...search, time_left: "1" },
    ]) {
      assert.equal(await ask(bad), 400, JSON.stringify(bad));
    }
  });

  it("doesn't take the hash of a body for an index", async () => {
    const secret = randomBytes(100);
    const impostor = await pickled({ index: [Buffer.from(sha256(secret), "hex")] });
    assert.equal((await add(box, impostor)).status, 201);
    const query = JSON.stringify({ sha256: sha256(secret) });
    assert.equal((await post(box, "/query", query)).status, 400);
  });

  it("answers 400 to an empty body and to more than a document holds", async () => {
    assert.equal((await add(box, "")).status, 400);
    assert.equal((await add(box, Buffer.alloc(16 * 1024 * 1024 + 1))).status, 400);
    assert.equal((await add(box, Buffer.alloc(16 * 1024 * 1024))).status, 400);
    assert.equal((await add(box, randomBytes(15 * 1024 * 1024))).status, 201);
    assert.equal((await add(box, "still there")).status, 201);
  });

  it("never unpickles", async () => {
    // Protocol 0: os.system("touch /tmp/unpickled").
    const pickle = "cos\nsystem\n(S'touch /tmp/unpickled'\ntR.";
    const proof = await box.exec("python3", "-c", `import pickle; pickle.loads(${bytes(pickle)})`);
    assert.equal(proof.code, 0);
    assert.equal((await box.exec("rm", "/tmp/unpickled")).code, 0, "the pickle does nothing");
    assert.equal((await add(box, pickle)).status, 201);
    assert.equal((await post(box, "/query", pickle)).status, 200);
    // Protocol 4, as the modules send it, with the call in the place of a value.
    const value = `b"\\x80\\x04}\\x8c\\x05index]cos\\nsystem\\n\\x8c\\x14touch /tmp/unpickled\\x85Ras."`;
    const newer = await box.exec("python3", "-c", `import pickle; pickle.loads(${value})`);
    assert.equal(newer.code, 0, newer.output);
    assert.equal((await box.exec("rm", "/tmp/unpickled")).code, 0, "the pickle does nothing");
    const body = Buffer.from(
      "\x80\x04}\x8c\x05index]cos\nsystem\n\x8c\x14touch /tmp/unpickled\x85Ras.",
      "latin1",
    );
    assert.equal((await add(box, body)).status, 201);
    assert.equal((await post(box, "/query", body)).status, 200);
    assert.notEqual((await box.exec("ls", "/tmp/unpickled")).code, 0);
  });

  it("takes 200 records a second", async () => {
    const before = (await stored(box)) as { count: number };
    const body = randomBytes(15_000);
    const statuses: Promise<number>[] = [];
    const start = performance.now();
    for (let sent = 0; sent < 400; sent++) {
      await sleep(Math.max(0, start + sent * 5 - performance.now()));
      statuses.push(add(box, body).then(({ status }) => status));
    }
    assert.deepEqual(new Set(await Promise.all(statuses)), new Set([201]));
    assert.deepEqual(await stored(box), { count: before.count + 400 });
  });

  it("ignores SIGTERM and obeys SIGINT, as the first process", async () => {
    await box.signal("TERM");
    await sleep(1000);
    assert.equal(await box.isRunning(), true);
    const start = performance.now();
    await box.signal("INT");
    assert.equal(await box.exit(), 0);
    assert.ok(performance.now() - start < 5000, "took too long to stop");
  });

  it("says that it is a demo", async () => {
    assert.match(await box.logs(), /stand-in: demo, not for real data/);
    const labels = await sandbox.docker("inspect", "--format={{json .Config.Labels}}", BACKEND);
    assert.match(labels, /"org\.opencontainers\.image\.title":"[^"]*\(demo\)"/);
  });
});

describe("the demo Backend without what it needs", () => {
  it("exits with code 1 and a traceback when the database is not there at the start", async () => {
    const box = await sandbox.run(BACKEND, {
      user: "65532:65532",
      files: { "/config.yaml": config("backend", databaseUri("nowhere")) },
    });
    assert.equal(await box.exit(), 1);
    assert.match(await box.logs(), /Traceback[^]*ServerSelectionTimeoutError/);
  });

  it("exits with code 1 and a KeyError for each key that is missing", async () => {
    const start = async (key: string) => {
      const box = await sandbox.run(BACKEND, {
        user: "65532:65532",
        files: { "/config.yaml": config("backend", databaseUri(database.name), key) },
      });
      assert.equal(await box.exit(), 1);
      assert.match(await box.logs(), new RegExp(`KeyError: '${key}'`));
    };
    await Promise.all(["backed_DB_uri", "print_response", "col_name"].map(start));
  });

  it("answers up and 400 when the database goes away, and works when it is back", async () => {
    const mine = await sandbox.database();
    const box = await sandbox.service("backend", mine.name);
    assert.equal((await add(box, "record")).status, 201);
    await mine.signal("KILL");
    await mine.exit();
    assert.equal((await add(box, "record")).status, 400);
    assert.equal((await post(box, "/query", "any")).status, 500);
    assert.equal(await (await fetch(`${await box.url()}/`)).text(), "up");
    await mine.restart();
    await box.until(async () => (await add(box, "record")).status === 201);
    assert.deepEqual(await stored(box), { count: 2 });
  });
});

/** A Python literal. */
function bytes(value: string): string {
  return `b${JSON.stringify(value)}`;
}
