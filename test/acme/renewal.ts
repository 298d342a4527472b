/** The container that renews certificates, hardened as in a deployment, with an ACME server and a web server. */
import assert from "node:assert/strict";
import { execa } from "execa";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { tar } from "../../programs/docker/archive.ts";
import { acmeCommand, acmeFiles, acmeHealthCheck } from "../../render/acme.ts";
import type { AcmeChallenge, AcmeInput, AcmeServer, AcmeStatus } from "../../render/acmeInput.ts";
import { ACME_OWNER, ACME_PATHS } from "../../render/acmePaths.ts";
import { releaseDigest, releaseEntries } from "../../render/release.ts";
import { HARDENING, Sandbox } from "../images/sandbox.ts";
import { CHALLENGE_PORT, Pebble, type PebbleOptions, type PROFILES } from "./pebble.ts";

const IMAGE = "cybexp-demo/certbot:1";

/** They make the record at challtestsrv, and remove it. The first may take its time or fail. */
export const dnsHook = (before = ":") => ({
  setRecord: dnsProgram("set-txt", before),
  removeRecord: dnsProgram("clear-txt", ":"),
});

const dnsProgram = (path: string, before: string) => `#!/bin/sh
set -e
${before}
exec python3 - <<'EOF'
import json, os, urllib.request
host = "_acme-challenge.%s." % os.environ["CERTBOT_DOMAIN"]
body = {"host": host, "value": os.environ["CERTBOT_VALIDATION"]}
urllib.request.urlopen("http://pebble:8055/${path}", json.dumps(body).encode(), 10)
EOF
`;

export interface Wish {
  readonly names?: readonly string[];
  readonly generation?: number;
  readonly profile?: keyof typeof PROFILES | "absent";
  readonly challenge?: AcmeChallenge;
  readonly more?: Partial<AcmeInput>;
  readonly pebble?: Pebble;
  /** @default the demo image of certbot */
  readonly image?: string;
  /** @default one, the proxy */
  readonly servers?: readonly AcmeServer[];
}

/** What a server finds: the two files that `current.conf` names. */
export interface Served {
  readonly version: string;
  readonly certificate: X509Certificate;
  /** PEM. */
  readonly fullchain: string;
  readonly privateKey: string;
}

/** Everything around the containers under test. */
export class World {
  readonly sandbox: Sandbox;
  readonly pebble: Pebble;
  /** What HTTP-01's files are in; a web server shows it. */
  readonly challenges: string;
  /** Of the web server. */
  readonly address: string;
  readonly #others: Pebble[] = [];

  private constructor(sandbox: Sandbox, pebble: Pebble, challenges: string, address: string) {
    this.sandbox = sandbox;
    this.pebble = pebble;
    this.challenges = challenges;
    this.address = address;
  }

  static async open(): Promise<World> {
    const sandbox = await Sandbox.open();
    const challenges = await sandbox.ownVolume(ACME_OWNER);
    const web = await sandbox.run(IMAGE, {
      user: ACME_OWNER,
      volumes: { "/webroot": challenges },
      entrypoint: "python3",
      command: ["-m", "http.server", "--directory=/webroot", `${CHALLENGE_PORT}`],
    });
    const address = await web.inspect<string>(
      `(index .NetworkSettings.Networks "${sandbox.id}").IPAddress`,
    );
    const pebble = await Pebble.start(sandbox, { address });
    return new World(sandbox, pebble, challenges, address);
  }

  /** Another ACME server, for a test that does something to it. */
  async ownPebble(host: string, options: Partial<PebbleOptions> = {}): Promise<Pebble> {
    const pebble = await Pebble.start(this.sandbox, { address: this.address, host, ...options });
    this.#others.push(pebble);
    return pebble;
  }

