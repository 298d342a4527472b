/** An image registry of the test's own, on a loopback port: Debian's docker-registry. */
import { execa } from "execa";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePorts } from "../integration/project.ts";

/** Who gets in where a login is asked for: a password for nothing but this. */
export const REGISTRY_LOGIN = { user: "reader", password: "open-sesame-of-the-test" };

/** Of that password, by bcrypt: the only kind that the registry takes. */
const HASH = "$2b$04$g.giWK5GN7j7Q08nIvyjrep.Aafl4lHDJ4VP8Jz4iwNbxhpSaANfO";

export class TestRegistry {
  /** As in CYBEXP_REGISTRY. */
  readonly address: string;
  readonly #process: ChildProcess;
  readonly #folder: string;

  private constructor(address: string, process: ChildProcess, folder: string) {
    this.address = address;
    this.#process = process;
    this.#folder = folder;
  }

  /** @param login Whether it lets only `REGISTRY_LOGIN` in. */
  static async start({ login = false } = {}): Promise<TestRegistry> {
    const folder = await mkdtemp(join(tmpdir(), "registry-"));
    const [port = 0] = await freePorts(1);
    const address = `127.0.0.1:${port}`;
    const config = join(folder, "config.yml");
    await writeFile(
      config,
      `version: 0.1\nlog: { level: error }\nhttp: { addr: "${address}" }\n` +
        `storage: { filesystem: { rootdirectory: "${folder}/data" } }\n` +
        (login ? `auth: { htpasswd: { realm: test, path: "${folder}/htpasswd" } }\n` : ""),
    );
    await writeFile(join(folder, "htpasswd"), `${REGISTRY_LOGIN.user}:${HASH}\n`);
    const process = spawn(await program(folder), ["serve", config], { stdio: "ignore" });
    for (let tries = 0; tries < 100; tries++) {
      const answer = await fetch(`http://${address}/v2/`).catch(() => undefined);
      if (answer?.ok || answer?.status === 401) {
        return new TestRegistry(address, process, folder);
      }
      await sleep(100);
    }
    process.kill();
    throw new Error(`the registry at ${address} does not answer`);
  }

  async stop(): Promise<void> {
    const exit = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.kill();
    await exit;
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** The program alone, from its package: installing that would start it as a service. */
async function program(folder: string): Promise<string> {
  const installed = await execa("which", ["docker-registry"], { reject: false });
  if (!installed.failed) {
    return installed.stdout;
  }
  const download = () =>
    execa("apt-get", ["download", "-o", "APT::Sandbox::User=root", "docker-registry"], {
      cwd: folder,
    });
  // A fresh machine has no package lists yet.
  await download().catch(async () => {
    await execa("apt-get", ["update"]);
    await download();
  });
  await execa("sh", ["-c", "dpkg -x docker-registry_*.deb program"], { cwd: folder });
  return join(folder, "program", "usr", "bin", "docker-registry");
}
