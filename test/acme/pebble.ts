/** Pebble, the ACME server that Let's Encrypt makes for tests, and its DNS server, built from their Go module. */
import { execa } from "execa";
import { existsSync, readFileSync } from "node:fs";
import { chmod, mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { dirname, join } from "node:path";
import { checkServerIdentity, type PeerCertificate } from "node:tls";
import { setTimeout as sleep } from "node:timers/promises";
import { contextKey } from "../../machine/images/context.ts";
import { cacheDir } from "../../machine/paths.ts";
import { step } from "../../machine/progress.ts";
import { findGo } from "../../machine/toolchain/go.ts";
import type { Sandbox } from "../images/sandbox.ts";
import { freePorts } from "../integration/project.ts";
import { issue, makeAuthority } from "../unit/pki.ts";

const sources = join(import.meta.dirname, "pebble");
const PROGRAMS = ["pebble", "pebble-challtestsrv"] as const;

/** Where it looks for HTTP-01's files, since the web server of the tests is an ordinary user. */
export const CHALLENGE_PORT = 8080;

/** Lifetimes in seconds, by the name of the profile. Without one, Pebble draws lots. */
export const PROFILES = {
  long: 90 * 86_400,
  days45: 45 * 86_400,
  days6: 6 * 86_400,
  minutes: 120,
  minute: 60,
  moment: 30,
} as const;

/** What an external account is bound by. */
export const EXTERNAL_ACCOUNT = {
  keyId: "kid-1",
  hmacKey: "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W",
} as const;

/** The folder with both programs: built once, kept for this user's clones. */
async function build(): Promise<string> {
  const sums = ["go.mod", "go.sum"].map((name) => readFileSync(join(sources, name), "utf8"));
  const folder = join(cacheDir(), "pebble", contextKey([], sums));
  if (existsSync(folder)) {
    return folder;
  }
  await mkdir(dirname(folder), { recursive: true });
  const work = await mkdtemp(join(dirname(folder), "work-"));
  try {
    await step("Building Pebble for the tests", async (progress) => {
      const { command, env } = await findGo(progress);
      const packages = PROGRAMS.map((name) => `github.com/letsencrypt/pebble/v2/cmd/${name}`);
      await execa(command, ["build", "-mod=readonly", "-trimpath", "-o", `${work}/`, ...packages], {
        cwd: sources,
        env: { ...env, CGO_ENABLED: "0", GOWORK: "off", GOFLAGS: "" },
      });
    });
    // The container's user is another.
    await chmod(work, 0o755);
    // Under its name only when whole. Another test file may have been first.
    await rename(work, folder).catch((error: unknown) => {
      if (!existsSync(folder)) {
        throw error;
      }
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return folder;
}

export interface PebbleOptions {
  /** Its name on the network. @default "pebble" */
  readonly host?: string;
  /** The address that every host name has. */
  readonly address: string;
  /**
   * Where it listens on this machine, for who is not on the sandbox's network: an address and a port.
   *
   * @default nowhere, its name on that network is in the directory's URL
   */
  readonly published?: { readonly address: string; readonly port: number };
  /**
   * Whether it runs on this machine's own network, where it can check loopback addresses. It can't leave that.
   *
   * @default false
   */
  readonly onMachine?: boolean;
  /** @default CHALLENGE_PORT */
  readonly challengePort?: number;
  /** @default false */
  readonly externalAccountRequired?: boolean;
}

/** Where both programs listen. */
interface Listening {
  readonly directory: string;
  readonly management: string;
  readonly dns: string;
  readonly records: string;
}

/** Free ports of this machine, or those of a container that has all for itself. */
async function listening({ published, onMachine }: PebbleOptions): Promise<Listening> {
  if (!onMachine || !published) {
    const [directory, management] = ["0.0.0.0:14000", "0.0.0.0:15000"];
    return { directory, management, dns: "127.0.0.1:8053", records: "0.0.0.0:8055" };
  }
  const { address, port } = published;
  const [management = 0, dns = 0, records = 0] = await freePorts(3);
  return {
    directory: `${address}:${port}`,
    management: `127.0.0.1:${management}`,
    dns: `127.0.0.1:${dns}`,
    records: `${address}:${records}`,
  };
}

/** Both programs in one container on the sandbox's network. */
export class Pebble {
  readonly directory: string;
  /** PEM: what verifies the directory's TLS. */
  readonly authorities: string;
  readonly #sandbox: Sandbox;
  readonly #host: string;
  /** What its certificate is for. */
  readonly #name: string;
  readonly #folder: string;
  /** On this machine's network: where it listens there. */
  readonly #listening: Listening | undefined;

  private constructor(
    sandbox: Sandbox,
    {
      host,
      place,
      listening,
    }: { readonly host: string; readonly place: string; readonly listening: Listening | undefined },
    authorities: string,
    folder: string,
  ) {
    this.#sandbox = sandbox;
    this.#host = host;
    this.#name = place.split(":")[0] ?? host;
    this.directory = `https://${place}/dir`;
    this.authorities = authorities;
    this.#folder = folder;
    this.#listening = listening;
  }

  get #container(): string {
    return `${this.#sandbox.id}-${this.#host}`;
  }

  static async start(sandbox: Sandbox, options: PebbleOptions): Promise<Pebble> {
    const { host = "pebble", published, onMachine = false } = options;
    const listens = await listening(options);
    const place = published ? `${published.address}:${published.port}` : `${host}:14000`;
    const programs = await build();
    const authority = await makeAuthority("the directory's TLS");
    const server = await issue(authority, published?.address ?? host, { usage: "server" });
    const folder = await mkdtemp(join(dirname(programs), "run-"));
    const files = {
      "cert.pem": server.certificate,
      "key.pem": server.privateKey,
      "pebble.json": JSON.stringify({ pebble: configuration(options, listens) }),
    };
    await chmod(folder, 0o755);
    for (const [name, content] of Object.entries(files)) {
      await writeFile(join(folder, name), content, { mode: 0o644 });
    }
    const pebble = new Pebble(
      sandbox,
      { host, place, listening: onMachine ? listens : undefined },
      authority.certificate,
      folder,
    );
    const script =
      `/programs/pebble-challtestsrv -defaultIPv6 "" -defaultIPv4 ${options.address} -dnsserver ${listens.dns} ` +
      `-management ${listens.records} -http01 "" -https01 "" -tlsalpn01 "" -doh "" & ` +
      `exec /programs/pebble -strict -config /etc/pebble/pebble.json -dnsserver ${listens.dns}`;
    await sandbox.docker(
      ...["run", "--detach", `--name=${pebble.#container}`, `--label=${sandbox.id}`],
      ...(onMachine ? ["--network=host"] : on(sandbox.id, host, published)),
      "--user=65532:65532",
      // Not to wait before a challenge, and to try each anew.
      // Without the last, Pebble refuses one nonce in twenty, and certbot gives up after the second.
      ...["--env=PEBBLE_VA_NOSLEEP=1", "--env=PEBBLE_AUTHZREUSE=0"],
      "--env=PEBBLE_WFE_NONCEREJECT=0",
      ...[`--volume=${programs}:/programs:ro`, `--volume=${folder}:/etc/pebble:ro`],
      ...["--entrypoint=sh", "cybexp-demo/certbot:1", "-c", script],
    );
    await pebble.#answers();
    return pebble;
  }

  /** Where challtestsrv takes records, if it is published: an address and a port. */
  async management(): Promise<string> {
    return this.#listening?.records ?? this.#at(8055);
  }

  /** Where a port of its container is published. */
  async #at(port: number): Promise<string> {
    return (await this.#sandbox.docker("port", this.#container, `${port}`)).split("\n")[0] ?? "";
  }

  async close(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Takes it off the network: it can't be reached, and forgets nothing. */
  async leave(): Promise<void> {
    await this.#sandbox.docker("network", "disconnect", this.#sandbox.id, this.#container);
  }

  async comeBack(): Promise<void> {
    const alias = `--alias=${this.#host}`;
    await this.#sandbox.docker("network", "connect", alias, this.#sandbox.id, this.#container);
  }

  async log(): Promise<string> {
    return (await this.#sandbox.tryDocker("logs", this.#container)).output;
  }

  /** PEM: the root that it issues from. */
  async root(): Promise<string> {
    return this.#call("GET", "/roots/0");
  }

  /** Makes it tell when a certificate should be renewed. */
  async wish(certificate: string, start: Date, end: Date): Promise<void> {
    const window = { start: start.toISOString(), end: end.toISOString() };
    const ARIResponse = JSON.stringify({ suggestedWindow: window });
    await this.#call("POST", "/set-renewal-info/", { certificate, ARIResponse });
  }

  async #answers(): Promise<void> {
    const end = performance.now() + 10_000;
    while (!(await this.root().catch(() => ""))) {
      if (performance.now() > end) {
        throw new Error(`Pebble does not answer: ${await this.log()}`);
      }
      await sleep(50);
    }
  }

  async #call(method: string, path: string, body?: object): Promise<string> {
    const address = this.#listening?.management ?? (await this.#at(15000));
    const { port } = new URL(`http://${address}`);
    const headers = { "User-Agent": "cybexp-test" };
    const options = {
      method,
      headers,
      ca: this.authorities,
      timeout: 5000,
      checkServerIdentity: (_: string, certificate: PeerCertificate) =>
        checkServerIdentity(this.#name, certificate),
    };
    return new Promise((resolve, reject) => {
      const call = request(`https://127.0.0.1:${port}${path}`, options, (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (part: string) => (text += part));
        answer.on("end", () =>
          answer.statusCode === 200 ? resolve(text) : reject(new Error(`${path}: ${text}`)),
        );
      });
      call.on("error", reject).end(body && JSON.stringify(body));
    });
  }
}

/** Docker's arguments for who has a name on a network, and ports on this machine. */
const on = (network: string, host: string, published: PebbleOptions["published"]) => [
  ...[`--network=${network}`, `--network-alias=${host}`, "--publish=127.0.0.1::15000"],
  // challtestsrv's management, too, for a program that sets records.
  ...(published
    ? [
        `--publish=${published.address}:${published.port}:14000`,
        `--publish=${published.address}::8055`,
      ]
    : []),
];

function configuration(
  { externalAccountRequired = false, challengePort = CHALLENGE_PORT }: PebbleOptions,
  { directory, management }: Listening,
) {
  return {
    listenAddress: directory,
    managementListenAddress: management,
    certificate: "/etc/pebble/cert.pem",
    privateKey: "/etc/pebble/key.pem",
    httpPort: challengePort,
    tlsPort: 5001,
    ocspResponderURL: "",
    externalAccountBindingRequired: externalAccountRequired,
    externalAccountMACKeys: { [EXTERNAL_ACCOUNT.keyId]: EXTERNAL_ACCOUNT.hmacKey },
    domainBlocklist: ["blocked.test"],
    retryAfter: { authz: 1, order: 1 },
    keyAlgorithm: "ecdsa",
    profiles: Object.fromEntries(
      Object.entries(PROFILES).map(([name, validityPeriod]) => [
        name,
        { description: name, validityPeriod },
      ]),
    ),
  };
}
