/** Certificates from an ACME server, from a stack's config to what callers are shown. */
import assert from "node:assert/strict";
import type { X509Certificate } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { AUTHORITY, make, read, server } from "../authority.ts";
import { Load } from "../long/load.ts";
import { AcmeStack, until } from "./acmeStack.ts";
import { call, type Credential } from "./client.ts";
import { docker } from "./project.ts";

interface Outputs {
  readonly serverCa: string;
  readonly certificates: Readonly<Record<string, { source: string; notAfter?: string }>>;
  readonly users: Readonly<Record<string, Credential>>;
}

let stack: AcmeStack;
let outputs: Outputs;

const isPebbles = ({ issuer }: X509Certificate) => /Pebble Intermediate/.test(issuer);
const isOwn = ({ issuer }: X509Certificate) => /server CA/.test(issuer);

const keyOf = async () => (await stack.shown()).publicKey.export({ format: "pem", type: "spki" });

/** Requests to both services, as long as something is done. */
async function underLoad(work: () => Promise<void>) {
  const { kms, backend } = stack.project.ports;
  const { user, password } = outputs.users["collector"] as Credential;
  const ca = outputs.serverCa;
  const name = "cybexp.test.example";
  const load = new Load({ kms, backend, ca, user, password, name, rate: 40 });
  await work().finally(() => load.end());
  const { requests, failures } = await load.end();
  assert.deepEqual(failures, []);
  assert.ok(requests > 50, `only ${requests} requests`);
}

describe("certificates by ACME", () => {
  before(async () => {
    make("company-root", { extensions: AUTHORITY });
    const names = server("DNS:cybexp.test.example", "DNS:localhost.example");
    make("company", { by: "company-root", extensions: names });
    stack = await AcmeStack.create();
    stack.configure((certificates) => {
      // Callers trust both from the start, so that each switch finds them prepared.
      certificates["authorities"] =
        `${certificates["authorities"] as string}${read("company-root.pem")}`;
    });
  });
  after(() => stack.remove());

  it("are there when the first up ends", async () => {
    assert.doesNotMatch(await stack.up(), /^note: .*certificate/m);
    outputs = (await stack.project.outputs()) as unknown as Outputs;
    const shown = await stack.shown();
    assert.ok(isPebbles(shown), shown.issuer);
    const output = await stack.project.pulumi("stack", "output", "--json", "certificates");
    // Not [secret]: whoever looks at the stack may see when they end.
    const { source, notAfter } =
      (JSON.parse(output.stdout) as Outputs["certificates"])["proxy"] ?? {};
    assert.deepEqual([source, Date.parse(notAfter ?? "")], ["acme", shown.validToDate.getTime()]);
    assert.equal(shown.subjectAltName, "DNS:cybexp.test.example, DNS:localhost.example");
    const { current, failures, names } = stack.status();
    assert.deepEqual(
      { current, failures, names },
      { current: true, failures: 0, names: ["cybexp.test.example", "localhost.example"] },
    );
    assert.ok(outputs.serverCa.includes((await stack.pebble.root()).trim()));
    assert.equal(outputs.serverCa.match(/BEGIN CERTIFICATE/g)?.length, 3);
  });

  it("are no change for a second up", async () => {
    assert.match(await stack.up(), /Nothing changed/);
  });

  it("leave port 80 with nothing for anybody else", async () => {
    const at = (path: string, host = "127.0.0.1") =>
      call(`http://${host}:${stack.httpPort}${path}`).then(({ status, text, headers }) => ({
        status,
        text,
        server: headers["server"],
      }));
    const nothing = { status: 404, text: "nothing here\n", server: "nginx" };
    const paths = [
      "/",
      "/.well-known/acme-challenge/",
      "/.well-known/acme-challenge/none",
      "/.well-known/acme-challenge/../../etc/passwd",
      "/.well-known/acme-challenge/%2e%2e/%2e%2e/x",
      "/.nothing",
    ];
    for (const path of paths) {
      assert.deepEqual(await at(path), nothing, path);
    }
  });

  it("are well to the doctor", async () => {
    const { output } = await stack.project.npm("doctor");
    assert.match(output, /✔ renewal +the certificate authority renews what the servers show/);
    assert.doesNotMatch(output, /✖/);
  });

  it("get a new key under load from a new container, with the same account and proxy", async () => {
    const proxy = stack.id("proxy");
    const key = await keyOf();
    await underLoad(async () => {
      docker("rm", "--force", stack.container("acme"));
      stack.configure((_, __, config) => (config["cybexp:rotation"] = { serverCertificate: 2 }));
      assert.doesNotMatch(await stack.up(), /^note: .*certificate/m);
      assert.notEqual(await keyOf(), key);
    });
    assert.equal(stack.id("proxy"), proxy);
    assert.ok(isPebbles(await stack.shown()));
    assert.equal(stack.accounts(), 1);
  });

  it("are got for one more name, and without it again, and no request is lost", async () => {
    const proxy = stack.id("proxy");
    const known = ["localhost.example"];
    await underLoad(async () => {
      for (const further of [[...known, "later.test.example"], known]) {
        stack.configure((_, __, config) => {
          Object.assign(config["cybexp:proxy"] as object, { serverNames: further });
        });
        assert.doesNotMatch(await stack.up(), /^note: .*certificate/m);
        const shown = await stack.shown(further.at(-1));
        assert.ok(isPebbles(shown), shown.issuer);
        const names = ["cybexp.test.example", ...further].map((name) => `DNS:${name}`);
        assert.deepEqual(shown.subjectAltName?.split(", ").sort(), names.sort());
      }
    });
    assert.equal(stack.id("proxy"), proxy);
  });

  it("are left for supplied and generated ones, and come back to, without a lost request or a new proxy", async () => {
    const proxy = stack.id("proxy");
    writeFileSync(join(stack.project.dir, "company.key"), read("company.key"));
    await underLoad(async () => {
      stack.configure((certificates) => {
        certificates["source"] = "supplied";
        certificates["supplied"] = [
          { certificate: read("company.pem"), privateKey: "company.key" },
        ];
      });
      await stack.up();
      assert.match((await stack.shown()).issuer, /company-root/);
      stack.configure((certificates) => (certificates["source"] = "generated"));
      await stack.up();
      assert.ok(isOwn(await stack.shown()));
      stack.configure((certificates) => (certificates["source"] = "acme"));
      await stack.up();
      assert.ok(isPebbles(await stack.shown()));
    });
    assert.equal(stack.id("proxy"), proxy);
  });

  it("are shown again after everything was restarted", async () => {
    const names = docker(
      ...["ps", "--format={{.Names}}", `--filter=label=cybexp.stack=${stack.project.stack}`],
    ).split("\n");
    docker("restart", "--time=30", ...names);
    await until(
      "all are healthy",
      () =>
        names.every(
          (name) => docker("inspect", "--format={{.State.Health.Status}}", name) === "healthy",
        ) || undefined,
      120,
    );
    assert.ok(isPebbles(await stack.shown()));
  });
});
