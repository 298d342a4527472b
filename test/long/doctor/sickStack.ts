/** A stack of every kind of part, and what its doctor says. */
import assert from "node:assert/strict";
import { readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { withMongo } from "../../../programs/database/mongo.ts";
import { AcmeStack, until } from "../../integration/acmeStack.ts";
import type { Credential } from "../../integration/client.ts";
import { type ExportedState, secretsOf } from "../../integration/secrets.ts";
import { docker, freePorts } from "../../integration/project.ts";

/** What is told of a look, beside what is as it should be. */
export interface Told {
  readonly code: number;
  /** Each as `error check: sentence`. */
  readonly found: readonly string[];
  /** Why it could not look. */
  readonly error: string | undefined;
  readonly seconds: number;
}

interface Json {
  readonly verdict: string;
  readonly findings: readonly { level: string; check: string; text: string }[];
  readonly error?: string;
}

/** What is said of an engine before Docker 28 is no fault of the stack's. */
const ABOUT_ENGINE = /^warning engine: before Docker 28,/;

export class SickStack {
  readonly acme: AcmeStack;
  /** Where its collector takes records. */
  readonly collectorPort: number;

  private constructor(acme: AcmeStack, collectorPort: number) {
    this.acme = acme;
    this.collectorPort = collectorPort;
  }

  /** Nothing of it is deployed yet. */
  static async create(): Promise<SickStack> {
    const acme = await AcmeStack.create();
    const [collectorPort = 0] = await freePorts(1);
    return new SickStack(acme, collectorPort);
  }

  /** Deploys it, and writes a backup. */
  async deploy(): Promise<void> {
    const { acme, collectorPort } = this;
    const { project } = acme;
    project.configure((config) => {
      config["cybexp:throwaway"] = false;
      config["cybexp:collector"] = [
        {
          image: "cybexp-demo/collector:1",
          user: "collector",
          bind: `127.0.0.1:${collectorPort}`,
          policy: { default: { abe_pol: "research" }, index: { exact: [{ match: "id" }] } },
        },
      ];
    });
    await acme.up();
    const set = ["config", "set", "--secret", "--path", "cybexp:backup.passphrase"];
    const { code, output } = await project.feed(
      "twenty letters or more of it",
      ...(["pulumi", ...set, "--stack", project.stack] as const),
    );
    assert.equal(code, 0, output);
    const backup = await project.npm("backup");
    assert.equal(backup.code, 0, backup.output);
  }

  get project() {
    return this.acme.project;
  }

  name(part: string): string {
    return this.acme.container(part);
  }

  /** `npm run NAME`, as the doctor's sentences have it. */
  run(command: string): string {
    return `\`STACK=${this.project.stack} npm run ${command}\``;
  }

  /** @param env What is else in the doctor's environment. */
  async look(env: Readonly<Record<string, string>> = {}, ...args: string[]): Promise<Told> {
    const before = this.project.env;
    const begin = performance.now();
    this.project.env = { ...before, ...env };
    try {
      const { code, stdout, output } = await this.project.npm("doctor", "--json", ...args);
      assert.match(stdout, /^\{/, output);
      const { findings, error } = JSON.parse(stdout) as Json;
      return {
        code,
        found: findings
          .filter(({ level }) => level !== "ok")
          .map(({ level, check, text }) => `${level} ${check}: ${text}`)
          .filter((line) => !ABOUT_ENGINE.test(line)),
        error,
        seconds: (performance.now() - begin) / 1000,
      };
    } finally {
      this.project.env = before;
    }
  }

  /** Waits until all of its containers run and are healthy. */
  async untilHealthy(): Promise<void> {
    const all = [
      "ps",
      "--all",
      `--filter=name=${this.name("")}`,
      "--format={{.Names}} {{.Status}}",
    ];
    await until(
      "healthy",
      () => {
        const lines = docker(...all).split("\n");
        return lines.every((line) => line.endsWith("(healthy)")) || undefined;
      },
      180,
    );
  }

  async restart(part: string): Promise<void> {
    docker("restart", "--time=10", this.name(part));
    await this.untilHealthy();
  }

  async outputs() {
    return (await this.project.outputs()) as {
      readonly serverCa: string;
      readonly users: Readonly<Record<string, Credential>>;
    };
  }

  /** Gives the KMS's user of its database another password. */
  async lockOutOfDatabase(): Promise<void> {
    const { stdout } = await this.project.pulumi("stack", "export", "--show-secrets");
    const password = secretsOf(JSON.parse(stdout) as ExportedState).get(
      "kms-db-admin-password-1.result",
    );
    const admin = { user: "admin", password: password ?? assert.fail("no password") };
    const database = { dockerHost: undefined, container: this.name("kms-db"), ...admin };
    await withMongo(database, (client) =>
      client.db("admin").command({ updateUser: "KMS_db-1", pwd: "another one, by hand" }),
    );
  }

  /** Makes its newest backup look as old as this. */
  ageBackup(days: number): () => void {
    const folder = join(this.project.dir, ".cybexp", "backups");
    const [name = assert.fail("no backup")] = readdirSync(folder);
    const time = new Date(Date.now() - days * 86_400_000);
    const stamp = time.toISOString().replace(/[-:]|\.\d+/g, "");
    const old = name.replace(/\d{8}T\d{6}Z/, stamp);
    assert.notEqual(old, name);
    renameSync(join(folder, name), join(folder, old));
    return () => renameSync(join(folder, old), join(folder, name));
  }

  async remove(): Promise<void> {
    await this.acme.remove();
  }
}
