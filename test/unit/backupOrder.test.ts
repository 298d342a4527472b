/**
 * What a backup has of a system that goes on working while it is read. Between any two reads, somebody gets an
 * account, a key, and a record that needs the key.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BSON } from "mongodb";
import type { ServiceRole } from "../../names/docker.ts";
import { documentsIn } from "../../programs/database/collections.ts";
import type { FileInFolder, StoredFile } from "../../programs/volumes/filesIn.ts";
import { userKeyFile } from "../../render/kmsConfig.ts";
import type { Part } from "../../stack/backup/contents.ts";
import { type CollectionPart, type Readers, readParts } from "../../stack/backup/readParts.ts";

/** A KMS and a Backend, whose work goes on whenever somebody looks. */
class Working implements Readers {
  readonly #keyDelay: number;
  readonly #users: string[] = [];
  readonly #records: string[] = [];
  readonly #keys = new Map<string, string>([["DE_key.pem", "DE"]]);
  readonly #later: { user: string; looks: number }[] = [];
  #looks = 0;

  /** @param keyDelay How many looks after its account a key is written. */
  constructor(keyDelay = 0) {
    this.#keyDelay = keyDelay;
  }

  /** A user, its key, and a record for it: as often as anybody looks. */
  #goOn(): void {
    this.#looks++;
    const user = `user${this.#looks}`;
    this.#users.push(user);
    this.#later.push({ user, looks: this.#looks + this.#keyDelay });
    for (const { user: ready } of this.#later.filter(({ looks }) => looks <= this.#looks)) {
      if (!this.#keys.has(userKeyFile(ready))) {
        this.#keys.set(userKeyFile(ready), `key of ${ready}`);
        this.#records.push(ready);
      }
    }
  }

  config() {
    this.#goOn();
    return Promise.resolve({ text: "config: {}\n" });
  }

  state() {
    this.#goOn();
    return Promise.resolve("{}");
  }

  async collections(service: ServiceRole, each: (part: CollectionPart) => Promise<void>) {
    const name = service === "kms" ? "Users" : "enc_data";
    await each({ is: "collection", service, name, shape: { options: {}, indexes: [] } });
    for (let number = 1; number <= 3; number++) {
      this.#goOn();
      const documents = (service === "kms" ? this.#users : this.#records).map((user) =>
        BSON.serialize(service === "kms" ? { username: user, admin: false } : { for: user }),
      );
      const admin = BSON.serialize({ username: "root", admin: true });
      const piece = Buffer.concat([...(service === "kms" ? [admin] : []), ...documents]);
      await each({ is: "records", service, name, number, piece });
    }
  }

  async *keys(): AsyncGenerator<FileInFolder> {
    this.#goOn();
    await Promise.resolve();
    for (const [path, text] of [...this.#keys, [".cybexp-volume", "mark"] as const]) {
      yield { path, mode: 0o600, uid: 1, gid: 1, content: Buffer.from(text) };
    }
  }

  volumes() {
    return ["acme-data"];
  }

  filesOf(): Promise<StoredFile[]> {
    this.#goOn();
    // It changes twice.
    const content = Buffer.from(String(Math.min(this.#looks, 12)));
    return Promise.resolve([
      {
        path: "live",
        type: "directory",
        mode: 0o700,
        uid: 101,
        gid: 101,
        content: Buffer.alloc(0),
      },
      {
        path: "live/a",
        type: "symlink",
        link: "../a1",
        mode: 0o777,
        uid: 101,
        gid: 101,
        content: Buffer.alloc(0),
      },
      { path: "a1", mode: 0o600, uid: 101, gid: 101, content },
      { path: ".cybexp-volume", mode: 0o400, uid: 0, gid: 0, content: Buffer.from("mark") },
    ]);
  }
}

async function read(readers: Readers) {
  const parts: Part[] = [];
  const add = (part: Part) => {
    parts.push(part);
    return Promise.resolve();
  };
  const { keyless } = await readParts({ readers, users: "Users", add, stillMs: 0 });
  const names = (service: ServiceRole, field: string) =>
    parts
      .flatMap((part) =>
        part.is === "records" && part.service === service
          ? documentsIn(part.piece).map(
              (bytes) => BSON.deserialize(bytes) as Record<string, string | boolean>,
            )
          : [],
      )
      .filter((document) => document["admin"] !== true)
      .map((document) => String(document[field]));
  const keys = parts.flatMap((part) => (part.is === "key" ? [part.file.path] : []));
  return {
    parts,
    keyless,
    keys,
    records: names("backend", "for"),
    users: names("kms", "username"),
  };
}

describe("a backup of a system that goes on working", () => {
  it("has a key and an account for each record, and a key for each account", async () => {
    const { keys, records, users, keyless } = await read(new Working());
    assert.ok(records.length > 0);
    assert.deepEqual(
      records.filter((user) => !keys.includes(userKeyFile(user))),
      [],
    );
    assert.deepEqual(
      records.filter((user) => !users.includes(user)),
      [],
    );
    assert.deepEqual(
      users.filter((user) => !keys.includes(userKeyFile(user))),
      [],
    );
    assert.deepEqual(keyless, []);
    assert.ok(keys.includes("DE_key.pem"));
    assert.ok(!keys.includes(".cybexp-volume"));
  });

  it("waits for the key of an account that was stored before its key", async () => {
    const { keys, users, keyless } = await read(new Working(7));
    assert.deepEqual(
      users.filter((user) => !keys.includes(userKeyFile(user))),
      [],
    );
    assert.deepEqual(keyless, []);
    // Only for those: accounts that came later are not in it, and neither are their keys.
    assert.deepEqual(
      keys.filter(
        (name) => name !== "DE_key.pem" && !users.some((user) => userKeyFile(user) === name),
      ),
      [],
    );
  });

  it("names the accounts that never get one, and no administrator", async () => {
    const { users, keyless } = await read(new Working(Infinity));
    assert.deepEqual(
      keyless,
      users.filter((user, index) => users.indexOf(user) === index),
    );
  });

  it("has a further volume as it was at one moment", async () => {
    const { parts } = await read(new Working());
    const files = parts.flatMap((part) => (part.is === "file" ? [part.file] : []));
    assert.deepEqual(
      files.map(({ path }) => path),
      ["live", "live/a", "a1"],
    );
    assert.equal(files.at(-1)?.content.toString(), "12");
  });

  it("reads the records first, then the accounts, and the keys after both", async () => {
    const { parts } = await read(new Working());
    const order = parts.map((part) => ("service" in part ? `${part.is} ${part.service}` : part.is));
    assert.deepEqual(
      [...new Set(order)],
      [
        ...["config", "state", "collection backend", "records backend"],
        ...["collection kms", "records kms", "key", "file"],
      ],
    );
  });
});
