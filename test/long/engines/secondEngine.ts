import { execa } from "execa";
import { spawnSync } from "node:child_process";
import { existsSync, globSync, mkdtempSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startDaemon } from "../../../machine/engine/daemon.ts";
import { hasApt, thisMachine } from "../../../machine/engine/machine.ts";
import { ensureMmdebstrap, mmdebstrap, type Suite } from "../../../machine/images/base.ts";
import { UserError } from "../../../programs/errors.ts";
import { step } from "../../../machine/progress.ts";

const PROGRAMS = ["unshare", "nsenter", "setpriv", "ip"];

/** Not in /tmp, which may be memory. */
const FOLDER = "/var/tmp/cybexp-engine-";

/** How long its containers may take to stop. */
const STOP_MS = 30_000;

/** How long the packages of a Debian of its own may take to come. */
const DEBIAN_MS = 600_000;

/** What an engine takes of a Debian of its own, beside what makes it a Debian. */
const PACKAGES = ["docker.io", "iptables", "iproute2", "ca-certificates"];

/**
 * $1 is the engine's folder; the rest is the daemon's call. Its process id, as others see it, is known
 * before there is a /proc of its own.
 */
const OWN_NETWORK = `
  read -r pid rest < /proc/self/stat
  echo "$pid" > "$1/pid"
  shift
  ip link set lo up
`;
const HERE = `set -e; ${OWN_NETWORK} mount -t proc proc /proc; exec "$@"`;

/**
 * The same in a root of its own. Not by chroot: runc, which does the same for each container, is refused
 * in one. The engine's folder has the same path in both.
 */
const IN_ITS_ROOT = `
  set -e
  folder=$1
  ${OWN_NETWORK}
  root="$folder/root"
  mount --bind "$root" "$root"
  mkdir -p "$root$folder" "$root/before"
  mount --bind "$folder" "$root$folder"
  mount -t proc proc "$root/proc"
  mount --rbind /sys "$root/sys"
  mount --rbind /dev "$root/dev"
  mount -t tmpfs tmpfs "$root/run"
  cd "$root"
  pivot_root . before
  umount -l /before
  export PATH=/usr/sbin:/usr/bin:/sbin:/bin
  exec "$@"
`;

export interface SecondEngineOptions {
  /** The Debian whose Docker it is, in a root of its own. @default this machine's own Docker */
  readonly debian?: Suite;
  /** Where in its network it listens for clients with a certificate, and the PEM files for that. */
  readonly tls?: {
    readonly port: number;
    readonly ca: string;
    readonly certificate: string;
    readonly key: string;
  };
}

/**
 * A second Docker engine on this machine, with its own socket and data. It is in namespaces of its own:
 * two engines in one network would write into each other's firewall rules, and its bridges, published
 * ports, mounts and processes are gone when it ends. It ends with this process, however that ends.
 */
export class SecondEngine {
  /** For `docker:host`. */
  readonly host: string;
  readonly #folder: string;

  private constructor(folder: string) {
    this.host = hostIn(folder);
    this.#folder = folder;
  }

  /** @throws UserError Where no second engine can be had, with what it takes. */
  static async start({ debian, tls }: SecondEngineOptions = {}): Promise<SecondEngine> {
    const programs = [...PROGRAMS, ...(debian === undefined ? ["dockerd"] : [])];
    const lacking = programs.filter((name) => spawnSync(name, ["--version"]).error !== undefined);
    const machine = thisMachine();
    if (machine.platform !== "linux" || !machine.root || lacking.length > 0) {
      const without = lacking.length > 0 ? `; there is no ${lacking.join(", no ")} here` : "";
      throw new UserError(
        `A second Docker engine takes Linux, root, and the programs ${programs.join(", ")}${without}.`,
      );
    }
    if (debian !== undefined && !hasApt(machine)) {
      throw new UserError(
        `A Docker engine of Debian ${debian} takes Debian or Ubuntu, where mmdebstrap is.`,
      );
    }
    // Those of runs that were killed.
    globSync(`${FOLDER}*`)
      .filter((folder) => isAlive(join(folder, "owner")) === false)
      .forEach(removeAll);
    const folder = mkdtempSync(FOLDER);
    writeFileSync(join(folder, "owner"), String(process.pid));
    const engine = new SecondEngine(folder);
    try {
      if (debian !== undefined) {
        await makeRoot(debian, join(folder, "root"));
      }
      await startDaemon(() => answers(engine.host), {
        systemd: false,
        log: join(folder, "log"),
        command: [
          "setpriv",
          ...[
            "--pdeathsig=KILL",
            "unshare",
            "--net",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child=KILL",
          ],
          ...["sh", "-c", debian === undefined ? HERE : IN_ITS_ROOT, "engine", folder, "dockerd"],
        ],
        args: [
          `--host=${engine.host}`,
          ...(tls
            ? [
                `--host=tcp://127.0.0.1:${tls.port}`,
                ...["--tlsverify", `--tlscacert=${tls.ca}`],
                ...[`--tlscert=${tls.certificate}`, `--tlskey=${tls.key}`],
              ]
            : []),
          `--data-root=${join(folder, "data")}`,
          `--exec-root=${join(folder, "exec")}`,
          `--pidfile=${join(folder, "docker.pid")}`,
          "--exec-opt=native.cgroupdriver=cgroupfs",
          `--cgroup-parent=/${basename(folder)}`,
          // Where a containerd of the machine's own runs, both engines use it.
          "--containerd-namespace=cybexp-test",
          "--containerd-plugins-namespace=cybexp-test-plugins",
        ],
      });
    } catch (error) {
      await engine.stop();
      throw error;
    }
    return engine;
  }

