/** Certificates that live for moments, in what takes longer: an ACME server that is away, and kills at any time. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { dnsHook, Renewal, World } from "../acme/renewal.ts";
import { build } from "../images/unkind.ts";

let world: World;
before(async () => {
  world = await World.open();
});
after(() => world.close());

describe("renewal, in the long run", { concurrency: 2 }, () => {
  it("serves the old certificate while the ACME server is away, tells everybody, and heals by itself", async () => {
    const pebble = await world.ownPebble("away");
    const renewal = await Renewal.start(world, { profile: "minute", pebble });
    await renewal.issued();
    await pebble.leave();
    const failed = await renewal.until("failed", ({ failures }) => failures === 1, {
      seconds: 120,
    });
    const { certificate } = await renewal.served();
    assert.match(failed.lastError ?? "", /away/);
    assert.equal(failed.notAfter, certificate.validToDate.toISOString().replace(".000", ""));
    const metrics = await renewal.exec("cat", "/acme/served/proxy/metrics.prom");
    assert.match(metrics.output, /^cybexp_acme_last_attempt_success\{certificate="proxy"\} 0$/m);

    const verdicts: string[] = [];
    for (let count = 0; count < 200; count++) {
      const { code, output } = await renewal.health();
      verdicts.push(
        `${code} ${output.replaceAll(/\d{4}-\S*Z/g, "TIME").replace(/:.*/, (rest) => rest.slice(0, 40))}`,
      );
      if (code === 1) {
        assert.match(
          output,
          /^proxy: (its renewal is overdue, valid until|its certificate ended at) .*Z, failed attempts: \d, next at .*away/,
        );
        break;
      }
      assert.match(output, /^proxy: valid until .*, but failed attempts: 1, next at .*away/);
      await sleep(500);
    }
    assert.match(verdicts.at(-1) ?? "", /^1 /, verdicts.join("\n"));

    await pebble.comeBack();
    await renewal.until("renewed", ({ failures, lastSuccess }) => !!lastSuccess && failures === 0, {
      seconds: 200,
    });
    const served = await renewal.served();
    assert.ok(served.certificate.validFromDate > certificate.validFromDate);
    assert.equal((await renewal.health()).code, 0);
    assert.equal((await renewal.status()).lastError, null);
    await renewal.remove();
  });

  it("is killed at thirty moments, and the two files are always those of one certificate", async () => {
    const renewal = await Renewal.start(world, { profile: "moment" });
    const seen = new Set([(await renewal.issued()).version]);
    for (let round = 1; round <= 30; round++) {
      // Another generation each time, so that there is something to be killed at.
      await renewal.deliver({ generation: round + 1 });
      await sleep(3000 + Math.random() * 6000);
      await world.sandbox.docker("kill", "--signal=KILL", renewal.container);
      const served = await renewal.served();
      seen.add(served.version);
      await world.sandbox.docker("start", renewal.container);
    }
    await renewal.deliver({ generation: 100 });
    await renewal.until("well", ({ current, failures }) => current && failures === 0, {
      seconds: 120,
    });
    await renewal.served();
    assert.ok(seen.size > 3, `${seen.size} certificates`);
    assert.equal(await renewal.asRoot("ls /acme/state/accounts/*/dir | wc -l"), "1");
    await renewal.remove();
  });

  it("works with busybox for a shell and for every tool", async () => {
    const image = await build(world.sandbox, "certbotOnBusybox");
    try {
      const renewal = await Renewal.start(world, { image, profile: "moment" });
      const { version } = await renewal.issued();
      assert.equal((await renewal.health()).code, 0);
      await renewal.until("renewed", ({ notBefore }) => {
        const begin = notBefore?.replaceAll(/[^0-9]/g, "") ?? "";
        return begin > version.slice(0, 14);
      });
      const challenge = { kind: "hook", ...dnsHook("exit 3") } as const;
      await renewal.deliver({ profile: "long", challenge });
      const { lastError } = await renewal.until("failed", ({ failures }) => failures === 1);
      assert.match(lastError ?? "", /manual-auth-hook.* error code 3/);
      await renewal.deliver({ challenge: { kind: "hook", ...dnsHook() } });
      await renewal.issued();
      const begin = performance.now();
      await world.sandbox.docker("stop", "--timeout=30", renewal.container);
      assert.ok(performance.now() - begin < 5000);
    } finally {
      await world.sandbox.tryDocker("image", "rm", "--force", image);
    }
  });
});
