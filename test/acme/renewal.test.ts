/** The container that renews certificates, with Pebble as the ACME server. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { EXTERNAL_ACCOUNT } from "./pebble.ts";
import { dnsHook, Renewal, type Served, World } from "./renewal.ts";

let world: World;
before(async () => {
  world = await World.open();
});
after(() => world.close());

const start = (wish: Parameters<typeof Renewal.start>[1] = {}) => Renewal.start(world, wish);

const namesOf = ({ certificate }: Served) => certificate.subjectAltName?.split(", ").sort();
const seconds = (time: string | null) => Date.parse(time ?? "") / 1000;

const accounts = (renewal: Renewal) =>
  renewal.asRoot("ls -d /acme/state/accounts/*/dir/* | wc -l").then(Number);
const lineages = async (renewal: Renewal) =>
  (await renewal.asRoot("cd /acme/state; ls renewal; ls live | grep -v README; ls archive"))
    .split("\n")
    .filter(Boolean);

describe("the renewal container", { concurrency: 3 }, () => {
  it("gets certificates for several servers by HTTP, each for its own user, and tells of them", async () => {
    const renewal = await start({
      servers: [
        { name: "proxy", names: ["a.test", "b.test"], generation: 1 },
        { name: "kapow", names: ["kapow.test"], generation: 1 },
      ],
    });
    const proxy = await renewal.issued();
    assert.deepEqual(namesOf(proxy), ["DNS:a.test", "DNS:b.test"]);
    assert.equal(proxy.certificate.publicKey.asymmetricKeyDetails?.namedCurve, "prime256v1");
    assert.equal(proxy.fullchain.match(/BEGIN CERTIFICATE/g)?.length, 2);
    assert.match(proxy.version, /^\d{14}-[0-9a-f]{8}$/);

    const kapow = await renewal.issued("kapow");
    assert.deepEqual(namesOf(kapow), ["DNS:kapow.test"]);
    assert.notEqual(kapow.privateKey, proxy.privateKey);
    assert.equal(
      await renewal.asRoot(
        "cd /acme/served; stat -c '%u:%g %a' */*/*.pem */current.conf */status.json | sort -u",
      ),
      ["101:101 440", "101:101 640", "101:65532 440", "101:65532 640"].join("\n"),
    );

    const status = await renewal.status();
    const { lastAttempt, lastSuccess, nextAttempt, notBefore, notAfter, release, ...rest } = status;
    assert.match(release, /^[0-9a-f]{32}$/);
    assert.deepEqual(rest, {
      server: "proxy",
      names: ["a.test", "b.test"],
      current: true,
      issuer: proxy.certificate.issuer,
      failures: 0,
      lastError: null,
    });
    assert.equal(seconds(notBefore), Date.parse(proxy.certificate.validFrom) / 1000);
    assert.equal(seconds(notAfter), Date.parse(proxy.certificate.validTo) / 1000);
    assert.equal(lastSuccess, lastAttempt);
    const wait = seconds(nextAttempt) - seconds(lastAttempt);
    assert.ok(wait >= 6 * 3600 && wait < 6 * 3600 + 60, `looks again after ${wait} s`);

    const { output } = await renewal.exec("grep", "-v", "^#", "/acme/served/proxy/metrics.prom");
    assert.equal(
      output,
      [
        `cybexp_acme_certificate_not_after_timestamp_seconds{certificate="proxy"} ${seconds(notAfter)}`,
        'cybexp_acme_last_attempt_success{certificate="proxy"} 1',
        `cybexp_acme_last_attempt_timestamp_seconds{certificate="proxy"} ${seconds(lastAttempt)}`,
        `cybexp_acme_last_success_timestamp_seconds{certificate="proxy"} ${seconds(lastAttempt)}`,
      ].join("\n"),
    );
    const other = await renewal.status("kapow");
    assert.deepEqual(await renewal.health(), {
      code: 0,
      output: `proxy: valid until ${notAfter}; kapow: valid until ${other.notAfter}`,
    });
    assert.match(
      await renewal.log(),
      new RegExp(
        `^acme: proxy: a new certificate for a\\.test b\\.test is served, valid until ${notAfter}, next look at ${nextAttempt}$`,
        "m",
      ),
    );
    await renewal.remove();
  });

  it("gets another certificate at once for other names and for another generation, with a new key", async () => {
    const renewal = await start({ names: ["a.test"] });
    const first = await renewal.issued();
    await renewal.deliver({ names: ["a.test", "more.test"] });
    const second = await renewal
      .until("for the new names", ({ current, names }) => current && names.length === 2)
      .then(() => renewal.served());
    assert.deepEqual(namesOf(second), ["DNS:a.test", "DNS:more.test"]);
    assert.notEqual(second.privateKey, first.privateKey);

    await renewal.deliver({ generation: 2 });
    await renewal.until("served", () => true);
    const third = await (async () => {
      for (let count = 0; count < 100; count++) {
        const served = await renewal.served();
        if (served.version !== second.version) {
          return served;
        }
        await sleep(200);
      }
      return assert.fail(`no new certificate: ${await renewal.log()}`);
    })();
    assert.deepEqual(namesOf(third), namesOf(second));
    assert.notEqual(third.privateKey, second.privateKey);

    // The last two are kept for a server that has yet to reload, and of certbot's the one that is wanted.
    const kept = await renewal.asRoot("ls -d /acme/served/proxy/2* | xargs -n 1 basename");
    assert.deepEqual(kept.split("\n"), [second.version, third.version].sort());
    assert.equal((await lineages(renewal)).length, 3);
    assert.equal(await accounts(renewal), 1);
    await renewal.remove();
  });

  it("renews certificates that live for a minute, again and again, each before it ends", async () => {
    const renewal = await start({ profile: "minute" });
    const seen = new Map<string, Served>([
      await renewal.issued().then((one) => [one.version, one]),
    ]);
    const end = performance.now() + 120_000;
    while (seen.size < 3 && performance.now() < end) {
      const served = await renewal.served();
      assert.ok(Date.parse(served.certificate.validTo) > Date.now(), "an ended one is served");
      seen.set(served.version, served);
      assert.equal((await renewal.health()).code, 0);
      await sleep(1000);
    }
    assert.equal(seen.size, 3, await renewal.log());
    assert.equal(new Set([...seen.values()].map(({ privateKey }) => privateKey)).size, 3);
    assert.equal(await accounts(renewal), 1);
    await renewal.remove();
  });

  it("looks again as often as the lifetime asks for, without a word in its config", async () => {
    // A hundredth of it, and at least every six hours.
    for (const [profile, pause] of [
      ["days45", 6 * 3600],
      ["days6", 6 * 864],
    ] as const) {
      const renewal = await start({ profile });
      await renewal.issued();
      const { lastAttempt, nextAttempt } = await renewal.status();
      const wait = seconds(nextAttempt) - seconds(lastAttempt);
      assert.ok(wait >= pause - 1 && wait < pause + 60, `${profile}: again after ${wait} s`);
      await renewal.remove();
    }
  });

  it("renews when the ACME server wishes it, however far the end is", async () => {
    const renewal = await start();
    const first = await renewal.issued();
    const HOUR = 3_600_000;
    const leaf = `${first.fullchain.split("-----END CERTIFICATE-----")[0]}-----END CERTIFICATE-----\n`;
    assert.equal(new X509Certificate(leaf).serialNumber, first.certificate.serialNumber);
    await world.pebble.wish(leaf, new Date(Date.now() - 2 * HOUR), new Date(Date.now() - HOUR));
    // Looks now, and not in six hours.
    await renewal.deliver({ more: { email: "ops@example.edu" } });
    await renewal.until("renewed", ({ notBefore }) => {
      return seconds(notBefore) * 1000 > Date.parse(first.certificate.validFrom);
    });
    assert.notEqual((await renewal.served()).version, first.version);
    // The new one has no such wish: a further look leaves it alone.
    const before = (await renewal.status()).lastAttempt;
    await renewal.deliver({ more: { email: "other@example.edu" } });
    await renewal.until("looked", ({ lastAttempt }) => lastAttempt !== before);
    await renewal.until("done", ({ lastSuccess, lastAttempt }) => lastSuccess === lastAttempt);
    assert.match(await renewal.log(), /^acme: proxy: not due for renewal, valid until /m);
    await renewal.remove();
  });

  it("binds its account to an external one, and shows its key nowhere", async () => {
    const strict = await world.ownPebble("bound", { externalAccountRequired: true });
    const renewal = await start({ pebble: strict });
    const { lastError } = await renewal.until("refused", ({ failures }) => failures > 0);
    assert.match(lastError ?? "", /Server requires external account binding/);

    const secrets = [EXTERNAL_ACCOUNT.hmacKey, "hunter2"];
    const challenge = {
      kind: "hook",
      setRecord: `#!/bin/sh\n# hunter2\n. "$CYBEXP_DNS_CREDENTIALS"; test -n "$password"; sleep 3\n`,
      credentials: "password=hunter2\n",
    } as const;
    await renewal.deliver({ challenge, more: { externalAccount: EXTERNAL_ACCOUNT } });
    await renewal.until("trying", ({ lastError: error }) => error === lastError);
    let processes = "";
    for (let count = 0; count < 60 && !processes.includes("dns-set"); count++) {
      await sleep(200);
      processes = await world.sandbox.docker("top", renewal.container, "-eo", "pid,args");
    }
    assert.match(processes, /certbot certonly --config \/config\/current\/cli\.ini --cert-name/);
    assert.match(processes, /current\/dns-set/);
    await renewal.deliver({ challenge: { kind: "http" } });
    await renewal.issued();
    const shown = [
      processes,
      await world.sandbox.docker("inspect", renewal.container),
      await renewal.log(),
      (
        await renewal.exec(
          "sh",
          "-c",
          "cat /acme/served/proxy/status.json /acme/served/proxy/metrics.prom",
        )
      ).output,
      (await renewal.health()).output,
      (await renewal.exec("sh", "-c", "cat /proc/1/environ | tr '\\0' '\\n'")).output,
      await renewal.asRoot("cat /acme/state/renewal/*.conf"),
    ].join("\n");
    assert.deepEqual(
      secrets.filter((secret) => shown.includes(secret)),
      [],
    );
    await renewal.remove();
  });

  it("takes the profile that it is told, and says when there is none of that name", async () => {
    const renewal = await start({ profile: "absent" });
    const status = await renewal.until("refused", ({ failures }) => failures === 1);
    assert.equal(
      status.lastError,
      'urn:ietf:params:acme:error:invalidProfile: Order includes unrecognized profile name "absent"',
    );
    assert.equal(status.current, false);
    assert.equal(status.notAfter, null);
    assert.equal(seconds(status.nextAttempt) - seconds(status.lastAttempt) >= 30, true);
    assert.deepEqual(await renewal.health(), {
      code: 1,
      output: `proxy: has no certificate yet, failed attempts: 1, next at ${status.nextAttempt}: ${status.lastError}`,
    });
    assert.match(await renewal.log(), /^acme: proxy: attempt 1 failed, next at .*invalidProfile/m);

    await renewal.deliver({ profile: "minute" });
    const { certificate } = await renewal.issued();
    assert.equal(Date.parse(certificate.validTo) - Date.parse(certificate.validFrom), 59_000);
    await renewal.remove();
  });

  it("proves wildcards by a program of the operator's", async () => {
    const names = ["*.wild.test", "wild.test"];
    const renewal = await start({ names, challenge: { kind: "hook", ...dnsHook() } });
    const served = await renewal.issued();
    assert.deepEqual(namesOf(served), ["DNS:*.wild.test", "DNS:wild.test"]);
    await renewal.remove();
  });

  it("says what the operator's program said when it failed", async () => {
    const hook = dnsHook("echo 'no such zone' >&2; exit 3");
    const renewal = await start({ challenge: { kind: "hook", ...hook } });
    const { lastError } = await renewal.until("failed", ({ failures }) => failures === 1);
    assert.match(lastError ?? "", /no such zone/);
    await renewal.remove();
  });

  it("proves an IP address", async () => {
    const renewal = await start({ names: ["ip.test", world.address] });
    const served = await renewal.issued();
    assert.deepEqual(namesOf(served), ["DNS:ip.test", `IP Address:${world.address}`]);
    await renewal.remove();
  });

  it("keeps its account and its certificate when the container is created anew", async () => {
    const renewal = await start();
    const first = await renewal.issued();
    await renewal.remove();
    await renewal.create();
    await renewal.until("up", ({ current }) => current);
    await sleep(6000);
    assert.equal((await renewal.served()).version, first.version);
    assert.doesNotMatch(await renewal.log(), /new certificate|not due|failed/);
    // A server whose volume is new gets the same certificate again.
    await renewal.remove();
    await renewal.asRoot("rm -rf /acme/served/proxy/*");
    await renewal.create();
    await renewal.until("up", ({ current }) => current);
    assert.equal((await renewal.served()).version, first.version);
    await renewal.deliver({ generation: 2 });
    await renewal.until("asked", ({ lastAttempt, lastSuccess }) => lastAttempt === lastSuccess);
    assert.equal(await accounts(renewal), 1);
    await renewal.remove();
  });
});
