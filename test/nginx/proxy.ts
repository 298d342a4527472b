import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { isIP } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { OWN_CALLER_HEADERS, OWN_REALM } from "../../names/own.ts";
import type { NginxAccess } from "../../render/nginxClients.ts";
import { renderHtpasswd } from "../../render/htpasswd.ts";
import { type NginxDialect, nginxDialect } from "../../render/nginxDialect.ts";
import {
  certificateFiles,
  METRICS_FILE,
  type NginxDoor,
  type NginxOptions,
  renderNginx,
} from "../../render/nginx.ts";
import type { DoorRoom } from "../../render/nginxRoom.ts";
import { servedConf } from "../../render/acmePaths.ts";
import { passwordDigest } from "../../render/passwordDigest.ts";
import { proxyHealthCheck } from "../../render/proxyHealth.ts";
import type { CertificatePair } from "../../render/proxyRelease.ts";
import { Docker } from "../../programs/docker/docker.ts";
import { reloadAtOnce } from "../../programs/release/reload.ts";
import type { Door } from "./client.ts";
import { createNetwork, docker, dockerMeanwhile, nginxImage, startContainer } from "./docker.ts";
import { Upstream } from "./upstream.ts";

export const SERVER_NAME = "cybexp.example.org";

/** One of the two users, as a client sends it. */
export const COLLECTOR = "collector:0123456789abcdefABCDEF";
export const ANALYST = "analyst:pässwörd-of-an-analyst";

export const STATUS_PORT = 8081;

const SALT = "0123456789abcdefABCDEF";

function digestOf(credential: string): string {
  const [name = "", password = ""] = credential.split(":");
  return passwordDigest({ salt: SALT, name, password });
}

export interface AccessLogLine {
  readonly request: string;
  readonly user: string;
  readonly door: string;
  readonly status: string;
  readonly path: string;
  readonly [key: string]: string | number;
}

/** What a door asks for, by its name. */
export type Accesses = Readonly<Record<"kms" | "backend", NginxAccess>>;

/** What the files of a release say beside its configuration. */
export interface ClientFiles {
  readonly "client-ca.crt": string;
  readonly "client-ca.crl": string;
}

/** Changes to what is rendered and delivered. */
interface Options extends Partial<NginxOptions> {
  readonly access?: Accesses;
  readonly clientFiles?: ClientFiles;
  /** What Prometheus reads of a release. */
  readonly metrics?: string;
  /** What is shown. @default a certificate that is made for these names, and that is its own authority */
  readonly pairs?: readonly CertificatePair[];
  readonly doorRoom?: DoorRoom;
  /** What is different about a door, by its name. @default nothing */
  readonly doorChanges?: Partial<Readonly<Record<"kms" | "backend", Partial<NginxDoor>>>>;
  /** What stands behind it instead, at this machine's address in the proxy's network. */
  readonly behind?: (host: string) => Promise<{ readonly port: number; stop(): Promise<void> }>;
}

/**
 * The rendered configuration in a real Nginx, locked up as in a deployment: an ordinary user, a
 * read-only root, no capabilities, and a writable /tmp alone. Behind both doors is one Upstream on
 * this machine, unless the options name others.
 */
export class Proxy {
  readonly upstream: Upstream;
  /** What stands in for it in a handover. */
  readonly standIn: Upstream;
  readonly container: string;
  readonly network: string;
  readonly dialect: NginxDialect;
  /** The folder on this machine that is /tmp in the container. */
  readonly tmp: string;
  /** The folder on this machine that is /acme in the container. */
  readonly served: string;
  /** All certificates that came by `renew`, PEM: a worker of before a reload may still show an earlier one. */
  readonly renewals: string[] = [];
  readonly ca: string;
  readonly kms: Door;
  readonly backend: Door;
  readonly #folder: string;
  readonly #options: Omit<NginxOptions, "release" | "releaseDir">;
  #instead: { stop(): Promise<void> } | undefined;
  #clientFiles: ClientFiles | undefined;
  #pairs: readonly CertificatePair[] = [];

