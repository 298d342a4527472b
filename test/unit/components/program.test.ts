/** index.ts as a whole, with the configuration of the embedded default. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { parse } from "yaml";
import type * as Index from "../../../index.ts";
import { build, type Build, names, once, passwordOf, the, valueOf, type World } from "./mocks.ts";

type Outputs = typeof Index;

/** The stack's and the project's configuration as Pulumi hands it over: text, or JSON. */
function configOf(stackFile: string): Record<string, string> {
  const read = (file: string) =>
    (parse(readFileSync(file, "utf8")) as { config: Record<string, unknown> }).config;
  const defaults = Object.entries(read("Pulumi.yaml")).map(([key, declared]) => [
    `cybexp:${key}`,
    (declared as { default: unknown }).default,
  ]);
  const values = { ...Object.fromEntries(defaults), ...read(stackFile) } as Record<string, unknown>;
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [
      key,
      typeof value === "string" ? value : JSON.stringify(value),
    ]),
  );
}

let programs = 0;

/** Builds the whole program anew. */
function program(
  config: Record<string, string> = configOf("Pulumi.dev.yaml"),
  world: World = {},
  secretKeys: string[] = [],
): Promise<Build<Outputs>> {
  // A module is evaluated once; another query makes it another module.
  const url = new URL(`../../../index.ts?${programs++}`, import.meta.url);
  return build(() => {
    pulumi.runtime.setAllConfig(config, secretKeys);
    return import(url.href) as Promise<Outputs>;
  }, world);
}
const usual = once(() => program());