  /** Copies images of the default engine into this one. */
  async load(images: readonly string[]): Promise<void> {
    await execa("docker", ["save", ...images], { buffer: false }).pipe("docker", ["load"], {
      env: { DOCKER_HOST: this.host },
    });
  }

  /** Its version, as in "28.5.2". */
  async version(): Promise<string> {
    const { stdout } = await execa("docker", ["version", "--format={{.Server.Version}}"], {
      env: { DOCKER_HOST: this.host },
    });
    return stdout;
  }

  /** Runs a program in its network, where its ports are published; gives all that it printed. */
  async inside(
    program: string,
    args: readonly string[],
    env: Readonly<Record<string, string>>,
  ): Promise<{ code: number; output: string }> {
    const [enter, ...words] = this.entrance;
    const options = { env, all: true, reject: false } as const;
    const { exitCode, all } = await execa(enter, [...words, program, ...args], options);
    return { code: exitCode ?? 1, output: all };
  }

  /** What a command begins with that runs in its network. */
  get entrance(): [string, ...string[]] {
    return ["nsenter", "--target", readFileSync(this.#pidFile, "utf8").trim(), "--net"];
  }

  /** Stops it with its containers, and removes its data. */
  async stop(): Promise<void> {
    for (const end = Date.now() + STOP_MS; isAlive(this.#pidFile); await sleep(200)) {
      const signal = Date.now() < end ? "SIGTERM" : "SIGKILL";
      process.kill(Number(readFileSync(this.#pidFile, "utf8")), signal);
    }
    removeAll(this.#folder);
  }

  get #pidFile(): string {
    return join(this.#folder, "pid");
  }
}

async function makeRoot(suite: Suite, root: string): Promise<void> {
  await ensureMmdebstrap(`it builds a Debian ${suite} for a Docker engine`);
  await step(`Building a Debian ${suite} with Docker`, async () => {
    const [program, args] = mmdebstrap(suite, root, [`--include=${PACKAGES.join(",")}`]);
    const options = { stdin: "ignore", reject: false, timeout: DEBIAN_MS } as const;
    const { failed, stderr } = await execa(program, args, options);
    if (failed) {
      const lines = stderr.trim().split("\n").slice(-5).join("\n");
      throw new UserError(`Building a Debian ${suite} with Docker failed: ${lines}`);
    }
  });
}

/** What is left of an engine that has ended. */
function removeAll(folder: string): void {
  // Of no other file system: whatever was mounted in it belongs to the machine.
  spawnSync("rm", ["-rf", "--one-file-system", folder]);
  // The kernel keeps groups whose processes were killed; there is nothing but groups in them.
  const groups = globSync(`/sys/fs/cgroup/{,*/}${basename(folder)}{,/**}`);
  groups
    .sort()
    .reverse()
    .forEach((group) => {
      try {
        rmdirSync(group);
      } catch {
        // A file, which goes with its group.
      }
    });
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

/** Whether the process runs whose id is in the file; undefined where it has none. */
function isAlive(file: string): boolean | undefined {
  const pid = existsSync(file) ? Number(readFileSync(file, "utf8")) : 0;
  return pid > 0 ? existsSync(`/proc/${pid}`) : undefined;
}
