/** The one stack that all tests of deployed.test.ts look at, and what they have heard of it. */
import assert from "node:assert/strict";
import { call, type Answer, type Call, type ClientKey, type Credential } from "../client.ts";
import type { Project } from "../project.ts";
import { docker, type Result } from "../project.ts";
import { type ExportedState, ProcessWatch, reveal, secretsOf } from "../secrets.ts";

export const ROLES = ["backend", "backend-db", "kms", "kms-db", "proxy"] as const;
export type Role = (typeof ROLES)[number];
export type Door = "kms" | "backend";

export interface Outputs {
  readonly kmsUrl: string;
  readonly backendUrl: string;
  readonly kapowUrl?: string;
  readonly serverCa: string;
  readonly clientCa: string;
  /** Without a key where the certificate was made from a request. */
  readonly clients: Readonly<
    Record<string, { readonly certificate: string; readonly privateKey?: string }>
  >;
  readonly users: Readonly<Record<string, Credential>>;
  readonly moduleConfig: Readonly<Record<string, string>>;
  readonly certificates: Readonly<
    Record<
      string,
      {
        readonly kind: string;
        readonly source: string;
        readonly notAfter?: string;
        readonly days?: number;
      }
    >
  >;
}

/** What the tests need of `docker container inspect`. */
export interface Container {
  readonly Id: string;
  readonly Name: string;
  readonly Image: string;
  readonly State: { readonly StartedAt: string; readonly Health?: { readonly Status: string } };
  readonly Config: {
    readonly User: string;
    readonly Labels: Readonly<Record<string, string>>;
  };
  readonly HostConfig: {
    readonly ReadonlyRootfs: boolean;
    readonly Privileged: boolean;
    readonly CapDrop: readonly string[] | null;
    readonly CapAdd: readonly string[] | null;
    readonly SecurityOpt: readonly string[] | null;
    readonly Memory: number;
    readonly MemorySwap: number;
    readonly NanoCpus: number;
    readonly PidsLimit: number | null;
    readonly LogConfig: { readonly Type: string; readonly Config: Record<string, string> };
    readonly RestartPolicy: { readonly Name: string };
    readonly PortBindings: Readonly<
      Record<string, readonly { HostIp: string; HostPort: string }[]>
    > | null;
  };
  readonly NetworkSettings: {
    readonly Networks: Readonly<Record<string, { readonly IPAddress: string }>>;
  };
}

export class Deployed {
  readonly project: Project;
  /** Everything that any command has printed: it goes into the search for secrets. */
  readonly heard: [name: string, text: string][] = [];
  /** Every secret that the stack has or had. */
  readonly secrets = new Map<string, string>();
  readonly watch = new ProcessWatch();
  #outputs: Outputs | undefined;

  constructor(project: Project) {
    this.project = project;
  }

  /** Runs `npm run NAME -- ARGS`. */
  async npm(name: string, ...args: string[]): Promise<Result> {
    const result = await this.project.npm(name, ...args);
    this.heard.push([`the output of npm run ${name} ${args.join(" ")}`, result.output]);
    return result;
  }

  /** Runs `npm run up`, which has to succeed, and reads what it made. */
  async up(): Promise<Result> {
    const result = await this.npm("up");
    assert.equal(result.code, 0, result.output);
    await this.load();
    return result;
  }

  /** Reads state and outputs anew. */
  async load(): Promise<void> {
    const exported = await this.project.pulumi("stack", "export", "--show-secrets");
    assert.equal(exported.code, 0, exported.output);
    const state = JSON.parse(exported.stdout) as ExportedState;
    const root = state.deployment.resources.find(({ type }) => type === "pulumi:pulumi:Stack");
    this.#outputs = Object.fromEntries(
      Object.entries(root?.outputs ?? {}).map(([key, value]) => [key, reveal(value)]),
    ) as unknown as Outputs;
    for (const [name, value] of secretsOf(state)) {
      this.#remember(name, value);
    }
    for (const [user, text] of Object.entries(this.#outputs.moduleConfig)) {
      this.#remember(`the token of ${user}`, tokenIn(text));
    }
  }

  /** A rotated secret gets a name of its own. */
  #remember(name: string, value: string): void {
    if (this.secrets.has(name) && this.secrets.get(name) !== value) {
      this.#remember(`${name}'`, value);
    } else {
      this.secrets.set(name, value);
    }
  }

  get outputs(): Outputs {
    assert.ok(this.#outputs, "the stack is deployed");
    return this.#outputs;
  }

  url(door: Door): string {
    return door === "kms" ? this.outputs.kmsUrl : this.outputs.backendUrl;
  }

  user(name: string): Credential {
    const found = this.outputs.users[name];
    assert.ok(found, `there is a user ${name}`);
    return found;
  }

  /** What a client presents, whose key the stack made. */
  client(name: string): ClientKey {
    const { certificate, privateKey } = this.outputs.clients[name] ?? {};
    assert.ok(certificate !== undefined && privateKey !== undefined, `there is a client ${name}`);
    return { certificate, privateKey };
  }

  /** The KMS's token of a user, out of that user's module configuration. */
  token(user: string): string {
    return tokenIn(this.outputs.moduleConfig[user] ?? "");
  }

  /** A call through the proxy, with a good password unless another one is given. */
  call(door: Door, path: string, options: Call = {}): Promise<Answer> {
    return call(`${this.url(door)}${path}`, {
      ca: this.outputs.serverCa,
      credential: this.user("collector"),
      ...options,
    });
  }

  /** The KMS's stored key, as a module fetches it. */
  async kmsKey(): Promise<string> {
    const answer = await this.call("kms", "/get/key/de", {
      headers: { "X-Authorization": `Bearer ${this.token("collector")}` },
    });
    assert.equal(answer.status, 200, answer.text);
    return answer.text;
  }

  containers(): Record<Role, Container> {
    const ids = docker("ps", "-aq", "--filter", `label=cybexp.stack=${this.project.stack}`);
    const list = JSON.parse(
      docker("container", "inspect", ...ids.split("\n").filter(Boolean)),
    ) as Container[];
    return Object.fromEntries(
      list.map((container): [string, Container] => [
        container.Config.Labels["cybexp.role"] ?? container.Name,
        container,
      ]),
    ) as Record<Role, Container>;
  }

  network(part: string): string {
    return `cybexp-${this.project.stack}-${part}`;
  }
}

function tokenIn(moduleConfig: string): string {
  const token = /^kms_access_key: "?([\w.-]+)/m.exec(moduleConfig)?.[1];
  assert.ok(token, "a module's configuration has a token");
  return token;
}

/** Which container it is, and since when it runs: the same for one that was left alone. */
export function run({ Id, State }: Container): string {
  return `${Id} since ${State.StartedAt}`;
}