describe("the program with the embedded default's configuration", () => {
  it("registers these resources and no others", async () => {
    assert.deepEqual(names((await usual()).resources), [
      "command:local:Command backend-config-delivery",
      "command:local:Command backend-db-data-owner",
      "command:local:Command backend-db-limits",
      "command:local:Command backend-db-secrets-delivery",
      "command:local:Command backend-db-user",
      "command:local:Command backend-limits",
      "command:local:Command kms-config-delivery",
      "command:local:Command kms-db-data-owner",
      "command:local:Command kms-db-limits",
      "command:local:Command kms-db-secrets-delivery",
      "command:local:Command kms-db-user",
      "command:local:Command kms-limits",
      "command:local:Command kms-secrets-owner",
      "command:local:Command proxy-limits",
      "command:local:Command proxy-nginx-version",
      "command:local:Command proxy-release-delivery",
      "command:local:Command smoke",
      "cybexp:docker:Container backend",
      "cybexp:docker:Container backend-db",
      "cybexp:docker:Container kms",
      "cybexp:docker:Container kms-db",
      "cybexp:docker:Container proxy",
      "cybexp:docker:DataVolume backend-db-data",
      "cybexp:docker:DataVolume kms-db-data",
      "cybexp:docker:DataVolume kms-secrets",
      "cybexp:docker:Release backend-config",
      "cybexp:docker:Release backend-db-secrets",
      "cybexp:docker:Release kms-config",
      "cybexp:docker:Release kms-db-secrets",
      "cybexp:docker:Release proxy-release",
      "cybexp:index:Backend backend",
      "cybexp:index:Database backend-db",
      "cybexp:index:Database kms-db",
      "cybexp:index:Kms kms",
      "cybexp:index:ModuleConfigs module",
      "cybexp:index:Service backend",
      "cybexp:index:Service kms",
      "cybexp:index:SmokeCheck smoke",
      "cybexp:index:TlsProxy proxy",
      "cybexp:index:UserList user",
      "cybexp:tls:CertificateAuthority server-ca",
      "cybexp:tls:ServerCertificate server-certificate",
      "docker:index/container:Container backend",
      "docker:index/container:Container backend-db",
      "docker:index/container:Container kms",
      "docker:index/container:Container kms-db",
      "docker:index/container:Container proxy",
      "docker:index/network:Network backend-db-network",
      "docker:index/network:Network backend-network",
      "docker:index/network:Network kms-db-network",
      "docker:index/network:Network kms-network",
      "docker:index/network:Network proxy-network",
      "docker:index/volume:Volume backend-config",
      "docker:index/volume:Volume backend-db-data",
      "docker:index/volume:Volume backend-db-secrets",
      "docker:index/volume:Volume kms-config",
      "docker:index/volume:Volume kms-db-data",
      "docker:index/volume:Volume kms-db-secrets",
      "docker:index/volume:Volume kms-secrets",
      "docker:index/volume:Volume proxy-release",
      "random:index/randomBytes:RandomBytes kms-jwt-key",
      "random:index/randomBytes:RandomBytes user-analyst-salt",
      "random:index/randomBytes:RandomBytes user-collector-salt",
      "random:index/randomId:RandomId deployment",
      "random:index/randomPassword:RandomPassword backend-db-admin-password",
      "random:index/randomPassword:RandomPassword backend-db-password",
      "random:index/randomPassword:RandomPassword kms-db-admin-password",
      "random:index/randomPassword:RandomPassword kms-db-password",
      "random:index/randomPassword:RandomPassword user-analyst",
      "random:index/randomPassword:RandomPassword user-collector",
      "tls:index/certRequest:CertRequest server-certificate-request",
      "tls:index/locallySignedCert:LocallySignedCert server-certificate",
      "tls:index/privateKey:PrivateKey server-ca-key",
      "tls:index/privateKey:PrivateKey server-certificate-key",
      "tls:index/selfSignedCert:SelfSignedCert server-ca",
    ]);
  });

  it("pulls no image: all are demos", async () => {
    assert.deepEqual((await usual()).lookups, [
      "cybexp-demo/backend:1",
      "cybexp-demo/kms:1",
      "cybexp-demo/mongo:1",
      "cybexp-demo/mongo:1",
      "cybexp-demo/nginx:1",
    ]);
  });

  it("has these outputs, the secret ones as secrets", async () => {
    const { result } = await usual();
    assert.deepEqual(Object.keys(result).sort(), [
      "backendUrl",
      "kmsUrl",
      "moduleConfig",
      "serverCa",
      "users",
    ]);
    assert.equal(result.kmsUrl, "https://localhost:5002");
    assert.equal(result.backendUrl, "https://localhost:5001");
    assert.equal(await pulumi.isSecret(result.serverCa), false);
    assert.equal(await pulumi.isSecret(result.users), true);
    assert.equal(await pulumi.isSecret(result.moduleConfig), true);
    assert.deepEqual(await valueOf(result.users), {
      collector: { user: "collector", password: passwordOf("user-collector") },
      analyst: { user: "analyst", password: passwordOf("user-analyst") },
    });
    assert.deepEqual(Object.keys(await valueOf(result.moduleConfig)), ["collector", "analyst"]);
  });

  it("tells the engine of every secret that it is one", async () => {
    const { resources, outputs, result } = await usual();
    const secrets = [
      ...["kms-db", "backend-db"].flatMap((db) => [`${db}-admin-password`, `${db}-password`]),
      ...["user-collector", "user-analyst"],
    ].map((name) => passwordOf(name));
    const configs = Object.values(await valueOf(result.moduleConfig));
    const needles = [...secrets, ...configs, "PRIVATE KEY"];

    const leaks: string[] = [];
    const search = (
      where: string,
      values: Readonly<Record<string, unknown>>,
      hidden: readonly string[],
    ) => {
      for (const [key, value] of Object.entries(values)) {
        const text = JSON.stringify(value);
        if (!hidden.includes(key) && needles.some((needle) => text.includes(needle))) {
          leaks.push(`${where} ${key}`);
        }
      }
    };
    for (const { type, name, inputs, secrets: hidden } of resources) {
      search(`${type} ${name}`, inputs, hidden);
    }
    for (const [where, { values, secrets: hidden }] of outputs) {
      search(where, values, hidden);
    }
    assert.deepEqual(leaks, []);
  });

  it("gives containers, networks and volumes no secret at all", async () => {
    const told = (await usual()).resources.filter(
      ({ type, secrets }) => type.startsWith("docker:") && secrets.length > 0,
    );
    assert.deepEqual(names(told), []);
  });

  it("hands no arguments to the state by its components", async () => {
    const talkative = (await usual()).resources.filter(
      ({ type, inputs }) => type.startsWith("cybexp:") && Object.keys(inputs).length > 0,
    );
    assert.deepEqual(names(talkative), []);
  });

  it("gives the same inputs when it is built twice", async () => {
    const [first, second] = [await usual(), await program()];
    assert.deepEqual(second.resources, first.resources);
    assert.deepEqual(second.outputs, first.outputs);
    assert.deepEqual(second.dependencies, first.dependencies);
  });

  it("registers the same in a preview of a new stack, where no id or password is known", async () => {
    const preview = await program(undefined, { preview: true });
    assert.deepEqual(names(preview.resources), names((await usual()).resources));
  });

  it("keeps nothing, since dev is a throw-away stack", async () => {
    const kept = (await usual()).resources.filter(
      ({ options }) => options.protect || options.retainOnDelete,
    );
    assert.deepEqual(names(kept), []);
  });
});

