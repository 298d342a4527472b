/** What can be wrong with a stack: how it comes about, what the doctor says of it, and how it is mended. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  globSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../../integration/acmeStack.ts";
import { call } from "../../integration/client.ts";
import { docker } from "../../integration/project.ts";
import type { SickStack } from "./sickStack.ts";

type Mend = () => unknown;

export interface Cause {
  readonly name: string;
  /** Makes it, by real means. @returns what mends it */
  readonly make: (stack: SickStack) => Mend | Promise<Mend>;
  /** In the doctor's environment. */
  readonly env?: () => Readonly<Record<string, string>>;
  /** @default 1 */
  readonly code?: number;
  /** All that is told of it; where a time or a number of the engine's is in it, as an expression. */
  readonly found: (stack: SickStack) => readonly (string | RegExp)[];
}

/** The engine's clock is this machine's, so the doctor gets another one. */
const faketime = (offset: string) => ({
  LD_PRELOAD: globSync("/usr/lib/*/faketime/libfaketime.so.1")[0] ?? assert.fail("no libfaketime"),
  FAKETIME: offset,
  FAKETIME_DONT_FAKE_MONOTONIC: "1",
});

async function up({ acme }: SickStack): Promise<void> {
  await acme.up();
}

/** Where the engine has a mount of a container. */
const mounted = (container: string, destination: string) =>
  docker(
    "inspect",
    `--format={{range .Mounts}}{{if eq .Destination "${destination}"}}{{.Source}}{{end}}{{end}}`,
    container,
  );

/** Changes a file of root's that nobody may write, and keeps its inode. @returns what puts it back */
function edit(file: string, change: (text: string) => string): () => void {
  const { mode } = statSync(file);
  const before = readFileSync(file, "utf8");
  const after = change(before);
  assert.notEqual(after, before);
  writeFileSync(file, after);
  chmodSync(file, mode);
  return () => writeFileSync(file, before);
}

const memory = (container: string) =>
  Number(docker("inspect", "--format={{.HostConfig.Memory}}", container)) / 2 ** 20;

/** A child that makes children that nobody collects. */
const ZOMBIES = `
import os, time
for _ in range(12):
    os.fork() or os._exit(0)
time.sleep(600)`;

