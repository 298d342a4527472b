/** fail2ban bans a guesser by the examples, in the proxy's own network namespace. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { docker, startContainer } from "../nginx/docker.ts";
import { Elsewhere } from "../nginx/elsewhere.ts";
import { COLLECTOR, Proxy } from "../nginx/proxy.ts";
import { WatchingImage } from "../nginx/watching.ts";

describe("fail2ban with the examples", () => {
  let proxy: Proxy;
  let image: WatchingImage;
  let guesser: Elsewhere;
  let collector: Elsewhere;
  let fail2ban: string;
  let copying: ChildProcess;
  const folder = mkdtempSync(join(tmpdir(), "cybexp-test-log-"));

  before(async () => {
    chmodSync(folder, 0o755);
    image = new WatchingImage();
    proxy = await Proxy.start({ guesses: { perMinute: 600, burst: 5 } });
    guesser = new Elsewhere(proxy);
    collector = new Elsewhere(proxy);
    // As the unit does it.
    const file = openSync(join(folder, "proxy.log"), "a");
    copying = spawn("docker", ["logs", "--follow", "--since=10s", proxy.container], {
      stdio: ["ignore", file, "ignore"],
    });
    fail2ban = startContainer([
      ...[`--network=container:${proxy.container}`, "--cap-add=NET_ADMIN", "--cap-add=NET_RAW"],
      ...image.run(folder),
      "sh",
      "-c",
      // What Docker has on its host: a chain that all callers pass before their container.
      "iptables -N DOCKER-USER && iptables -I INPUT -j DOCKER-USER && exec fail2ban-server -f start",
    ]);
    for (let tries = 0; !client("ping").includes("pong"); tries++) {
      assert.ok(tries < 50, `fail2ban does not start: ${docker(["logs", fail2ban])}`);
      await sleep(200);
    }
  });
  after(async () => {
    copying.kill();
    docker(["rm", "--force", fail2ban]);
    guesser.stop();
    collector.stop();
    await proxy.stop();
    image.remove();
    rmSync(folder, { recursive: true });
  });

  const client = (...args: string[]) => {
    try {
      return docker(["exec", fail2ban, "fail2ban-client", ...args]);
    } catch {
      return "";
    }
  };
  const banned = () => /Banned IP list:\s*(.*)/.exec(client("status", "cybexp"))?.[1] ?? "";
  const statuses = async (caller: Elsewhere, credential: string, count = 1) => [
    ...new Set((await caller.call(credential, count)).map(({ status }) => status)),
  ];

  it("leaves an address alone that mistypes its password a few times", async () => {
    assert.deepEqual(await statuses(collector, "collector:wrong", 10), ["401"]);
    assert.deepEqual(await statuses(collector, COLLECTOR, 30), ["200"]);
    await sleep(2000);
    assert.equal(banned(), "");
  });

  it("shuts out the address that guesses, and no other", async () => {
    assert.deepEqual(await statuses(guesser, "collector:wrong", 20), ["401"]);
    for (let tries = 0; banned() === ""; tries++) {
      assert.ok(tries < 50, docker(["logs", fail2ban]));
      await sleep(200);
    }
    assert.equal(banned(), guesser.address);
    // Not even with the right password.
    assert.deepEqual(await statuses(guesser, COLLECTOR), ["ConnectionRefusedError"]);
    assert.deepEqual(await statuses(collector, COLLECTOR, 10), ["200"]);
  });

  it("lets it in again when the ban ends", async () => {
    client("set", "cybexp", "unbanip", guesser.address);
    assert.deepEqual(await statuses(guesser, COLLECTOR), ["200"]);
  });
});