describe("the program with another configuration", () => {
  it("keeps records, keys and what opens them when it is no throw-away stack", async () => {
    const { resources } = await program({
      ...configOf("Pulumi.dev.yaml"),
      "cybexp:throwaway": "false",
    });
    const kept = (option: "protect" | "retainOnDelete") =>
      names(resources.filter(({ options }) => options[option]));
    assert.deepEqual(kept("retainOnDelete"), [
      "docker:index/volume:Volume backend-db-data",
      "docker:index/volume:Volume kms-db-data",
      "docker:index/volume:Volume kms-secrets",
    ]);
    assert.deepEqual(kept("protect"), [
      "docker:index/volume:Volume backend-db-data",
      "docker:index/volume:Volume kms-db-data",
      "docker:index/volume:Volume kms-secrets",
      "random:index/randomPassword:RandomPassword backend-db-admin-password",
      "random:index/randomPassword:RandomPassword kms-db-admin-password",
    ]);
  });

  it("rotates a secret for its number, and no other", async () => {
    const rotation = { kmsJwtKey: 2, serverCertificate: 3, serverCa: 4 };
    const { resources } = await program({
      ...configOf("Pulumi.dev.yaml"),
      "cybexp:rotation": JSON.stringify(rotation),
    });
    const triggers = resources.flatMap(({ name, options }) =>
      options.replacementTrigger === undefined ? [] : [[name, options.replacementTrigger]],
    );
    assert.deepEqual(triggers, [
      ["kms-jwt-key", 2],
      ["server-ca-key", 4],
      ["server-certificate-key", 3],
    ]);
  });

  it("hands each setting to what it is for", async () => {
    const built = await program({
      ...configOf("Pulumi.dev.yaml"),
      "cybexp:certificates": JSON.stringify({
        validityDays: 50,
        renewBeforeDays: 20,
        caValidityDays: 700,
      }),
      "cybexp:proxy": JSON.stringify({
        image: "nginx:1.30.1",
        serverName: "cybexp.example.edu",
        address: "192.0.2.1",
      }),
    });
    const certificate = the(
      built,
      "tls:index/locallySignedCert:LocallySignedCert",
      "server-certificate",
    ).inputs;
    assert.equal(certificate["validityPeriodHours"], 50 * 24);
    assert.equal(certificate["earlyRenewalHours"], 20 * 24);
    const authority = the(built, "tls:index/selfSignedCert:SelfSignedCert", "server-ca").inputs;
    assert.equal(authority["validityPeriodHours"], 700 * 24);
    assert.deepEqual(authority["subject"], {
      commonName: "CYBEX-P test server CA",
      organization: "CYBEX-P",
    });
    const ports = (name: string) =>
      the(built, "docker:index/container:Container", name).inputs["ports"];
    assert.deepEqual(ports("proxy"), [
      { ip: "192.0.2.1", external: 5002, internal: 8441 },
      { ip: "192.0.2.1", external: 5001, internal: 8442 },
    ]);
    assert.deepEqual(ports("kms"), [{ ip: "127.0.0.1", external: 5012, internal: 5000 }]);
    assert.deepEqual(ports("backend"), [{ ip: "127.0.0.1", external: 5011, internal: 5000 }]);
    assert.equal(built.result.kmsUrl, "https://cybexp.example.edu:5002");
    assert.equal(built.result.backendUrl, "https://cybexp.example.edu:5001");
    const nginx = (
      the(built, "command:local:Command", "proxy-release-delivery").inputs["stdin"] as {
        files: { "nginx.conf": { content: string } };
      }
    ).files["nginx.conf"].content;
    assert.deepEqual(
      [...nginx.matchAll(/client_max_body_size (\w+);/g)].map(([, size]) => size).sort(),
      ["17m", "64k"],
    );
  });

  it("runs its programs on the engine that the stack names", async () => {
    const { resources } = await program({
      ...configOf("Pulumi.dev.yaml"),
      "docker:host": "ssh://operator@host.example.edu",
    });
    const elsewhere = resources.filter(
      ({ type, inputs }) =>
        type === "command:local:Command" &&
        (inputs["stdin"] as { dockerHost?: string }).dockerHost !==
          "ssh://operator@host.example.edu",
    );
    assert.deepEqual(names(elsewhere), []);
  });

  it("refuses bad configuration before it registers anything", async () => {
    const config = {
      ...configOf("Pulumi.dev.yaml"),
      "cybexp:kms": JSON.stringify({
        image: "cybexp-demo/kms:1",
        bind: "0.0.0.0:5012",
        listen: 5002,
      }),
    };
    const built = await build(async () => {
      pulumi.runtime.setAllConfig(config);
      const url = new URL(`../../../index.ts?${programs++}`, import.meta.url);
      return import(url.href).then(
        () => undefined,
        (error: unknown) => error,
      );
    });
    assert.ok(pulumi.RunError.isInstance(built.result));
    assert.match(built.result.message, /^The configuration of stack "test" has 1 problem\./);
    assert.match(built.result.message, /cybexp:kms\.bind = "0\.0\.0\.0:5012"/);
    assert.deepEqual(built.resources, []);
  });
});
