import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Db, MongoClient } from "mongodb";
import { ADMIN_PASSWORD, type Box, Sandbox } from "./sandbox.ts";

let sandbox: Sandbox;
before(async () => void (sandbox = await Sandbox.open()));
after(() => sandbox.close());

/** Works on a database as one user, or as nobody. */
async function as<T>(
  box: Box,
  auth: { username: string; password: string } | undefined,
  work: (client: MongoClient) => Promise<T>,
): Promise<T> {
  const client = new MongoClient(`mongodb://${await box.address()}/`, {
    ...(auth && { auth, authSource: "admin" }),
    directConnection: true,
    serverSelectionTimeoutMS: 5000,
  });
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

const ADMIN = { username: "admin", password: ADMIN_PASSWORD };
const count = (client: MongoClient) => client.db("d").collection("c").countDocuments();

describe("the demo database", () => {
  let box: Box;
  before(async () => void (box = await sandbox.database()));

  it("asks for a name and a password", async () => {
    assert.equal(await as(box, ADMIN, count), 0);
    await assert.rejects(as(box, { ...ADMIN, password: "wrong" }, count), /[Aa]uthentication/);
    await assert.rejects(as(box, { ...ADMIN, username: "other" }, count), /[Aa]uthentication/);
    await assert.rejects(as(box, undefined, count), /[Aa]uthentication/);
  });

  it("keeps the password from arguments, environment, log and inspect", async () => {
    // The server is the first process, so nothing of the initialisation is left.
    const program = await box.exec("readlink", "/proc/1/exe");
    assert.equal(program.output, "/usr/local/lib/cybexp-demo/ferretdb");
    const places = {
      arguments: (await box.exec("cat", "/proc/1/cmdline")).output,
      environment: (await box.exec("cat", "/proc/1/environ")).output,
      inspect: await sandbox.docker("inspect", box.name),
      log: await box.logs(),
    };
    for (const [place, text] of Object.entries(places)) {
      assert.notEqual(text, "", place);
      assert.ok(!text.includes(ADMIN_PASSWORD), place);
      assert.ok(!text.includes(encodeURIComponent(ADMIN_PASSWORD)), place);
    }
  });

  it("reports its health without a password or any output", async () => {
    assert.deepEqual(await box.exec("ferretdb", "ping"), { code: 0, output: "" });
    const wrongPort = await box.exec("env", "FERRETDB_PORT=1", "ferretdb", "ping");
    assert.deepEqual(wrongPort, { code: 1, output: "" });
  });

  it("says that it is FerretDB and not for real data", async () => {
    assert.match(await box.logs(), /FerretDB in place of MongoDB.* never for real data/);
    const info = await as(box, ADMIN, (client) => client.db("admin").command({ buildInfo: 1 }));
    assert.equal(info["ferretdbVersion"], "v1.24.0");
  });

  it("creates, changes, lists and drops users, which have no roles", async () => {
    const admin = <T>(work: (db: Db) => Promise<T>) =>
      as(box, ADMIN, (client) => work(client.db("admin")));
    const user = { username: "app", password: "first" };

    const roles = [{ role: "readWrite", db: "d" }];
    await assert.rejects(
      admin((db) => db.command({ createUser: "app", pwd: "first", roles })),
      { codeName: "NotImplemented" },
    );
    await admin((db) => db.command({ createUser: "app", pwd: "first", roles: [] }));
    // Roles or not: a user may do everything.
    await as(box, user, (client) => client.db("d").collection("c").insertOne({ a: 1 }));

    const found = await admin((db) => db.command({ usersInfo: "app" }));
    assert.deepEqual(
      (found["users"] as { user: string; roles: unknown }[]).map((one) => [one.user, one.roles]),
      [["app", []]],
    );
    assert.deepEqual((await admin((db) => db.command({ usersInfo: "none" })))["users"], []);

    await admin((db) => db.command({ updateUser: "app", pwd: "second" }));
    await assert.rejects(as(box, user, count), /[Aa]uthentication/);
    assert.equal(await as(box, { ...user, password: "second" }, count), 1);
    await admin((db) => db.command({ updateUser: "app", pwd: "third", roles: [] }));
    assert.equal(await as(box, { ...user, password: "third" }, count), 1);

    await admin((db) => db.command({ dropUser: "app" }));
    await assert.rejects(as(box, { ...user, password: "third" }, count), /[Aa]uthentication/);
  });
});

describe("the demo database's volume", () => {
  it("keeps its data and its first password, and stops at once", async () => {
    const volume = await sandbox.volume();
    const first = await sandbox.database(volume);
    await as(first, ADMIN, (client) => client.db("d").collection("c").insertOne({ a: 1 }));
    const start = performance.now();
    await first.signal("TERM");
    assert.equal(await first.exit(), 0);
    assert.ok(performance.now() - start < 5000, "took too long to stop");

    const second = await sandbox.database(volume, "another");
    assert.equal(await as(second, ADMIN, count), 1);
    await assert.rejects(as(second, { ...ADMIN, password: "another" }, count), /[Aa]uthentication/);
  });

  it("is initialized again if that was interrupted at any moment", async () => {
    const interrupt = async (wait: number) => {
      const volume = await sandbox.volume();
      const box = await sandbox.run("cybexp-demo/mongo:1", {
        user: "999:999",
        files: { "/run/secrets/password": ADMIN_PASSWORD },
        environment: {
          MONGO_INITDB_ROOT_USERNAME: "admin",
          MONGO_INITDB_ROOT_PASSWORD_FILE: "/run/secrets/password",
        },
        volumes: { "/data/db": volume },
      });
      await sleep(wait);
      await box.signal("KILL");
      await box.exit();
      assert.equal(await as(await sandbox.database(volume), ADMIN, count), 0, `after ${wait} ms`);
    };
    await Promise.all([0, 60, 120, 180, 240].map(interrupt));
  });

  it("removes what an interrupted initialization left, and nothing else", async () => {
    const prepare = async (script: string) => {
      const volume = await sandbox.volume();
      const box = await sandbox.run("cybexp-demo/mongo:1", {
        user: "999:999",
        volumes: { "/data/db": volume },
        command: ["bash", "-c", script],
      });
      assert.equal(await box.exit(), 0);
      return volume;
    };
    const half = await prepare(
      "mkdir /data/db/initialising && echo half > /data/db/initialising/admin.sqlite",
    );
    const healed = await sandbox.database(half);
    assert.equal(await as(healed, ADMIN, count), 0);
    assert.deepEqual(await healed.exec("ls", "-A", "/data/db"), { code: 0, output: "ferretdb" });

    const foreign = await prepare("echo precious > /data/db/WiredTiger");
    const refusing = await sandbox.run("cybexp-demo/mongo:1", {
      user: "999:999",
      files: { "/run/secrets/password": ADMIN_PASSWORD },
      environment: {
        MONGO_INITDB_ROOT_USERNAME: "admin",
        MONGO_INITDB_ROOT_PASSWORD_FILE: "/run/secrets/password",
      },
      volumes: { "/data/db": foreign },
    });
    assert.equal(await refusing.exit(), 1);
    assert.match(await refusing.logs(), /not this program's \(WiredTiger \): not touched/);
    assert.equal(
      await sandbox.docker(
        "run",
        "--rm",
        `--volume=${foreign}:/v`,
        "cybexp-demo/mongo:1",
        "cat",
        "/v/WiredTiger",
      ),
      "precious",
    );
  });

  it("asks for a password file, and refuses a password in the environment", async () => {
    const exits = async (environment: Record<string, string>) => {
      const box = await sandbox.run("cybexp-demo/mongo:1", { user: "999:999", environment });
      assert.equal(await box.exit(), 1);
      return box.logs();
    };
    const user = { MONGO_INITDB_ROOT_USERNAME: "admin" };
    const [nothing, plain, missing] = await Promise.all([
      exits({}),
      exits({ ...user, MONGO_INITDB_ROOT_PASSWORD: "x" }),
      exits({ ...user, MONGO_INITDB_ROOT_PASSWORD_FILE: "/none" }),
    ]);
    assert.match(nothing, /must name the first user/);
    assert.match(plain, /give the password in a file/);
    assert.match(missing, /password file \/none is missing, empty or unreadable for uid 999/);
  });
});