export const CAUSES: readonly Cause[] = [
  {
    name: "a container that is stopped",
    make: (stack) => {
      docker("stop", "--time=5", stack.name("backend"));
      return () => void docker("start", stack.name("backend"));
    },
    found: (stack) => [
      `error container: ${stack.name("backend")} is exited (exit code 0): see \`docker logs ${stack.name("backend")}\`; ${stack.run("up")} creates it again`,
    ],
  },
  {
    name: "a container that is paused",
    make: (stack) => {
      docker("pause", stack.name("kms"));
      return () => void docker("unpause", stack.name("kms"));
    },
    found: (stack) => [
      `error container: ${stack.name("kms")} is paused: \`docker unpause ${stack.name("kms")}\`, or ${stack.run("up")} creates it again`,
    ],
  },
  {
    name: "a container that is gone",
    make: (stack) => {
      docker("rm", "--force", stack.name("kms"));
      return () => up(stack);
    },
    found: (stack) => [
      `error container: ${stack.name("kms")} is gone: ${stack.run("up")} creates it again`,
    ],
  },
  {
    name: "a program that crashed and was restarted",
    code: 0,
    make: async (stack) => {
      const container = stack.name("backend");
      process.kill(Number(docker("inspect", "--format={{.State.Pid}}", container)), "SIGKILL");
      await until(
        "restarted",
        () => docker("inspect", "--format={{.RestartCount}}", container) === "1" || undefined,
      );
      await stack.untilHealthy();
      return () => stack.restart("backend");
    },
    found: (stack) => [
      `warning container: ${stack.name("backend")} ended and was restarted once: see \`docker logs ${stack.name("backend")}\``,
    ],
  },
  {
    name: "a process that was killed for its memory",
    code: 0,
    make: (stack) => {
      const eat = ["exec", stack.name("backend"), "python3", "-c", "x = 'a' * 10**10"];
      assert.throws(() => docker(...eat));
      return () => stack.restart("backend");
    },
    found: (stack) => [
      `warning limits: ${stack.name("backend")} exceeded its ${memory(stack.name("backend"))} MiB of memory and was killed (1 process since it was started): raise cybexp:backend.resources.memory`,
    ],
  },
  {
    name: "processes that nobody collects",
    code: 0,
    make: async (stack) => {
      docker("exec", "--detach", stack.name("kms"), "python3", "-c", ZOMBIES);
      await sleep(1000);
      return () => stack.restart("kms");
    },
    found: (stack) => [
      new RegExp(
        `^warning limits: ${stack.name("kms")} has 12 processes that have ended and that its main process does not collect \\(zombies\\), and they count towards its limit of \\d+: \`docker restart ${stack.name("kms")}\` clears them$`,
      ),
    ],
  },
  {
    name: "a limit of memory that was changed by hand",
    make: (stack) => {
      const before = memory(stack.name("kms"));
      const set = (size: number) =>
        docker("update", `--memory=${size}m`, `--memory-swap=${size}m`, stack.name("kms"));
      set(before - 100);
      return () => void set(before);
    },
    found: (stack) => [
      `error changed by hand: kms: it has ${memory(stack.name("kms"))} MiB of memory, and \`up\` gave it ${memory(stack.name("kms")) + 100}; ${stack.run("up")} repairs that`,
    ],
  },
  {
    name: "a volume that is full",
    make: async (stack) => {
      const name = stack.name("backend-db");
      const folder = mounted(name, "/data/db");
      const run = (command: string, ...args: string[]) => void execFileSync(command, args);
      docker("stop", "--time=10", name);
      // A disk of its own for the volume, as an operator would give it.
      run("mount", "-t", "tmpfs", "-o", "size=64m", "cybexp-test", "/mnt");
      run(
        "sh",
        "-c",
        `cp -a ${folder}/. /mnt/ && chown --reference=${folder} /mnt && mount --move /mnt ${folder}`,
      );
      docker("start", name);
      await stack.untilHealthy();
      execFileSync("sh", ["-c", `dd if=/dev/zero of=${folder}/full bs=1M 2>/dev/null || true`]);
      return async () => {
        docker("stop", "--time=10", name);
        run("umount", folder);
        docker("start", name);
        await stack.untilHealthy();
      };
    },
    found: (stack) => [
      `error disk: only 0 % (0 MiB) are free on the disk of the volume ${stack.name("backend-db-data")}: what is full takes no more writes, so make that disk larger or free some space now`,
    ],
  },
  {
    name: "an engine's clock that is behind",
    env: () => faketime("+90s"),
    make: () => () => undefined,
    found: () => [
      /^error clock: the engine's clock is (89|90|91) s behind this machine's, so new certificates and tokens may not be valid yet: synchronise both \(NTP\)$/,
    ],
  },
  {
    name: "an engine's clock that is ahead",
    env: () => faketime("-90s"),
    make: () => () => undefined,
    found: () => [
      /^error clock: the engine's clock is (89|90|91) s ahead of this machine's, so new certificates and tokens may not be valid yet: synchronise both \(NTP\)$/,
    ],
  },
  {
    name: "a KMS with another key for its tokens",
    make: async (stack) => {
      const back = edit(mounted(stack.name("kms"), "/config.yaml"), (text) =>
        text.replace(/(JWT_SECRET_KEY: *['"]?)\w{8}/, "$1deadbeef"),
      );
      await stack.restart("kms");
      return async () => {
        back();
        await stack.restart("kms");
      };
    },
    found: (stack) => [
      `error changed by hand: kms-config-delivery: its files in ${stack.name("kms-config")} were changed; ${stack.run("up")} repairs that`,
      "error KMS's accounts: the KMS refuses the token of administrator (Signature verification failed): it does not run with the FLASK_JWT_SECRET_KEY of the stack's state, so it refuses every module's token, too. Remove the KMS's container and run `up`, which starts it with that key",
    ],
  },
  {
    name: "a KMS that has lost its administrator",
    make: (stack) => {
      const lose = "import accounts; accounts._users.delete_one({'username': 'administrator'})";
      docker("exec", stack.name("kms"), "python3", "-c", lose);
      return () => up(stack);
    },
    found: (stack) => [
      `error changed by hand: kms-accounts: the KMS has lost its administrator administrator; ${stack.run("up")} repairs that`,
    ],
  },
  {
    name: "a body that is too large",
    code: 0,
    make: async (stack) => {
      const { serverCa: ca, users } = await stack.outputs();
      const { status } = await call(
        `https://cybexp.test.example:${stack.project.ports.backend}/add/enc-data`,
        {
          ...{ ca, address: "127.0.0.1", body: Buffer.alloc(20 * 2 ** 20) },
          credential: users["collector"] ?? assert.fail(),
        },
      );
      assert.equal(status, 413);
      // The log goes with the container.
      return async () => {
        docker("rm", "--force", stack.name("proxy"));
        await up(stack);
      };
    },
    found: () => [
      "warning limits: the backend was sent 1 body since yesterday that was larger than it takes, and the proxy refused it (413): have the sender split its records, since MongoDB stores no document above 16 MiB",
    ],
  },
  {
    name: "an error page in place of a key",
    make: (stack) => {
      const file = "/secrets/de.bin";
      docker("exec", stack.name("collector"), "sh", "-c", `echo '<html>502</html>' > ${file}`);
      return async () => {
        docker("exec", stack.name("collector"), "rm", file);
        await stack.restart("collector");
      };
    },
    found: (stack) => [
      `error collector: ${stack.name("collector")} has an answer of a server stored as a key (de.bin is an error page (HTML)), so nobody finds or reads what it stores: \`docker exec ${stack.name("collector")} rm /secrets/de.bin && docker restart --time 60 ${stack.name("collector")}\` has it fetch the key again`,
    ],
  },
  {
    name: "a name that the DNS does not have",
    env: () => ({ CYBEXP_REHEARSAL_HOSTS: '{"cybexp.test.example":"127.0.0.1"}' }),
    make: () => () => undefined,
    found: () => [
      "error name localhost.example: name resolution: localhost.example has no address here; add it to the DNS or to /etc/hosts",
    ],
  },
  {
    name: "a port that another program holds",
    make: async (stack) => {
      const port = stack.project.ports.kms;
      docker("stop", "--time=10", stack.name("proxy"));
      const thief = createServer();
      await new Promise<void>((resolve) => thief.listen(port, "0.0.0.0", resolve));
      assert.throws(() => docker("start", stack.name("proxy")));
      return async () => {
        await new Promise((resolve) => thief.close(resolve));
        docker("start", stack.name("proxy"));
        await stack.untilHealthy();
      };
    },
    found: (stack) => [
      `error container: ${stack.name("proxy")} is exited: another program holds 0.0.0.0:${stack.project.ports.kms}: end it (\`ss -ltnp\` on the engine's machine shows it), and then run \`docker start ${stack.name("proxy")}\``,
    ],
  },
  {
    name: "a database that is down",
    make: (stack) => {
      docker("stop", "--time=10", stack.name("backend-db"));
      return async () => {
        docker("start", stack.name("backend-db"));
        await stack.untilHealthy();
      };
    },
    found: (stack) => [
      `error container: ${stack.name("backend-db")} is exited (exit code 0): see \`docker logs ${stack.name("backend-db")}\`; ${stack.run("up")} creates it again`,
    ],
  },
  {
    name: "a database that locks its service out",
    make: async (stack) => {
      await stack.lockOutOfDatabase();
      return () => up(stack);
    },
    found: (stack) => [
      `error changed by hand: kms-db-users: the database ${stack.name("kms-db")} does not know the password that its service uses: its data seems to be from before a rotation; ${stack.run("up")} repairs that`,
    ],
  },
  {
    name: "a service that is off its network",
    make: (stack) => {
      docker("network", "disconnect", stack.name("kms"), stack.name("kms"));
      return async () => {
        docker("network", "connect", "--alias=kms", stack.name("kms"), stack.name("kms"));
        await stack.untilHealthy();
      };
    },
    found: (stack) => [
      `error changed by hand: kms: it is not on the network ${stack.name("kms")}; ${stack.run("up")} repairs that`,
    ],
  },
  {
    name: "another release in use",
    make: (stack) => {
      const folder = mounted(stack.name("proxy"), "/release");
      const release = readlinkSync(join(folder, "current"));
      const run = (script: string) => void execFileSync("sh", ["-c", script], { cwd: folder });
      run(
        `cp -a ${release} releases/${"a".repeat(32)} && ln -sfn releases/${"a".repeat(32)} current`,
      );
      return () => run(`ln -sfn ${release} current && rm -r releases/${"a".repeat(32)}`);
    },
    found: (stack) => [
      `error changed by hand: proxy-release-delivery: ${stack.name("proxy-release")} has another release in use; ${stack.run("up")} repairs that`,
    ],
  },
  {
    name: "a user list that was edited by hand",
    make: (stack) => {
      const folder = mounted(stack.name("proxy"), "/release");
      edit(join(folder, "current", "htpasswd"), (text) =>
        text.replace(/^analyst:.*$/m, "analyst:x"),
      );
      return () => up(stack);
    },
    found: (stack) => [
      `error changed by hand: proxy-release-delivery: its files in ${stack.name("proxy-release")} were changed; ${stack.run("up")} repairs that`,
    ],
  },
  {
    name: "a backup that is too old",
    code: 0,
    make: (stack) => stack.ageBackup(3.5),
    found: (stack) => [
      `warning backup: the newest one is 3 days old: check what runs ${stack.run("backup")} (cybexp:backup.warnDays is 2)`,
    ],
  },
  {
    name: "an authority for certificates that is away",
    make: async (stack) => {
      const { acme, project } = stack;
      const names = () =>
        (project.readConfig()["cybexp:proxy"] as { serverNames: string[] }).serverNames;
      const set = (serverNames: string[]) =>
        project.configure((config) =>
          Object.assign(config["cybexp:proxy"] as object, { serverNames }),
        );
      const before = names();
      await acme.pebble.leave();
      set([...before, "later.test.example"]);
      await acme.up();
      return async () => {
        await acme.pebble.comeBack();
        set(before);
        await acme.up();
      };
    },
    found: (stack) => [
      new RegExp(
        `^error renewal: the certificate authority has not issued the certificate for .*later\\.test\\.example of the proxy yet, .*: \\d attempts? failed \\(.*\\); the next is at .*: see \`docker logs ${stack.name("acme")}\`$`,
      ),
    ],
  },
  {
    name: "a passphrase of the state that is lost",
    code: 2,
    make: ({ project }) => {
      const file = join(project.dir, ".cybexp", "passphrase");
      renameSync(file, `${file}.away`);
      return () => renameSync(`${file}.away`, file);
    },
    found: () => [
      "unknown: incorrect passphrase: this stack's secrets are encrypted with another one than PULUMI_CONFIG_PASSPHRASE",
    ],
  },
  {
    name: "an engine that does not answer",
    code: 2,
    env: () => ({ DOCKER_HOST: "unix:///nowhere/docker.sock" }),
    make: () => () => undefined,
    found: () => [/^unknown: No Docker engine answers: /],
  },
];
