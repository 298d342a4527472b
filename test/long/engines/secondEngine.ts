import { execa } from "execa";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startDaemon } from "../../../machine/engine/daemon.ts";
import { UserError } from "../../../programs/errors.ts";

const PROGRAMS = ["dockerd", "unshare", "nsenter", "ip"];

/** Loopback is there in a new network namespace, and down. */
const LOOPBACK_THEN = ["sh", "-c", 'ip link set lo up && exec "$@"', "sh"];

/** How long its containers may take to stop. */
const STOP_MS = 30_000;

/**
 * A second Docker engine on this machine, with its own socket and data. It is in network and mount
 * namespaces of its own: two engines in one would write into each other's firewall rules, and its
 * bridges, published ports and mounts are gone when it ends.
 */
export class SecondEngine {
  /** For `docker:host`. */
  readonly host: string;
  readonly #folder: string;
  readonly #pid: number;

  private constructor(folder: string, pid: number) {
    this.host = hostIn(folder);
    this.#folder = folder;
    this.#pid = pid;
  }

  /** @throws UserError Where no second engine can be had, with what it takes. */
  static async start(): Promise<SecondEngine> {
    const lacking = PROGRAMS.filter((name) => spawnSync(name, ["--version"]).error !== undefined);
    if (process.platform !== "linux" || process.getuid?.() !== 0 || lacking.length > 0) {
      const without = lacking.length > 0 ? `; there is no ${lacking.join(", no ")} here` : "";
      throw new UserError(
        `A second Docker engine takes Linux, root, and the programs ${PROGRAMS.join(", ")}${without}.`,
      );
    }
    // Not in /tmp, which may be memory.
    const folder = mkdtempSync("/var/tmp/cybexp-engine-");
    const pidFile = join(folder, "pid");
    try {
      await startDaemon(() => answers(hostIn(folder)), {
        systemd: false,
        log: join(folder, "log"),
        command: ["unshare", "--net", "--mount", ...LOOPBACK_THEN, "dockerd"],
        args: [
          `--host=${hostIn(folder)}`,
          `--data-root=${join(folder, "data")}`,
          `--exec-root=${join(folder, "exec")}`,
          `--pidfile=${pidFile}`,
          // Where a containerd of the machine's own runs, both engines use it.
          "--containerd-namespace=cybexp-test",
          "--containerd-plugins-namespace=cybexp-test-plugins",
        ],
      });
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
    return new SecondEngine(folder, Number(readFileSync(pidFile, "utf8")));
  }

  /** Copies images of the default engine into this one. */
  async load(images: readonly string[]): Promise<void> {
    await execa("docker", ["save", ...images], { buffer: false }).pipe("docker", ["load"], {
      env: { DOCKER_HOST: this.host },
    });
  }

  /** Runs a program in its network, where its ports are published; gives all that it printed. */
  async inside(
    program: string,
    args: readonly string[],
    env: Readonly<Record<string, string>>,
  ): Promise<{ code: number; output: string }> {
    const words = ["--target", String(this.#pid), "--net", program, ...args];
    const { exitCode, all } = await execa("nsenter", words, { env, all: true, reject: false });
    return { code: exitCode ?? 1, output: all };
  }

  /** Stops it with its containers, and removes its data. */
  async stop(): Promise<void> {
    process.kill(this.#pid);
    for (const end = Date.now() + STOP_MS; isAlive(this.#pid); await sleep(200)) {
      if (Date.now() > end) {
        process.kill(this.#pid, "SIGKILL");
      }
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function hostIn(folder: string): string {
  return `unix://${join(folder, "docker.sock")}`;
}

async function answers(host: string): Promise<boolean> {
  const { failed } = await execa("docker", ["version"], {
    ...{ env: { DOCKER_HOST: host }, stdin: "ignore", timeout: 5000, reject: false },
  });
  return !failed;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
