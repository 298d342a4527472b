/** Containers of the demo images, hardened as the stack's own, on the real engine. */
import { execa } from "execa";
import { randomBytes } from "node:crypto";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Engine, ensureEngine } from "../../machine/engine.ts";
import { Docker } from "../../programs/docker/docker.ts";

export const HARDENING = [
  "--read-only",
  "--cap-drop=ALL",
  "--security-opt=no-new-privileges",
  "--tmpfs=/tmp:rw,noexec,nosuid,nodev,size=16m,mode=1777",
  "--memory=512m",
  "--pids-limit=200",
] as const;

/** With characters that a URI, a shell and YAML would each take for their own. */
export const ADMIN_PASSWORD = `p%w$"x y'é`;

export const JWT_KEY = "00112233445566778899aabbccddeeff".repeat(2);

export interface RunOptions {
  readonly user?: string;
  readonly network?: boolean;
  /** One more host name in the sandbox's network. */
  readonly alias?: string;
  /** Files of this machine: path in the container to content. */
  readonly files?: Readonly<Record<string, string>>;
  /** Volumes: path in the container to a name that `volume` gave. */
  readonly volumes?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
  /** The container's port to publish on a free one of 127.0.0.1. */
  readonly port?: number;
  readonly entrypoint?: string;
  readonly command?: readonly string[];
}

/** Everything of one test file, under names of its own. */
export class Sandbox {
  readonly id = `images-test-${randomBytes(4).toString("hex")}`;
  readonly engine: Engine;
  readonly env: NodeJS.ProcessEnv;
  readonly #folder: string;
  #count = 0;

  private constructor(engine: Engine, folder: string) {
    this.engine = engine;
    this.env = new Docker(engine.host).env;
    this.#folder = folder;
  }

  static async open(): Promise<Sandbox> {
    const engine = await ensureEngine();
    const sandbox = new Sandbox(engine, await mkdtemp(join(tmpdir(), "images-test-")));
    await sandbox.docker("network", "create", `--label=${sandbox.id}`, sandbox.id);
    return sandbox;
  }

  /** Removes all that was made. */
  async close(): Promise<void> {
    const containers = await this.#labelled("container", "--all");
    if (containers.length > 0) {
      await this.docker("rm", "--force", "--volumes", ...containers);
    }
    for (const kind of ["volume", "network"]) {
      for (const name of await this.#labelled(kind)) {
        await this.docker(kind, "rm", name);
      }
    }
    await rm(this.#folder, { recursive: true });
  }

  async #labelled(kind: string, ...flags: string[]): Promise<string[]> {
    const found = await this.docker(kind, "ls", ...flags, "--quiet", `--filter=label=${this.id}`);
    return found.split("\n").filter(Boolean);
  }

  /** Standard output of `docker`, which must succeed. */
  async docker(...args: string[]): Promise<string> {
    return (await execa("docker", args, { env: this.env })).stdout;
  }

  /** Standard output and error of `docker`, whatever its exit code. */
  async tryDocker(...args: string[]): Promise<{ code: number; output: string }> {
    const result = await execa("docker", args, {
      env: this.env,
      reject: false,
      all: true,
    });
    return { code: result.exitCode ?? -1, output: result.all };
  }

  async volume(): Promise<string> {
    const name = `${this.id}-${this.#count++}`;
    return this.docker("volume", "create", `--label=${this.id}`, name);
  }

  /** A volume that belongs to a user, as the stack's own do: an image's folder is root's. */
  async ownVolume(user: string): Promise<string> {
    const name = await this.volume();
    const prepare = `: > /volume/.mark; chown ${user} /volume; chmod 0700 /volume`;
    await this.docker(
      ...["run", "--rm", "--user=0:0", `--volume=${name}:/volume`, "--entrypoint=sh"],
      ...["cybexp-demo/kms:1", "-ec", prepare],
    );
    return name;
  }

