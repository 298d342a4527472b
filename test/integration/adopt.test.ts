/** CYBEX-P as its own compose files run it, brought into a stack, and taken out again. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { after, before, describe, it } from "node:test";
import { stringify } from "yaml";
import { kmsConfigDefaults } from "../../render/kmsConfig.ts";
import { backendConfigDefaults } from "../../render/backendConfig.ts";
import { Deployed } from "./deployed/deployed.ts";
import { docker, freePorts, Project } from "./project.ts";

const SERVER = "/usr/local/lib/cybexp-demo/ferretdb";
const KEY = "00112233445566778899aabbccddeeff";

/** A service and its database, started as the compose files do: no limits, no login, folders of root's. */
class Compose {
  readonly folder: string;
  readonly name: string;
  readonly #ports: readonly number[];

  constructor(name: string, ports: readonly number[]) {
    this.folder = mkdtempSync(join(tmpdir(), "cybexp-compose-"));
    this.name = name;
    this.#ports = ports;
    for (const part of ["secrets", "kms-db", "backend-db"]) {
      mkdirSync(join(this.folder, part));
    }
    docker("network", "create", name);
    const config = (service: string, values: Record<string, unknown>) => {
      const plain = Object.entries(values).map(([key, value]) => [
        key,
        typeof value === "bigint" ? Number(value) : value,
      ]);
      writeFileSync(join(this.folder, `${service}.yaml`), stringify(Object.fromEntries(plain)));
    };
    config("kms", {
      ...kmsConfigDefaults,
      FLASK_JWT_SECRET_KEY: KEY,
      backed_DB_uri: "mongodb://priv-kms-db:27017/",
    });
    config("backend", {
      ...backendConfigDefaults,
      backed_DB_uri: "mongodb://priv-backend-db:27017/",
    });
  }

  uri(service: "kms" | "backend"): string {
    return `mongodb://127.0.0.1:${this.#port(service, "db")}/`;
  }