  async close(): Promise<void> {
    await this.sandbox.close();
    await Promise.all([this.pebble, ...this.#others].map((pebble) => pebble.close()));
  }
}

/** One deployment of the container: its volumes outlive it. */
export class Renewal {
  readonly #world: World;
  readonly #volumes: Readonly<Record<"config" | "state" | "proxy" | "kapow", string>>;
  #wish: Wish;
  #count = 0;
  container = "";

  private constructor(world: World, volumes: Renewal["volumes"], wish: Wish) {
    this.#world = world;
    this.#volumes = volumes;
    this.#wish = wish;
  }

  get volumes() {
    return this.#volumes;
  }

  static async prepare(world: World, wish: Wish): Promise<Renewal> {
    const own = () => world.sandbox.ownVolume(ACME_OWNER);
    const volumes = {
      config: await world.sandbox.volume(),
      state: await own(),
      proxy: await own(),
      kapow: await own(),
    };
    const renewal = new Renewal(world, volumes, wish);
    // For a server of another user, see ACME_PATHS.
    await renewal.asRoot("chown 101:65532 /acme/served/kapow; chmod 2750 /acme/served/kapow");
    await renewal.deliver(wish);
    return renewal;
  }

  static async start(world: World, wish: Wish): Promise<Renewal> {
    const renewal = await Renewal.prepare(world, wish);
    await renewal.create();
    return renewal;
  }

  input(wish: Wish): AcmeInput {
    const { pebble = this.#world.pebble } = wish;
    return {
      directory: pebble.directory,
      authorities: pebble.authorities,
      profile: { name: wish.profile ?? "long", required: true },
      challenge: wish.challenge ?? { kind: "http" },
      servers: wish.servers ?? [
        { name: "proxy", names: wish.names ?? ["a.test"], generation: wish.generation ?? 1 },
      ],
      ...wish.more,
    };
  }

  /** Puts a release into the volume and switches to it, as programs/release/deliver.ts does. */
  async deliver(change: Wish): Promise<string> {
    this.#wish = { ...this.#wish, ...change };
    const files = acmeFiles(this.input(this.#wish));
    const digest = releaseDigest(files);
    const [uid = 0, gid = 0] = ACME_OWNER.split(":").map(Number);
    const archive = await tar(releaseEntries(files, { uid, gid, prefix: `releases/${digest}` }));
    const script = `tar -xf - -C /config; ln -sfn releases/${digest} /config/next; mv -T /config/next /config/current`;
    await this.asRoot(script, archive);
    return digest;
  }

  /** Creates and starts a container on the volumes. */
  async create(): Promise<void> {
    const { sandbox, challenges } = this.#world;
    const { config, state, proxy, kapow } = this.#volumes;
    this.container = `${config}-acme-${this.#count++}`;
    const [entrypoint = "", ...command] = acmeCommand();
    await sandbox.docker(
      ...["run", "--detach", `--name=${this.container}`, `--label=${sandbox.id}`, ...HARDENING],
      ...[`--user=${ACME_OWNER}`, `--network=${sandbox.id}`],
      `--volume=${config}:${ACME_PATHS.config}:ro`,
      `--volume=${state}:${ACME_PATHS.state}`,
      `--volume=${proxy}:${ACME_PATHS.served}/proxy`,
      `--volume=${kapow}:${ACME_PATHS.served}/kapow`,
      `--volume=${challenges}:${ACME_PATHS.challenge}`,
      ...[`--entrypoint=${entrypoint}`, this.#wish.image ?? IMAGE, ...command],
    );
  }

  async remove(): Promise<void> {
    await this.#world.sandbox.docker("rm", "--force", this.container);
  }

  /** Runs a script on the volumes, mounted where the container has them. */
  async asRoot(script: string, input: Uint8Array = new Uint8Array()): Promise<string> {
    return this.#onVolumes("0:0", script, input);
  }

  async #onVolumes(user: string, script: string, input: Uint8Array): Promise<string> {
    const { config, state, proxy, kapow } = this.#volumes;
    const { stdout } = await execa(
      "docker",
      [
        ...["run", "--rm", "--interactive", "--network=none", `--user=${user}`],
        `--volume=${config}:${ACME_PATHS.config}`,
        `--volume=${state}:${ACME_PATHS.state}`,
        `--volume=${proxy}:${ACME_PATHS.served}/proxy`,
        `--volume=${kapow}:${ACME_PATHS.served}/kapow`,
        ...["--entrypoint=sh", IMAGE, "-ec", script],
      ],
      { env: this.#world.sandbox.env, input },
    );
    return stdout;
  }

  exec(...command: string[]): Promise<{ code: number; output: string }> {
    return this.#world.sandbox.tryDocker("exec", this.container, ...command);
  }

  /**
   * The files that a server has at this moment, read as its own user, the volume where it mounts it. Both pairs
   * are whole, the one that Nginx is told of and the one behind the link.
   */
  async served(server: "proxy" | "kapow" = "proxy"): Promise<Served> {
    const user = server === "proxy" ? ACME_OWNER : "65532:65532";
    const script = `
      cd /acme; cat current.conf; echo @@@
      version=$(sed -n 's,^ssl_certificate /acme/\\([^/]*\\)/.*,\\1,p' current.conf)
      printf %s "$version"; echo @@@
      cat $version/fullchain.pem; echo @@@; cat $version/privkey.pem; echo @@@
      cd -P current; cat fullchain.pem; echo @@@; cat privkey.pem`;
    const output = await this.#world.sandbox.docker(
      ...["run", "--rm", "--network=none", `--user=${user}`, "--cap-drop=ALL"],
      `--volume=${this.#volumes[server]}:/acme:ro`,
      ...["--entrypoint=sh", IMAGE, "-ec", script],
    );
    const [conf = "", version = "", fullchain = "", privateKey = "", ...linked] =
      output.split("@@@\n");
    const certificate = new X509Certificate(fullchain);
    assert.ok(certificate.checkPrivateKey(createPrivateKey(privateKey)), "another's key");
    assert.equal(
      conf,
      `ssl_certificate /acme/${version}/fullchain.pem;\nssl_certificate_key /acme/${version}/privkey.pem;\n` +
        `map "" $certificate_in_use {\n    default "${version}";\n}\n`,
    );
    const other = new X509Certificate(linked[0] ?? "");
    assert.ok(
      other.checkPrivateKey(createPrivateKey(linked[1] ?? "")),
      "another's key by the link",
    );
    return { version, certificate, fullchain, privateKey };
  }

  async status(server: "proxy" | "kapow" = "proxy"): Promise<AcmeStatus> {
    const { output } = await this.exec("cat", `${ACME_PATHS.served}/${server}/status.json`);
    return JSON.parse(output) as AcmeStatus;
  }

  health(): Promise<{ code: number; output: string }> {
    return this.exec(...acmeHealthCheck());
  }

  async log(): Promise<string> {
    return (await this.#world.sandbox.tryDocker("logs", this.container)).output;
  }

  /** Waits until a test of the status holds. */
  async until(
    what: string,
    test: (status: AcmeStatus) => boolean,
    { server = "proxy", seconds = 60 }: { server?: "proxy" | "kapow"; seconds?: number } = {},
  ): Promise<AcmeStatus> {
    const end = performance.now() + seconds * 1000;
    for (;;) {
      const status = await this.status(server).catch(() => undefined);
      if (status && test(status)) {
        return status;
      }
      if (performance.now() > end) {
        throw new Error(`not ${what} within ${seconds} s: ${await this.log()}`);
      }
      await sleep(200);
    }
  }

  /** Waits for the first certificate that is as wished for. */
  async issued(server: "proxy" | "kapow" = "proxy"): Promise<Served> {
    await this.until("issued", ({ current, failures }) => current && failures === 0, { server });
    return this.served(server);
  }
}
