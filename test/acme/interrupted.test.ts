/** What befalls the container that renews certificates: no ACME server, signals at every step, damaged files. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { dnsHook, Renewal, World } from "./renewal.ts";

let world: World;
before(async () => {
  world = await World.open();
});
after(() => world.close());

const start = (wish: Parameters<typeof Renewal.start>[1] = {}) => Renewal.start(world, wish);

const seconds = (time: string | null) => Date.parse(time ?? "") / 1000;

/** Its program for DNS waits for as long as the file is there. */
const SLOW = {
  challenge: {
    kind: "hook",
    ...dnsHook("while [ -e /acme/state/slow ]; do touch /acme/state/waits; sleep 0.2; done"),
  },
} as const;

/** A container in the middle of its first attempt. */
async function inTheMiddle(): Promise<Renewal> {
  const renewal = await Renewal.prepare(world, SLOW);
  await renewal.asRoot("touch /acme/state/slow; chown 101:101 /acme/state/slow");
  await renewal.create();
  for (let count = 0; count < 100; count++) {
    if ((await renewal.exec("test", "-e", "/acme/state/waits")).code === 0) {
      return renewal;
    }
    await sleep(100);
  }
  return assert.fail(`it never waits: ${await renewal.log()}`);
}

const goOn = (renewal: Renewal) => renewal.asRoot("rm -f /acme/state/slow /acme/state/waits");
const kill = (renewal: Renewal) => world.sandbox.docker("kill", "--signal=KILL", renewal.container);

