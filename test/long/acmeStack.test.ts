/** Certificates by ACME on a deployed stack, for longer, under more load, and from stricter authorities. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { EXTERNAL_ACCOUNT } from "../acme/pebble.ts";
import { AcmeStack, dnsPrograms, until } from "../integration/acmeStack.ts";
import type { Credential } from "../integration/client.ts";
import { Load } from "./load.ts";

describe("certificates that live for two minutes", () => {
  let stack: AcmeStack;
  before(async () => {
    stack = await AcmeStack.create();
    stack.configure((_, acme) => (acme["profile"] = "minutes"));
    await stack.up();
  });
  after(() => stack.remove());

  it("are renewed again and again under 200 requests a second, and none is lost", async (t) => {
    const { kms, backend } = stack.project.ports;
    const { serverCa, users } = (await stack.project.outputs()) as unknown as {
      readonly serverCa: string;
      readonly users: Readonly<Record<string, Credential>>;
    };
    const { user, password } = users["collector"] as Credential;
    const name = "cybexp.test.example";
    const proxy = stack.id("proxy");
    const load = new Load({ kms, backend, ca: serverCa, user, password, name, rate: 200 });
    const serials = new Set<string>();
    for (const end = Date.now() + 480_000; serials.size < 5 && Date.now() < end;) {
      const shown = await stack.shown();
      serials.add(shown.serialNumber);
      assert.ok(shown.validToDate > new Date(), "never an expired one");
      await sleep(1000);
    }
    const { requests, failures, resets, slowestMs } = await load.end();
    t.diagnostic(`${requests} requests, slowest ${slowestMs} ms, ${resets.length} resets`);
    assert.equal(serials.size, 5);
    assert.deepEqual({ failures, resets }, { failures: [], resets: [] });
    assert.equal(stack.id("proxy"), proxy);
    assert.equal(stack.accounts(), 1);
  });

  it("are got again when the authority is back, without a word from the operator", async () => {
    await stack.pebble.leave();
    await until("a failure", () => stack.status().failures > 0 || undefined, 120);
    await stack.pebble.comeBack();
    await until("renewed", () => stack.status().failures === 0 || undefined, 300);
  });

  it("outlast an authority that is away, and the doctor says so", async () => {
    stack.configure((_, acme) => (acme["profile"] = "long"));
    await stack.up();
    stack.configure((_, __, config) => {
      (config["cybexp:proxy"] as { serverNames: string[] }).serverNames.push("later.test.example");
    });
    const before = await stack.shown();
    await stack.pebble.leave();
    const output = await stack.up();
    assert.match(
      output,
      /the certificate authority has not issued the certificate for .*later\.test\.example of the proxy yet, so the certificate that is valid until \S+ serves: \d attempts? failed \(.*\); the next is at/,
    );
    assert.equal((await stack.shown()).issuer, before.issuer);
    const { code, output: words } = await stack.project.npm("doctor");
    assert.equal(code, 1);
    assert.match(words, /✖ .*(acme is unhealthy|has not issued the certificate)/);

    await stack.pebble.comeBack();
    stack.configure((_, __, config) => {
      (config["cybexp:proxy"] as { serverNames: string[] }).serverNames.pop();
    });
    assert.doesNotMatch(await stack.up(), /^note: .*certificate/m);
    assert.match((await stack.shown()).issuer, /Pebble/);
  });
});

describe("an authority that wants an external account, and names that only DNS can prove", () => {
  let stack: AcmeStack;
  before(async () => {
    stack = await AcmeStack.create({ externalAccountRequired: true });
  });
  after(() => stack.remove());

  it("says what is missing, while the interim certificate serves", async () => {
    assert.match(
      await stack.up(),
      /has not issued the certificate for .* of the proxy yet, so an interim certificate of the stack's own authority serves: .*external account binding/,
    );
    assert.match((await stack.shown()).issuer, /server CA/);
  });

  it("gives the certificate once it knows the account, also for a wildcard", async () => {
    const { keyId, hmacKey } = EXTERNAL_ACCOUNT;
    const set = await stack.project.npm(
      ...(["pulumi", "config", "set", "--path", "cybexp:certificates.acme.eab.keyId"] as const),
      ...[keyId, "--stack", stack.project.stack],
    );
    assert.equal(set.code, 0, set.output);
    const secret = await stack.project.feed(
      hmacKey,
      ...(["pulumi", "config", "set", "--secret", "--path"] as const),
      ...["cybexp:certificates.acme.eab.hmacKey", "--stack", stack.project.stack],
    );
    assert.equal(secret.code, 0, secret.output);
    const management = await stack.pebble.management();
    stack.configure((_, acme, config) => {
      acme["challenge"] = "dns";
      acme["dns"] = dnsPrograms(management);
      (config["cybexp:proxy"] as { serverNames: string[] }).serverNames.push("*.test.example");
    });
    assert.doesNotMatch(await stack.up(), /^note: .*certificate/m);
    const shown = await stack.shown("any.test.example");
    assert.match(shown.issuer, /Pebble/);
    assert.match(shown.subjectAltName ?? "", /DNS:\*\.test\.example/);
    const { stdout } = await stack.project.pulumi("stack", "export");
    assert.ok(!stdout.includes(hmacKey));
  });
});