  #port(service: "kms" | "backend", what: "db" | "api"): number {
    return this.#ports[(service === "kms" ? 0 : 2) + (what === "db" ? 0 : 1)] ?? 0;
  }

  /** The image's own database program, without a login, as `mongod` starts without one. */
  startDatabases(): void {
    for (const service of ["kms", "backend"] as const) {
      docker(
        ...["run", "--detach", `--name=${this.name}-${service}-db`, `--network=${this.name}`],
        ...[`--network-alias=priv-${service}-db`, "--user=0:0", "--entrypoint=sh"],
        `--publish=127.0.0.1:${this.#port(service, "db")}:27017`,
        `--volume=${join(this.folder, `${service}-db`)}:/data/db`,
        ...["cybexp-demo/mongo:1", "-c"],
        `mkdir -p /data/db/ferretdb; exec ${SERVER} --handler=sqlite --sqlite-url=file:/data/db/ferretdb/ --listen-addr=:27017 --telemetry=disable --debug-addr=- --state-dir=- --log-level=WARN`,
      );
    }
  }

  startServices(): void {
    for (const service of ["kms", "backend"] as const) {
      docker(
        ...["run", "--detach", `--name=${this.name}-${service}`, `--network=${this.name}`],
        ...["--user=0:0", `--publish=127.0.0.1:${this.#port(service, "api")}:5000`],
        `--volume=${join(this.folder, `${service}.yaml`)}:/config.yaml:ro`,
        ...(service === "kms" ? [`--volume=${join(this.folder, "secrets")}:/secrets`] : []),
        `cybexp-demo/${service}:1`,
      );
    }
  }

  async call(service: "kms" | "backend", path: string, init?: RequestInit): Promise<Response> {
    const url = `http://127.0.0.1:${this.#port(service, "api")}${path}`;
    for (let tries = 0; ; tries++) {
      try {
        return await fetch(url, init);
      } catch (error) {
        if (tries > 120) {
          throw error;
        }
        await sleep(500);
      }
    }
  }

  container(part: string): string {
    return `${this.name}-${part}`;
  }

  keys(): Record<string, string> {
    const folder = join(this.folder, "secrets");
    return Object.fromEntries(
      readdirSync(folder)
        .sort()
        .map((name) => [name, sha256(readFileSync(join(folder, name)))]),
    );
  }

  stop(...parts: string[]): void {
    docker("rm", "--force", ...parts.map((part) => this.container(part)));
  }

  remove(): void {
    this.stop("kms", "backend", "kms-db", "backend-db");
    docker("network", "rm", this.name);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const sha256 = (content: Buffer): string => createHash("sha256").update(content).digest("hex");

const RECORDS = 300;
const record = (number: number) => Buffer.from(`record ${number} ${"x".repeat(number)}`);
const count = async (answer: Response) => ((await answer.json()) as { count: number }).count;

let the: Deployed;
let old: Compose;
let back: Compose;

describe("CYBEX-P as its compose files run it", () => {
  let keys: Record<string, string>;

  before(async () => {
    the = new Deployed(await Project.create());
    old = new Compose(`${the.project.stack}-old`, await freePorts(4));
    back = new Compose(`${the.project.stack}-back`, await freePorts(4));
    old.startDatabases();
    old.startServices();
    await Promise.all([old.call("kms", "/"), old.call("backend", "/"), the.up()]);
    const account = ["/usr/bin/python3", "/kms-server/add_account.py", "old admin", "old password"];
    assert.match(docker("exec", old.container("kms"), ...account, "admin"), /'admin': True/);
    for (let number = 0; number < RECORDS; number++) {
      const answer = await old.call("backend", "/add/enc-data", {
        method: "POST",
        body: record(number),
      });
      assert.equal(answer.status, 201);
    }
    keys = old.keys();
    old.stop("kms", "backend");
  });
  after(async () => {
    await the.project.remove();
    old.remove();
    back.remove();
  });

  const adopt = (...more: string[]) =>
    the.npm(
      ...(["adopt", "--kms-secrets", join(old.folder, "secrets")] as const),
      ...["--kms-db", old.uri("kms"), "--backend-db", old.uri("backend"), ...more],
    );

  it("is refused with a password in an argument, and with the wrong folder", async () => {
    const secret = await the.npm(
      ...(["adopt", "--kms-secrets", old.folder, "--kms-db", "mongodb://u:p@127.0.0.1/"] as const),
      ...["--backend-db", old.uri("backend")],
    );
    assert.equal(secret.code, 1);
    assert.match(secret.output, /would be seen in the list of processes/);
    const folder = await the.npm(
      ...(["adopt", "--kms-secrets", join(old.folder, "kms-db")] as const),
      ...["--kms-db", old.uri("kms"), "--backend-db", old.uri("backend")],
    );
    assert.equal(folder.code, 1);
    assert.match(folder.output, /has no DE_key\.pem, no ORE_key\.bin/);
  });

  it("is brought into a stack, with every record, account and key", async () => {
    const before = await the.kmsKey();
    const { code, output } = await adopt();
    assert.equal(code, 0, output);
    assert.match(output, new RegExp(`backend/enc_data: ${RECORDS} records`));
    assert.match(output, /kms\/Users: 1 record$/m);
    for (const [name, digest] of Object.entries(keys)) {
      assert.ok(output.includes(`${name}: SHA-256 ${digest.slice(0, 16)}...`), output);
    }
    const key = await the.kmsKey();
    assert.notEqual(key, before);
    assert.equal(sha256(Buffer.from(key)), keys["DE_key.pem"]);
    const login = await the.call("kms", "/login", {
      body: Buffer.from(JSON.stringify({ username: "old_admin", password: "old password" })),
      headers: { "Content-Type": "application/json" },
    });
    assert.equal(login.status, 200, login.text);
    const found = await the.call("backend", "/query", { body: Buffer.from("{}") });
    assert.equal((JSON.parse(found.text) as { count: number }).count, RECORDS);
    // The old one is as it was.
    assert.deepEqual(old.keys(), keys);
    // It makes its own accounts again, and remembers the keys.
    const first = await the.up();
    assert.equal(first.code, 0, first.output);
    assert.match((await the.up()).output, /^Nothing changed: /m);
  });

  it("is not brought over what is there without a word", async () => {
    const { code, output } = await adopt();
    assert.equal(code, 1);
    assert.match(output, /has data \(.*backend\/enc_data: 300.*\), and would lose it/);
    assert.equal((await adopt("--replace")).code, 0);
  });

  it("is what it was when the stack's volumes are copied back", async () => {
    const stack = the.project.stack;
    const name = (part: string) => `cybexp-${stack}-${part}`;
    docker("stop", ...["kms", "backend", "kms-db", "backend-db"].map(name));
    const image = docker("inspect", "--format", "{{.Image}}", name("proxy"));
    for (const [volume, folder] of [
      ["kms-secrets", "secrets"],
      ["kms-db-data", "kms-db"],
      ["backend-db-data", "backend-db"],
    ] as const) {
      docker(
        ...["run", "--rm", "--network=none", "--user=0:0", "--entrypoint=sh"],
        ...[`--volume=${name(volume)}:/from:ro`, `--volume=${join(back.folder, folder)}:/to`],
        ...[image, "-c", "cd /from && tar --exclude=./.cybexp-* -cf - . | tar -xpf - -C /to"],
      );
    }
    assert.deepEqual(back.keys(), keys);
    back.startDatabases();
    back.startServices();
    const login = await back.call("kms", "/login", {
      method: "POST",
      body: JSON.stringify({ username: "old_admin", password: "old password" }),
    });
    assert.equal(login.status, 200);
    const query = { method: "POST", body: "{}" };
    assert.equal(await count(await back.call("backend", "/query", query)), RECORDS);
    assert.equal((await the.up()).code, 0);
  });
});