describe("the renewal container, interrupted", { concurrency: 4 }, () => {
  it("ends at once on SIGTERM, also in the middle of an attempt, and goes on where it was", async () => {
    const renewal = await inTheMiddle();
    const begin = performance.now();
    await world.sandbox.docker("stop", "--timeout=30", renewal.container);
    const took = performance.now() - begin;
    assert.ok(took < 5000, `took ${took} ms`);
    const { State } = JSON.parse(
      await world.sandbox.docker("inspect", "--format={{json .}}", renewal.container),
    ) as { State: { ExitCode: number } };
    assert.equal(State.ExitCode, 0);
    assert.match(await renewal.log(), /^acme: stopped$/m);
    await goOn(renewal);
    await world.sandbox.docker("start", renewal.container);
    const again = performance.now();
    await renewal.issued();
    assert.ok(performance.now() - again < 25_000, "waited, as after a failure");
    await world.sandbox.docker("stop", renewal.container);
  });

  it("does not hurry after it was killed in an attempt, and gets its certificate then", async () => {
    const renewal = await inTheMiddle();
    await kill(renewal);
    await goOn(renewal);
    await world.sandbox.docker("start", renewal.container);
    const status = await renewal.until("up", ({ nextAttempt }) => nextAttempt !== null);
    assert.equal(seconds(status.nextAttempt) - seconds(status.lastAttempt), 30);
    await renewal.issued();
    assert.ok(seconds((await renewal.status()).lastAttempt) >= seconds(status.nextAttempt));
    await renewal.remove();
  });

  it("heals what it finds half done in a server's folder and in its own", async () => {
    const renewal = await start();
    const { version } = await renewal.issued();
    const out = "cd /acme/served/proxy";
    const halves: [string, string][] = [
      [
        "a folder that is being filled",
        `${out}; mkdir .new; cp 2*/fullchain.pem .new; chown -R 101 .new`,
      ],
      ["a version that nothing names yet", `${out}; rm current current.conf`],
      ["a link of before", `${out}; ln -sfn 20200101000000-00000000 current; chown -h 101 current`],
      ["files that are cut short", `${out}; truncate -s 0 2*/privkey.pem current.conf`],
      [
        "a status that is being written",
        `${out}; : > .status.json.new; chown 101 .status.json.new`,
      ],
      ["a memory that is lost", "rm -rf /acme/state/loop"],
      ["a memory that is cut short", "truncate -s 0 /acme/state/loop/proxy"],
    ];
    for (const [what, script] of halves) {
      await renewal.remove();
      await renewal.asRoot(`${script}; rm -f /acme/served/proxy/status.json`);
      await renewal.create();
      await renewal.until(`up after ${what}`, ({ current, failures }) => current && failures === 0);
      const served = await renewal.served();
      assert.equal(served.version, version, what);
      assert.equal((await renewal.health()).code, 0, what);
    }
    const left = await renewal.asRoot("ls -A /acme/served/proxy | grep -v '^2' | xargs");
    assert.equal(left, ".mark current current.conf metrics.prom status.json");
    await renewal.remove();
  });

  it("gets a certificate anew where certbot's own is half done, and serves the old one until then", async () => {
    const renewal = await start();
    let last = await renewal.issued();
    const lineage = (await renewal.asRoot("ls /acme/state/renewal")).replace(".conf", "");
    const halves: [string, string][] = [
      ["a link that leads nowhere", `rm /acme/state/archive/${lineage}/privkey1.pem`],
      ["a file cut short", `truncate -s 0 /acme/state/archive/${lineage}/fullchain1.pem`],
      ["notes cut short", `truncate -s 0 /acme/state/renewal/${lineage}.conf`],
    ];
    for (const [index, [what, script]] of halves.entries()) {
      await renewal.remove();
      await renewal.asRoot(`${script}; rm -f /acme/served/proxy/status.json`);
      await renewal.create();
      const { failures } = await renewal.until(`up after ${what}`, ({ current }) => current);
      assert.equal(failures, 0);
      assert.equal((await renewal.served()).version, last.version, what);
      // Nothing hurries: the next look would be in hours.
      await renewal.deliver({ more: { email: `${index}@example.edu` } });
      await renewal.until(`made anew after ${what}`, ({ notBefore, lastAttempt, lastSuccess }) => {
        const newer = seconds(notBefore) * 1000 > last.certificate.validFromDate.getTime();
        return newer && lastAttempt === lastSuccess;
      });
      last = await renewal.served();
      assert.equal(await renewal.asRoot("ls /acme/state/renewal"), `${lineage}.conf`, what);
    }
    await renewal.remove();
  });

  it("keeps what it serves when certbot's folder comes from an older backup", async () => {
    const renewal = await start({ profile: "moment" });
    const first = await renewal.issued();
    await renewal.asRoot("cp -a /acme/state /acme/served/kapow/backup");
    await renewal.until("renewed", ({ notBefore }) => {
      return seconds(notBefore) > Date.parse(first.certificate.validFrom) / 1000;
    });
    await kill(renewal);
    const second = await renewal.served();
    assert.notEqual(second.version, first.version);
    // certbot's alone: what the loop remembers is of after it.
    await renewal.asRoot(
      "cd /acme/state; rm -rf live archive renewal; cp -a /acme/served/kapow/backup/live ../served/kapow/backup/archive ../served/kapow/backup/renewal .",
    );
    await world.sandbox.docker("start", renewal.container);
    await renewal.until("up", ({ current }) => current);
    assert.ok((await renewal.served()).certificate.validToDate >= second.certificate.validToDate);
    await renewal.remove();
  });

  it("says that its loop is dead", async () => {
    const renewal = await start();
    await renewal.issued();
    await renewal.exec("sh", "-c", "kill -STOP 1; echo 1000000000 > /tmp/acme/alive");
    assert.deepEqual(await renewal.health(), {
      code: 1,
      output: "the renewal loop has not come round: it should have by 2001-09-09T01:46:40Z",
    });
    await renewal.remove();
  });

  it("serves the certificate of before a change while the ACME server is away, and says so", async () => {
    const pebble = await world.ownPebble("away");
    const renewal = await start({ pebble });
    const first = await renewal.issued();
    await pebble.leave();
    await renewal.deliver({ names: ["a.test", "more.test"] });
    const status = await renewal.until("failed", ({ failures }) => failures === 1);
    assert.equal(status.current, false);
    assert.equal((await renewal.served()).version, first.version);
    const { code, output } = await renewal.health();
    assert.equal(code, 1);
    assert.match(
      output,
      /^proxy: still has the certificate of before the last change, failed attempts: 1, next at /,
    );
    await pebble.comeBack();
    await renewal.issued();
    await renewal.remove();
  });
});
