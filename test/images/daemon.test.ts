import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { ensureEngine } from "../../tools/engine.ts";
import { startDaemon } from "../../tools/engine/daemon.ts";

describe("an engine that this project starts", () => {
  let folder: string;
  before(async () => void (folder = await mkdtemp(join(tmpdir(), "engine-"))));
  after(async () => {
    // The engine's own mounts may take a moment to go.
    await rm(folder, { recursive: true, maxRetries: 10, retryDelay: 200 });
  });

  it("answers when it is said to have started, and runs in a session of its own", async () => {
    const host = `unix://${folder}/docker.sock`;
    const answers = () =>
      ensureEngine({ host }).then(
        () => true,
        () => false,
      );
    assert.equal(await answers(), false);
    await startDaemon(answers, {
      systemd: false,
      log: join(folder, "log"),
      // Beside the machine's own engine, without touching its network.
      args: [
        `--host=${host}`,
        `--data-root=${folder}/data`,
        `--exec-root=${folder}/exec`,
        `--pidfile=${folder}/pid`,
        "--bridge=none",
        "--iptables=false",
        "--ip6tables=false",
      ],
    });
    const pid = Number(await readFile(join(folder, "pid"), "utf8"));
    try {
      const engine = await ensureEngine({ host });
      assert.equal(engine.host, host);
      assert.equal(engine.local, true);
      assert.match(engine.version, /^\d+\.\d+/);
      const { stdout } = await execa("ps", ["-o", "sid=", "-p", String(pid)]);
      assert.equal(Number(stdout), pid);
    } finally {
      process.kill(pid, "SIGTERM");
      while (await isAlive(pid)) {
        await sleep(50);
      }
    }
  });

  it("is told to have failed as soon as it has, with its own words and where to look", async () => {
    const log = join(folder, "failed");
    const start = performance.now();
    await assert.rejects(
      startDaemon(() => Promise.resolve(false), { systemd: false, log, args: ["--nonsense"] }),
      {
        name: "UserError",
        message: /^The Docker engine did not start \(.*dockerd.*\): see \/.*\/failed\.$/,
      },
    );
    assert.ok(performance.now() - start < 10_000, "took too long");
  });
});

/** Running, and not just waiting for its parent to look. */
async function isAlive(pid: number): Promise<boolean> {
  const { stdout } = await execa("ps", ["-o", "stat=", "-p", String(pid)], { reject: false });
  return stdout !== "" && !stdout.startsWith("Z");
}
