/** A database that a stack does not run: the demo's, in a container of a test, with TLS and a CA of its own. */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Db, MongoClient } from "mongodb";
import { docker, freePorts } from "./project.ts";

const IMAGE = "cybexp-demo/mongo:1";
const SERVER = "/usr/local/lib/cybexp-demo/ferretdb";

export interface ExternalMongoOptions {
  /** @default TLS at a second port, with a CA of its own */
  readonly tls?: boolean;
  /** Whether it lets everybody in, as CYBEX-P's compose files start it. @default false */
  readonly open?: boolean;
  /** The size of its disk. @default the engine's */
  readonly mebibytes?: number;
}

export class ExternalMongo {
  /** The name in its certificate. No DNS knows it. */
  readonly host: string;
  /** Where containers and this machine reach it. */
  readonly address: string;
  readonly port: number;
  readonly tlsPort: number;
  readonly ca: string;
  readonly user = "operator";
  readonly password = randomBytes(12).toString("hex");
  readonly container: string;
  readonly #folder: string;
  readonly #open: boolean;

  private constructor(
    name: string,
    ports: readonly number[],
    { tls = true, open = false }: ExternalMongoOptions,
  ) {
    this.container = `it-mongo-${name}-${randomBytes(3).toString("hex")}`;
    this.host = `${name}.mongo.test.example`;
    this.address = docker(
      ...["network", "inspect", "bridge", "--format"],
      "{{(index .IPAM.Config 0).Gateway}}",
    );
    [this.port = 0, this.tlsPort = 0] = ports;
    this.#open = open;
    this.#folder = mkdtempSync(join(tmpdir(), "cybexp-mongo-"));
    chmodSync(this.#folder, 0o755);
    this.ca = tls ? this.#certify() : "";
    writeFileSync(join(this.#folder, "password"), this.password, { mode: 0o644 });
  }

  static async start(name: string, options: ExternalMongoOptions = {}): Promise<ExternalMongo> {
    const mongo = new ExternalMongo(name, await freePorts(2), options);
    const tls =
      (options.tls ?? true)
        ? "--listen-tls=:27018 --listen-tls-cert-file=/tls/server.crt --listen-tls-key-file=/tls/server.key"
        : "";
    const login = mongo.#open ? "" : "--test-enable-new-auth";
    const disk = options.mebibytes
      ? [`--tmpfs=/data/db:uid=999,gid=999,mode=0700,size=${options.mebibytes}m`]
      : [];
    const serve =
      `exec ${SERVER} --handler=sqlite --sqlite-url=file:/data/db/ferretdb/ --listen-addr=:27017 ${tls} ${login} ` +
      "--telemetry=disable --debug-addr=- --state-dir=- --log-level=WARN";
    // The image's own start makes the user.
    const prepare =
      "test -d /data/db/ferretdb || { docker-entrypoint.sh ferretdb & until test -d /data/db/ferretdb && ferretdb ping; do sleep 0.1; done; kill $!; wait; }";
    docker(
      ...["run", "--detach", `--name=${mongo.container}`, "--entrypoint=bash"],
      ...disk,
      `--publish=${mongo.address}:${mongo.port}:27017`,
      `--publish=${mongo.address}:${mongo.tlsPort}:27018`,
      `--volume=${mongo.#folder}:/tls:ro`,
      ...["--env", `MONGO_INITDB_ROOT_USERNAME=${mongo.user}`],
      ...["--env", "MONGO_INITDB_ROOT_PASSWORD_FILE=/tls/password"],
      ...[
        IMAGE,
        "-c",
        mongo.#open ? `mkdir -p /data/db/ferretdb; ${serve}` : `${prepare}; ${serve}`,
      ],
    );
    for (let tries = 0; ; tries++) {
      try {
        await mongo.with((client) => client.db("admin").command({ ping: 1 }));
        return mongo;
      } catch (error) {
        if (tries > 60) {
          throw error;
        }
        await sleep(250);
      }
    }
  }

  #certify(): string {
    const ssl = (...args: string[]) =>
      execFileSync("openssl", args, { cwd: this.#folder, stdio: ["ignore", "pipe", "pipe"] });
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    ssl(
      "req",
      "-x509",
      ...key,
      "-keyout",
      "ca.key",
      "-out",
      "ca.pem",
      "-days",
      "2",
      "-subj",
      "/CN=a CA",
    );
    ssl("req", ...key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=a database");
    writeFileSync(join(this.#folder, "names"), `subjectAltName=DNS:${this.host}`);
    ssl(
      ...["x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key"],
      ...["-CAcreateserial", "-out", "server.crt", "-days", "2", "-extfile", "names"],
    );
    chmodSync(join(this.#folder, "server.key"), 0o644);
    return readFileSync(join(this.#folder, "ca.pem"), "utf8");
  }

  /** As a stack's config has it. */
  uri({
    user = this.user,
    password = this.password,
    tls = true,
  }: { user?: string; password?: string; tls?: boolean } = {}): string {
    return tls
      ? `mongodb://${user}:${password}@${this.host}:${this.tlsPort}/?authSource=admin&tls=true`
      : `mongodb://${user}:${password}@${this.address}:${this.port}/?authSource=admin`;
  }

  get hosts() {
    return [{ name: this.host, address: this.address }];
  }

  /** Works on it from this machine. */
  async with<T>(work: (client: MongoClient) => Promise<T>): Promise<T> {
    const login = this.#open ? "" : `${this.user}:${this.password}@`;
    const client = new MongoClient(`mongodb://${login}${this.address}:${this.port}/`, {
      serverSelectionTimeoutMS: 2000,
      directConnection: true,
    });
    try {
      return await work(client);
    } finally {
      await client.close();
    }
  }

  withDb<T>(name: string, work: (db: Db) => Promise<T>): Promise<T> {
    return this.with((client) => work(client.db(name)));
  }

  /** Leaves no room on its disk. */
  fill(): void {
    docker("exec", this.container, "bash", "-c", "cat /dev/zero > /data/db/fill || true");
  }

  unfill(): void {
    docker("exec", this.container, "rm", "/data/db/fill");
  }

  remove(): void {
    docker("rm", "--force", "--volumes", this.container);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
