/** What the doctor says of containers that hit their limits, and of volumes that fill up, on the real engine. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Finding } from "../../cli/doctor/finding.ts";
import { lookAtLimits } from "../../cli/doctor/lookAtLimits.ts";
import { lookAtVolumes } from "../../cli/doctor/volumes.ts";
import { Docker } from "../../programs/docker/docker.ts";
import { Sandbox } from "./sandbox.ts";

const IMAGE = "cybexp-demo/kms:1";

let sandbox: Sandbox;
let docker: Docker;
before(async () => {
  sandbox = await Sandbox.open();
  docker = new Docker(sandbox.engine.host);
});
after(() => sandbox.close());

/** A container of the Backend's role whose main process is a program in Python, once that says that it is there. */
async function backend(name: string, program: string, ...options: string[]): Promise<string> {
  const container = `${sandbox.id}-${name}`;
  const text = `${program}\nprint("there", flush=True)\nimport time\ntime.sleep(600)\n`;
  await sandbox.docker(
    ...["run", "--detach", `--name=${container}`, `--label=${sandbox.id}`, "--network=none"],
    ...["--label=cybexp.role=backend", "--memory=64m", "--memory-swap=64m", "--pids-limit=40"],
    ...[...options, "--entrypoint=python3", IMAGE, "-c", text],
  );
  for (let tries = 0; !(await docker.logs(container, 5)).includes("there"); tries++) {
    assert.ok(tries < 300, await docker.logs(container, 20));
    await sleep(100);
  }
  return container;
}

const said = (findings: readonly Finding[]) =>
  findings.map(({ level, about, text }) => `${level} ${about}: ${text}`);

describe("the doctor, about a container", () => {
  it("that is well, says that no limit was hit", async () => {
    const name = await backend("well", "");
    assert.deepEqual(said(await lookAtLimits(docker, [name])), ["good limits: none was hit"]);
  });

  it("whose child was killed for lack of memory, names the key", async () => {
    const greedy = "import subprocess\nsubprocess.call(['python3', '-c', 'x = b\"a\" * 10**9'])";
    const name = await backend("greedy", greedy);
    assert.deepEqual(said(await lookAtLimits(docker, [name])), [
      `note limits: ${name} exceeded its 64 MiB of memory and was killed (1 process since it was started): raise cybexp:backend.resources.memory`,
    ]);
  });

  it("that was killed itself, says so too, although it does not run any more", async () => {
    const name = `${sandbox.id}-killed`;
    await sandbox.docker(
      ...["run", "--detach", `--name=${name}`, `--label=${sandbox.id}`, "--network=none"],
      ...["--label=cybexp.role=backend", "--memory=64m", "--memory-swap=64m", "--pids-limit=40"],
      ...["--entrypoint=python3", IMAGE, "-c", "x = b'a' * 10**9"],
    );
    await sandbox.docker("wait", name);
    assert.deepEqual(said(await lookAtLimits(docker, [name])), [
      `note limits: ${name} exceeded its 64 MiB of memory and was killed: raise cybexp:backend.resources.memory`,
    ]);
  });

  it("whose processes nobody collects, counts them", async () => {
    const name = await backend(
      "careless",
      "import os\nfor _ in range(12):\n    if os.fork() == 0: os._exit(0)",
    );
    assert.deepEqual(said(await lookAtLimits(docker, [name])), [
      `note limits: ${name} has 12 processes that have ended and that its main process does not collect (zombies), and they count towards its limit of 40: \`docker restart ${name}\` clears them`,
    ]);
  });

  it("that wanted more processes than it may have, names the key", async () => {
    const name = await backend(
      "many",
      [
        "import subprocess, sys",
        "children = []",
        "try:",
        "    while len(children) < 60: children.append(subprocess.Popen(['sleep', '600']))",
        "except OSError: pass",
        "for child in children: child.kill()",
        "for child in children: child.wait()",
      ].join("\n"),
    );
    const [finding = "", ...others] = said(await lookAtLimits(docker, [name]));
    assert.match(
      finding,
      new RegExp(
        `^note limits: ${name} reached its limit of 40 processes and threads \\(\\d+ times? since it was started\\): raise cybexp:backend\\.resources\\.pids$`,
      ),
    );
    assert.deepEqual(others, []);
  });
});

describe("the doctor, about a volume with a disk of its own", () => {
  const MIB = 1024 ** 2;

  /** A disk of 64 MiB of which so many are free. */
  async function told(name: string, free: number): Promise<string[]> {
    const volume = `${sandbox.id}-${name}`;
    await sandbox.docker(
      ...["volume", "create", `--label=${sandbox.id}`, "--driver=local"],
      ...["--opt=type=tmpfs", "--opt=device=tmpfs", "--opt=o=size=64m,mode=1777", volume],
    );
    const fill = `open("/data/fill", "wb").write(bytes(${(64 - free) * MIB}))`;
    const container = await backend(
      name,
      fill,
      ...[`--volume=${volume}:/data`, "--memory=256m", "--memory-swap=256m"],
    );
    const session = { docker, engine: sandbox.engine, stack: sandbox.id };
    return said(await lookAtVolumes(session, [container]));
  }

  const on = (name: string) =>
    `are free on the disk of the volume ${sandbox.id}-${name}: what is full takes no more writes, so make that disk larger or free some space`;

  it("is content while there is room", async () => {
    assert.deepEqual(await told("roomy", 40), []);
  });

  it("notes that it fills up, and calls it a fault when it is all but full", async () => {
    assert.deepEqual(await told("filling", 5), [
      `note disk: only 7 % (5 MiB) ${on("filling")} before that`,
    ]);
    assert.deepEqual(await told("full", 1), [`fault disk: only 1 % (1 MiB) ${on("full")} now`]);
  });
});
