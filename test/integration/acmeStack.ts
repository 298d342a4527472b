/** A stack whose certificates come from Pebble, an ACME server on the test's engine. */
import { X509Certificate } from "node:crypto";
import { connect } from "node:tls";
import { setTimeout as sleep } from "node:timers/promises";
import { type AcmeStatus } from "../../render/acmeInput.ts";
import { Pebble, type PebbleOptions, type PROFILES } from "../acme/pebble.ts";
import { Sandbox } from "../images/sandbox.ts";
import { docker, freePorts, Project, type StackConfig } from "./project.ts";

export type Profile = keyof typeof PROFILES;

export class AcmeStack {
  readonly sandbox: Sandbox;
  readonly pebble: Pebble;
  readonly project: Project;
  /** Where the stack answers HTTP-01. */
  readonly httpPort: number;

  private constructor(sandbox: Sandbox, pebble: Pebble, project: Project, httpPort: number) {
    this.sandbox = sandbox;
    this.pebble = pebble;
    this.project = project;
    this.httpPort = httpPort;
  }

  /** Nothing of the stack is deployed yet. */
  static async create(options: Partial<PebbleOptions> = {}): Promise<AcmeStack> {
    const sandbox = await Sandbox.open();
    // An address of this machine's that containers on every network reach.
    const address = await sandbox.docker(
      ...["network", "inspect", "--format={{(index .IPAM.Config 0).Gateway}}", sandbox.id],
    );
    const [port = 0, httpPort = 0] = await freePorts(2);
    const pebble = await Pebble.start(sandbox, {
      ...{ address, published: { address, port }, challengePort: httpPort },
      ...options,
    });
    const project = await Project.create();
    const stack = new AcmeStack(sandbox, pebble, project, httpPort);
    const root = await pebble.root();
    project.configure((config) => {
      Object.assign(config["cybexp:proxy"] as object, {
        // Pebble calls the port for HTTP-01 at another address than the clients theirs.
        address: "0.0.0.0",
        serverName: "cybexp.test.example",
        serverNames: ["localhost.example"],
      });
      config["cybexp:certificates"] = {
        source: "acme",
        authorities: root,
        acme: {
          image: "cybexp-demo/certbot:1",
          directory: pebble.directory,
          directoryCa: pebble.authorities,
          email: "security@example.edu",
          profile: "long",
          httpPort,
        },
      };
    });
    const names = ["cybexp.test.example", "localhost.example", "later.test.example"];
    const hosts = Object.fromEntries(names.map((name) => [name, "127.0.0.1"]));
    project.env = { CYBEXP_REHEARSAL_HOSTS: JSON.stringify(hosts) };
    return stack;
  }

  async remove(): Promise<void> {
    await this.project.remove();
    await this.pebble.close();
    await this.sandbox.close();
  }

  /** Edits the keys of `certificates` and its part `acme`. */
  configure(edit: (certificates: StackConfig, acme: StackConfig, config: StackConfig) => void) {
    this.project.configure((config) => {
      const certificates = config["cybexp:certificates"] as StackConfig;
      edit(certificates, certificates["acme"] as StackConfig, config);
    });
  }

  /** Runs `npm run up`, which is to succeed. */
  async up(): Promise<string> {
    const { code, output } = await this.project.npm("up");
    if (code !== 0) {
      throw new Error(output);
    }
    return output;
  }

  /** A container's name, by its role. */
  container(role: string): string {
    return `cybexp-${this.project.stack}-${role}`;
  }

  id(role: string): string {
    return docker("inspect", "--format={{.Id}} {{.RestartCount}}", this.container(role));
  }

  /** What a caller is shown at the KMS's door. */
  shown(servername = "cybexp.test.example"): Promise<X509Certificate> {
    return new Promise((resolve, reject) => {
      const socket = connect(
        { host: "127.0.0.1", port: this.project.ports.kms, servername, rejectUnauthorized: false },
        () => {
          const { raw } = socket.getPeerCertificate();
          socket.destroy();
          resolve(new X509Certificate(raw));
        },
      );
      socket.on("error", reject);
      socket.setTimeout(10_000, () => socket.destroy(new Error("no handshake in 10 s")));
    });
  }

  status(server = "proxy"): AcmeStatus {
    const path = `/acme/served/${server}/status.json`;
    return JSON.parse(docker("exec", this.container("acme"), "cat", path)) as AcmeStatus;
  }

  /** How many accounts certbot has. */
  accounts(): number {
    const script = "ls -d /acme/state/accounts/*/dir/* | wc -l";
    return Number(docker("exec", this.container("acme"), "sh", "-c", script));
  }
}

/** They call challtestsrv's management, beside Pebble, at an address and a port. */
export const dnsPrograms = (address: string) => ({
  setRecord: dnsProgram(address, "set-txt"),
  removeRecord: dnsProgram(address, "clear-txt"),
});

const dnsProgram = (address: string, path: string) => `#!/usr/bin/python3
import json, os, urllib.request
host = "_acme-challenge.%s." % os.environ["CERTBOT_DOMAIN"]
body = {"host": host, "value": os.environ["CERTBOT_VALIDATION"]}
urllib.request.urlopen("http://${address}/${path}", json.dumps(body).encode(), 10)
`;

/** Waits until something is so. */
export async function until<T>(
  what: string,
  look: () => T | undefined | Promise<T | undefined>,
  seconds = 60,
): Promise<T> {
  const end = performance.now() + seconds * 1000;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) {
      return found;
    }
    if (performance.now() > end) {
      throw new Error(`not within ${seconds} s: ${what}`);
    }
    await sleep(200);
  }
}