  private constructor(
    network: { name: string },
    upstream: Upstream,
    standIn: Upstream,
    {
      access,
      clientFiles,
      metrics,
      pairs,
      doorRoom,
      doorChanges,
      ...options
    }: Omit<Options, "behind">,
    instead?: { readonly port: number },
  ) {
    this.#clientFiles = clientFiles;
    this.network = network.name;
    this.upstream = upstream;
    this.standIn = standIn;
    this.#folder = mkdtempSync(join(tmpdir(), "cybexp-test-nginx-"));
    chmodSync(this.#folder, 0o755);
    this.tmp = join(this.#folder, "tmp");
    mkdirSync(this.tmp);
    chmodSync(this.tmp, 0o1777);
    this.dialect = nginxDialect(
      docker(["run", "--rm", "--entrypoint=sh", nginxImage, "-c", "nginx -V 2>&1"]),
    );
    this.#options = {
      serverNames: [SERVER_NAME],
      doors: (["kms", "backend"] as const).map((name, index) => ({
        name,
        port: 8441 + index,
        upstream: this.at(instead ?? upstream),
        standIn: this.at(standIn),
        maxBody: name === "kms" ? "64k" : "17m",
        ...(access && { access: access[name] }),
        ...(doorRoom && { room: doorRoom }),
        ...doorChanges?.[name],
      })),
      readTimeout: 2,
      shutdownTimeout: 10,
      statusPort: STATUS_PORT,
      // The collector's is known by its digest, the analyst's by the file.
      passwords: { salt: SALT, digests: { collector: digestOf(COLLECTOR) } },
      resolver: "127.0.0.11",
      // Tables of refusals would wait for minutes by the default; guesses.test.ts has one of its own.
      guesses: { perMinute: 6000, burst: 6000 },
      dialect: this.dialect,
      ...options,
    };
    // What the container that renews certificates writes to.
    this.served = join(this.#folder, "served");
    mkdirSync(this.served);
    this.#makeCertificate();
    this.ca = readFileSync(join(this.#folder, "server.crt"), "utf8");
    const privateKey = readFileSync(join(this.#folder, "server.key"), "utf8");
    this.#pairs = pairs ?? [{ certificate: this.ca, privateKey }];
    this.writeRelease("one", { ...(metrics !== undefined && { metrics }) });
    if (options.renewed) {
      this.renew("interim-0");
    }
    this.container = startContainer([
      `--network=${network.name}`,
      "--publish=127.0.0.1::8441",
      "--publish=127.0.0.1::8442",
      "--user=101:101",
      "--read-only",
      "--cap-drop=ALL",
      "--security-opt=no-new-privileges",
      `--volume=${this.tmp}:/tmp`,
      `--volume=${this.#folder}:/release:ro`,
      `--volume=${this.served}:/acme:ro`,
      "--entrypoint=nginx",
      nginxImage,
      "-e",
      "stderr",
      "-c",
      "/release/current/nginx.conf",
    ]);
    this.kms = this.#door(8441);
    this.backend = this.#door(8442);
  }

  static async start({ behind, ...options }: Options = {}): Promise<Proxy> {
    const network = createNetwork();
    const upstream = await Upstream.start(network.gateway);
    const standIn = await Upstream.start(network.gateway);
    const instead = await behind?.(network.gateway);
    const proxy = new Proxy(network, upstream, standIn, options, instead);
    proxy.#instead = instead;
    for (let tries = 0; (await proxy.status("release")) !== "one"; tries++) {
      if (tries === 50) {
        throw new Error(`Nginx does not start: ${docker(["logs", proxy.container])}`);
      }
      await sleep(100);
    }
    return proxy;
  }

  async stop(): Promise<void> {
    docker(["rm", "--force", this.container]);
    docker(["network", "rm", this.network]);
    rmSync(this.#folder, { recursive: true });
    await this.upstream.stop();
    await this.standIn.stop();
    await this.#instead?.stop();
  }

  /** The doors that it started with. */
  get doors(): NginxOptions["doors"] {
    return this.#options.doors;
  }

  /** Host and port of one of the two, as Nginx is told. */
  at(upstream: { readonly port: number }): string {
    return `${gatewayOf(this.network)}:${upstream.port}`;
  }

  /** Writes a release and switches to it, as a delivery does. */
  writeRelease(
    release: string,
    { clientFiles, metrics = "", pairs = this.#pairs, ...options }: Omit<Options, "access"> = {},
  ): void {
    this.#clientFiles = clientFiles ?? this.#clientFiles;
    this.#pairs = pairs;
    const folder = join(this.#folder, "releases", release);
    mkdirSync(folder, { recursive: true });
    const releaseDir = `/release/releases/${release}`;
    writeFileSync(
      join(folder, "nginx.conf"),
      renderNginx({
        realm: OWN_REALM,
        callerHeaders: OWN_CALLER_HEADERS,
        ...this.#options,
        certificateCount: pairs.length,
        ...options,
        release,
        releaseDir,
      }),
    );
    const [collector, analyst] = [COLLECTOR, ANALYST].map((credential) => credential.split(":"));
    const salt = "AAECAwQFBgcICQoLDA0ODw==";
    writeFileSync(
      join(folder, "htpasswd"),
      renderHtpasswd([
        { name: collector?.[0] ?? "", password: collector?.[1] ?? "", salt },
        { name: analyst?.[0] ?? "", password: analyst?.[1] ?? "", salt },
      ]),
    );
    writeFileSync(join(folder, METRICS_FILE), metrics);
    for (const [index, pair] of pairs.entries()) {
      const names = certificateFiles(index);
      writeFileSync(join(folder, names.certificate), pair.certificate);
      writeFileSync(join(folder, names.privateKey), pair.privateKey);
    }
    for (const [name, content] of Object.entries(this.#clientFiles ?? {})) {
      writeFileSync(join(folder, name), String(content));
    }
    symlinkSync(join("releases", release), join(this.#folder, "next"));
    renameSync(join(this.#folder, "next"), join(this.#folder, "current"));
  }

  /** Puts another certificate into the place of the one that is shown, as its renewal does. @returns It, PEM. */
  renew(version: string): string {
    const pem = this.issue(version);
    this.show(version);
    return pem;
  }

  /** Makes such a certificate, and leaves it aside. @returns It, PEM. */
  issue(version: string): string {
    const folder = join(this.served, version);
    mkdirSync(folder);
    this.#issue(join(folder, "fullchain.pem"), join(folder, "privkey.pem"));
    const pem = readFileSync(join(folder, "fullchain.pem"), "utf8");
    this.renewals.push(pem);
    return pem;
  }

  /** Puts it in place. */
  show(version: string): void {
    writeFileSync(join(this.served, "next"), servedConf(version));
    renameSync(join(this.served, "next"), join(this.served, "current.conf"));
  }

  /** Runs the container's health check, as the engine does every few seconds. */
  check(): { code: number; output: string } {
    const { status, stdout, stderr } = spawnSync(
      "docker",
      ["exec", this.container, ...proxyHealthCheck(STATUS_PORT)],
      { encoding: "utf8" },
    );
    return { code: status ?? -1, output: stdout + stderr };
  }

  /** What the status port tells, or nothing while it does not answer. */
  status(path: string): Promise<string> {
    const url = `http://127.0.0.1:${STATUS_PORT}/${path}`;
    // One of the two is in every image that people use.
    const get = `curl -fsS ${url} 2>/dev/null || wget -qO- ${url} 2>/dev/null || true`;
    return dockerMeanwhile(["exec", this.container, "sh", "-c", get]);
  }

  /** Reloads as a delivery does, but announces nothing: with an old Nginx that takes seconds. */
  async reload(release: string): Promise<void> {
    const { container } = this;
    await reloadAtOnce(new Docker(), { container, statusPort: STATUS_PORT }, release);
  }

  /** The access log's line about a request that was answered. */
  async logged(requestId: string | string[] | undefined): Promise<AccessLogLine> {
    for (let tries = 0; tries < 50; tries++) {
      const line = this.accessLog().find((some) => some.request === requestId);
      if (line) {
        return line;
      }
      await sleep(50);
    }
    throw new Error(`the access log has no line about the request ${String(requestId)}`);
  }

  accessLog(): AccessLogLine[] {
    return docker(["logs", this.container])
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as AccessLogLine);
  }

  /** What Nginx wrote to its error log so far. */
  errorLog(): string {
    return spawnSync("docker", ["logs", this.container], { encoding: "utf8" }).stderr;
  }

  /** The matching lines that came since, once there are so many, or after two seconds. */
  async errorLines(since: number, pattern: RegExp, count: number): Promise<string[]> {
    for (const end = Date.now() + 2000; ; await sleep(50)) {
      const lines = this.errorLog()
        .slice(since)
        .split("\n")
        .filter((line) => pattern.test(line));
      if (lines.length >= count || Date.now() > end) {
        return lines;
      }
    }
  }

  #door(internal: number): Door {
    const published = docker(["port", this.container, `${internal}/tcp`]);
    return {
      port: Number(published.split(":").at(-1)),
      serverName: this.#options.serverNames[0] ?? "",
      ca: this.ca,
    };
  }

  #makeCertificate(): void {
    if (existsSync(join(this.#folder, "server.key"))) {
      return;
    }
    this.#issue(join(this.#folder, "server.crt"), join(this.#folder, "server.key"));
  }

  #issue(certificate: string, key: string): void {
    execFileSync(
      "openssl",
      [
        ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
        ...["-keyout", key, "-out", certificate],
        ...["-days", "2", "-subj", `/CN=${this.#options.serverNames[0]}`],
        ...["-addext", `subjectAltName=${subjectAltNames(this.#options.serverNames)}`],
      ],
      { stdio: "ignore" },
    );
    chmodSync(key, 0o444);
  }
}

/** As `openssl req -addext` has them. */
function subjectAltNames(names: readonly string[]): string {
  return names.map((name) => `${isIP(name) === 0 ? "DNS" : "IP"}:${name}`).join(",");
}

const gatewayOf = (network: string) =>
  docker(["network", "inspect", network, "--format={{(index .IPAM.Config 0).Gateway}}"]);