  /** Starts a container, hardened. */
  async run(image: string, options: RunOptions = {}): Promise<Box> {
    const name = `${this.id}-${this.#count++}`;
    const mounts = Object.entries(options.volumes ?? {}).map(([to, from]) => `${from}:${to}`);
    for (const [target, content] of Object.entries(options.files ?? {})) {
      const path = join(this.#folder, `${this.#count++}`);
      await writeFile(path, content);
      // The container's user is another.
      await chmod(path, content.startsWith("#!") ? 0o555 : 0o444);
      mounts.push(`${path}:${target}:ro`);
    }
    await this.docker(
      "run",
      "--detach",
      `--name=${name}`,
      `--label=${this.id}`,
      ...HARDENING,
      ...(options.user ? [`--user=${options.user}`] : []),
      ...(options.network === false ? [] : [`--network=${this.id}`]),
      ...(options.alias ? [`--network-alias=${options.alias}`] : []),
      ...mounts.map((mount) => `--volume=${mount}`),
      ...Object.entries(options.environment ?? {}).map(([key, value]) => `--env=${key}=${value}`),
      ...(options.port ? [`--publish=127.0.0.1::${options.port}`] : []),
      ...(options.entrypoint ? [`--entrypoint=${options.entrypoint}`] : []),
      image,
      ...(options.command ?? []),
    );
    return new Box(this, name);
  }

  /** A demo database with the user admin, once it answers. */
  async database(volume?: string, password = ADMIN_PASSWORD): Promise<Box> {
    const box = await this.run("cybexp-demo/mongo:1", {
      user: "999:999",
      port: 27017,
      files: { "/run/secrets/password": `${password}\n` },
      environment: {
        MONGO_INITDB_ROOT_USERNAME: "admin",
        MONGO_INITDB_ROOT_PASSWORD_FILE: "/run/secrets/password",
      },
      ...(volume && { volumes: { "/data/db": volume } }),
    });
    await box.until(async () => (await box.exec("ferretdb", "ping")).code === 0);
    return box;
  }

  /** A demo KMS or Backend, once it answers. */
  async service(
    name: "kms" | "backend",
    database: string,
    options: { volumes?: Readonly<Record<string, string>> } = {},
  ): Promise<Box> {
    const box = await this.run(`cybexp-demo/${name}:1`, {
      user: "65532:65532",
      port: 5000,
      files: { "/config.yaml": config(name, databaseUri(database)) },
      ...(name === "kms" && {
        volumes: options.volumes ?? { "/secrets": await this.ownVolume("65532:65532") },
      }),
    });
    await box.until(async () => (await fetch(`${await box.url()}/`)).ok);
    return box;
  }
}

/** One container. */
export class Box {
  readonly name: string;
  readonly #sandbox: Sandbox;
  #address: Promise<string> | undefined;

  constructor(sandbox: Sandbox, name: string) {
    this.#sandbox = sandbox;
    this.name = name;
  }

  /** `127.0.0.1:PORT` of the published port; a restart gives another one. */
  address(): Promise<string> {
    this.#address ??= this.#sandbox
      .docker("port", this.name)
      .then((lines) => /127\.0\.0\.1:\d+/.exec(lines)?.[0] ?? "nowhere");
    return this.#address;
  }

  async url(): Promise<string> {
    return `http://${await this.address()}`;
  }

  exec(...command: string[]): Promise<{ code: number; output: string }> {
    return this.#sandbox.tryDocker("exec", this.name, ...command);
  }

  async logs(): Promise<string> {
    return (await this.#sandbox.tryDocker("logs", this.name)).output;
  }

  async inspect<T = unknown>(format: string): Promise<T> {
    const text = await this.#sandbox.docker("inspect", `--format={{json ${format}}}`, this.name);
    return JSON.parse(text) as T;
  }

  signal(signal: string): Promise<string> {
    return this.#sandbox.docker("kill", `--signal=${signal}`, this.name);
  }

  async restart(): Promise<void> {
    this.#address = undefined;
    await this.#sandbox.docker("start", this.name);
  }

  async isRunning(): Promise<boolean> {
    return this.inspect<boolean>(".State.Running");
  }

  /** Waits for the end: its exit code. */
  async exit(): Promise<number> {
    return Number(await this.#sandbox.docker("wait", this.name));
  }

  /** Waits until the test holds, at most 10 s. */
  async until(test: () => Promise<boolean>): Promise<void> {
    const end = performance.now() + 10_000;
    while (!(await test().catch(() => false))) {
      if (performance.now() > end || !(await this.isRunning())) {
        throw new Error(`${this.name} is not ready: ${await this.logs()}`);
      }
      await sleep(50);
    }
  }
}

/** The connection string; a missing database is given up after a second and a half. */
export function databaseUri(host: string): string {
  const password = encodeURIComponent(ADMIN_PASSWORD);
  return `mongodb://admin:${password}@${host}:27017/?authSource=admin&serverSelectionTimeoutMS=1500`;
}

/** A config.yaml with every key that the service wants, but for those left out. */
export function config(name: "kms" | "backend", uri: string, leftOut?: string): string {
  const settings: Record<string, string> =
    name === "kms"
      ? {
          FLASK_JWT_SECRET_KEY: `"${JWT_KEY}"`,
          FLASK_DEBUG: "false",
          ORE_KEY_LENGTH: "256",
          OPE_IN_MIN: "0",
          OPE_IN_MAX: "18446744073709551615",
          OPE_OUT_MIN: "0",
          OPE_OUT_MAX: "340282366920938463463374607431768211455",
          db_name: "KMS_db",
          attrib_col_name: "attributes",
          users_col_name: "Users",
          DE_key_location: "/secrets/DE_key.pem",
          ORE_key_location: "/secrets/ORE_key.bin",
        }
      : {
          debug_mode_flask: "false",
          debug: "false",
          print_time_comparison: "false",
          print_pre_time_filtered_data: "false",
          print_time_filtered_data: "false",
          print_response: "false",
          add_missing_data_to_response_on_missing_time: "false",
          db_name: "priv_backend",
          col_name: "enc_data",
        };
  return Object.entries({ ...settings, backed_DB_uri: JSON.stringify(uri) })
    .filter(([key]) => key !== leftOut)
    .map(([key, value]) => `${key}: ${value}\n`)
    .join("");
}
