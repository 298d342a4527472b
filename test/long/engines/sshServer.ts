import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { aptInstall } from "../../../machine/engine/apt.ts";

const SSHD = "/usr/sbin/sshd";

/** Where sshd wants an empty folder. */
const EMPTY = "/run/sshd";

/**
 * An SSH server for this user alone, with keys of its own. It runs in whatever network it is started in, and leads
 * to this machine's own engine.
 */
export class SshServer {
  /** For `docker:host`. */
  readonly host: string;
  /** What ssh must be told to get in; nothing of the user's own files is used. */
  readonly options: readonly string[];
  readonly #folder: string;
  readonly #process: ChildProcess;

  private constructor(folder: string, port: number, process: ChildProcess) {
    this.#folder = folder;
    this.#process = process;
    this.host = `ssh://${userInfo().username}@127.0.0.1:${port}`;
    this.options = [
      ...["-F", "none", "-i", join(folder, "user"), "-o", "IdentitiesOnly=yes"],
      ...["-o", `UserKnownHostsFile="${join(folder, "known hosts")}"`],
      ...["-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes"],
    ];
  }

  /** @param entrance What a command begins with that runs in the network where it is to listen. */
  static async start(port: number, entrance: readonly string[]): Promise<SshServer> {
    if (!existsSync(SSHD)) {
      await aptInstall(["openssh-server", "openssh-client"], "this test reaches an engine by SSH");
    }
    const folder = mkdtempSync(join(tmpdir(), "cybexp-sshd-"));
    const file = (name: string) => join(folder, name);
    for (const name of ["host", "user"]) {
      execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", file(name)]);
    }
    const publicKey = (name: string) => readFileSync(file(`${name}.pub`), "utf8");
    writeFileSync(file("authorized"), publicKey("user"));
    // With a space in its name, which must reach ssh as it is.
    writeFileSync(file("known hosts"), `[127.0.0.1]:${port} ${publicKey("host")}`);
    writeFileSync(file("config"), configOf(port, folder));
    mkdirSync(EMPTY, { recursive: true, mode: 0o755 });
    const [program = "", ...words] = [
      ...entrance,
      SSHD,
      "-D",
      "-f",
      file("config"),
      "-E",
      file("log"),
    ];
    const server = new SshServer(folder, port, spawn(program, words, { stdio: "ignore" }));
    for (
      const end = Date.now() + 10_000;
      !/^Server listening/m.test(server.log());
      await sleep(100)
    ) {
      if (Date.now() > end) {
        throw new Error(`sshd does not listen: ${server.log()}`);
      }
    }
    return server;
  }

  log(): string {
    const file = join(this.#folder, "log");
    return existsSync(file) ? readFileSync(file, "utf8") : "";
  }

  stop(): void {
    this.#process.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Each docker command is a connection of its own, and Pulumi runs many at once. */
function configOf(port: number, folder: string): string {
  const file = (name: string) => join(folder, name);
  return [
    `Port ${port}`,
    "ListenAddress 127.0.0.1",
    `HostKey ${file("host")}`,
    `AuthorizedKeysFile ${file("authorized")}`,
    "AuthenticationMethods publickey",
    "PermitRootLogin prohibit-password",
    "StrictModes no",
    "UsePAM no",
    "PidFile none",
    "MaxStartups 200",
    `SetEnv PATH=${process.env["PATH"] ?? ""}`,
    "",
  ].join("\n");
}
