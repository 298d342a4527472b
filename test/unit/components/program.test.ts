/** index.ts as a whole, with the configuration of the embedded default. */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { describe, it } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { dockerName, KINDS, LABEL, parts } from "../../../names/docker.ts";
import { AUTHORITY, file, make, server } from "../../authority.ts";
import {
  authorityIn,
  generationIn,
  memberName,
  NAME,
  ownerName,
  recorded,
} from "../../../names/resources.ts";
import {
  COMPONENT,
  CONTAINER,
  NETWORK,
  RANDOM_PASSWORD,
  SELF_SIGNED_CERT,
  VOLUME,
} from "../../../names/types.ts";
import { keptParts } from "../../../settings/keptParts.ts";
import { namesOf } from "../../../stack/preflight.ts";
import {
  build,
  type Build,
  COMMAND,
  fingerprintOf,
  type Memory,
  names,
  once,
  passwordOf,
  the,
  valueOf,
} from "./mocks.ts";
import { configOf, CSR, load, program } from "./parts.ts";
import { makeAuthority } from "../pki.ts";

const ROOT = (await makeAuthority("root")).certificate;

const claimsIn = (token: string) =>
  JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as unknown;

const usual = once(() => program());

describe("the program with the embedded default's configuration", () => {
  it("leaves Pulumi's SDK as it is", async () => {
    const sdk = createRequire(import.meta.url)("@pulumi/pulumi/log") as typeof pulumi.log;
    const { debug } = sdk;
    await usual();
    assert.equal(sdk.debug, debug);
    assert.match(String(debug), /getEngine/);
  });

  it("registers these resources and no others", async () => {
    assert.deepEqual(names((await usual()).resources), [
      "command:local:Command backend-config-delivery",
      "command:local:Command backend-db-data-owner",
      "command:local:Command backend-db-image-check",
      "command:local:Command backend-db-limits",
      "command:local:Command backend-db-rest",
      "command:local:Command backend-db-retired-users",
      "command:local:Command backend-db-secrets-delivery",
      "command:local:Command backend-db-start",
      "command:local:Command backend-db-users",
      "command:local:Command backend-handback",
      "command:local:Command backend-handover",
      "command:local:Command backend-image-check",
      "command:local:Command backend-limits",
      "command:local:Command client-revocations",
      "command:local:Command engine-size",
      "command:local:Command kms-accounts",
      "command:local:Command kms-config-delivery",
      "command:local:Command kms-db-data-owner",
      "command:local:Command kms-db-image-check",
      "command:local:Command kms-db-limits",
      "command:local:Command kms-db-rest",
      "command:local:Command kms-db-retired-users",
      "command:local:Command kms-db-secrets-delivery",
      "command:local:Command kms-db-start",
      "command:local:Command kms-db-users",
      "command:local:Command kms-handback",
      "command:local:Command kms-handover",
      "command:local:Command kms-image-check",
      "command:local:Command kms-key-files",
      "command:local:Command kms-limits",
      "command:local:Command kms-secrets-owner",
      "command:local:Command proxy-bodies-owner",
      "command:local:Command proxy-limits",
      "command:local:Command proxy-nginx-version",
      "command:local:Command proxy-release-delivery",
      "command:local:Command rotation-guard",
      "command:local:Command smoke",
      "cybexp:docker:BodyVolume proxy-bodies",
      "cybexp:docker:CertificateVolume proxy-certificates",
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
      "cybexp:index:ClientList client",
      "cybexp:index:Database backend-db",
      "cybexp:index:Database kms-db",
      "cybexp:index:Deployment deployment",
      "cybexp:index:HttpService backend",
      "cybexp:index:HttpService kms",
      "cybexp:index:Kms kms",
      "cybexp:index:KmsAccounts kms-accounts",
      "cybexp:index:KmsKeys kms-key-files",
      "cybexp:index:ModuleConfigs module",
      "cybexp:index:RotatedPassword backend-db-admin-password",
      "cybexp:index:RotatedPassword backend-db-password",
      "cybexp:index:RotatedPassword kms-db-admin-password",
      "cybexp:index:RotatedPassword kms-db-password",
      "cybexp:index:RotatedPassword user-analyst",
      "cybexp:index:RotatedPassword user-collector",
      "cybexp:index:RotationGuard rotation-guard",
      "cybexp:index:SmokeCheck smoke",
      "cybexp:index:TlsProxy proxy",
      "cybexp:index:UserList user",
      "cybexp:tls:CertificateAuthority client-ca-1",
      "cybexp:tls:CertificateAuthority server-ca-1",
      "cybexp:tls:RotatedAuthority client-ca",
      "cybexp:tls:RotatedAuthority server-ca",
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
      "docker:index/volume:Volume proxy-bodies",
      "docker:index/volume:Volume proxy-certificates",
      "docker:index/volume:Volume proxy-release",
      "random:index/randomBytes:RandomBytes kms-jwt-key",
      "random:index/randomBytes:RandomBytes user-analyst-salt",
      "random:index/randomBytes:RandomBytes user-collector-salt",
      "random:index/randomId:RandomId deployment",
      "random:index/randomPassword:RandomPassword backend-db-admin-password-1",
      "random:index/randomPassword:RandomPassword backend-db-password-1",
      "random:index/randomPassword:RandomPassword kms-account-analyst",
      "random:index/randomPassword:RandomPassword kms-administrator",
      "random:index/randomPassword:RandomPassword kms-db-admin-password-1",
      "random:index/randomPassword:RandomPassword kms-db-password-1",
      "random:index/randomPassword:RandomPassword user-analyst-1",
      "random:index/randomPassword:RandomPassword user-collector-1",
      "random:index/randomPassword:RandomPassword user-salt",
      "tls:index/certRequest:CertRequest server-certificate-request",
      "tls:index/locallySignedCert:LocallySignedCert server-certificate",
      "tls:index/privateKey:PrivateKey client-ca-1-key",
      "tls:index/privateKey:PrivateKey server-ca-1-key",
      "tls:index/privateKey:PrivateKey server-certificate-key",
      "tls:index/selfSignedCert:SelfSignedCert client-ca-1",
      "tls:index/selfSignedCert:SelfSignedCert server-ca-1",
    ]);
  });

  it("pulls no image, because all are demos", async () => {
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
      "administrator",
      "backendUrl",
      "certificates",
      "clientCa",
      "clients",
      "kmsKeys",
      "kmsUrl",
      "kmsUsers",
      "moduleConfig",
      "serverCa",
      "users",
    ]);
    assert.equal(result.kmsUrl, "https://localhost:5002");
    assert.equal(result.backendUrl, "https://localhost:5001");
    assert.equal(await pulumi.isSecret(result.serverCa), false);
    assert.equal(await pulumi.isSecret(result.clientCa), false);
    assert.equal(await pulumi.isSecret(pulumi.output(result.certificates)), false);
    assert.equal(await pulumi.isSecret(result.clients), true);
    assert.equal(await pulumi.isSecret(result.users), true);
    assert.equal(await pulumi.isSecret(result.moduleConfig), true);
    assert.equal(await pulumi.isSecret(result.administrator), true);
    assert.equal(await pulumi.isSecret(result.kmsUsers), true);
    assert.equal(await pulumi.isSecret(result.kmsKeys), false);
    assert.deepEqual(await valueOf(result.kmsKeys), {
      "DE_key.pem": fingerprintOf("DE_key.pem"),
      "cpabe-pk.binary": fingerprintOf("cpabe-pk.binary"),
    });
    const { token, ...administrator } = await valueOf(result.administrator);
    assert.deepEqual(administrator, {
      user: "administrator",
      password: passwordOf("kms-administrator"),
    });
    assert.deepEqual(claimsIn(token), {
      ...{ fresh: false, iat: 0, nbf: 0, type: "access" },
      ...{ jti: "administrator-1", sub: "administrator" },
    });
    assert.deepEqual(await valueOf(result.users), {
      collector: { user: "collector", password: passwordOf("user-collector-1") },
      analyst: { user: "analyst", password: passwordOf("user-analyst-1") },
    });
    assert.deepEqual(Object.keys(await valueOf(result.moduleConfig)), ["collector", "analyst"]);
  });

  it("tells when each certificate and list ends, and names the same in the proxy's metrics", async () => {
    const config = {
      ...configOf("Pulumi.dev.yaml"),
      "cybexp:clients": JSON.stringify([
        { name: "ann", generation: 2 },
        { name: "rob", revoked: true },
        { name: "ca" },
      ]),
      "cybexp:rotation": JSON.stringify({ serverCa: 2 }),
      "cybexp:kapow": JSON.stringify({
        image: "cybexp-demo/kapow:1",
        listen: 5003,
        door: { listen: 5004 },
        init: "#!/bin/sh",
        healthRoute: "/health",
      }),
    };
    const { result, resources } = await program(config);
    const shown = await valueOf(pulumi.output(result.certificates));
    const notAfter = "2036-01-01T00:00:00Z";
    const kinds = Object.entries(shown).map(([name, { kind, source, ...end }]) => {
      assert.equal(source, "generated");
      const isList = kind === "crl";
      assert.equal(end.notAfter, isList ? "2035-12-31T00:00:00Z" : notAfter);
      assert.equal(
        end.days,
        Math.floor((Date.parse(String(end.notAfter)) - Date.now()) / 86_400_000),
      );
      return [name, kind];
    });
    assert.deepEqual(kinds, [
      ["proxy", "server"],
      ["kapow", "server"],
      ["kapow-health", "internal"],
      ["kapow-proxy", "internal"],
      ["server-ca-2", "authority"],
      ["server-ca-1", "authority"],
      ["server-ca-cross-2", "cross"],
      ["client-ca-1", "authority"],
      ["client/ann-2", "client"],
      ["client/ann-1", "client"],
      ["client/ca-1", "client"],
      ["client-ca-1-crl", "crl"],
    ]);
    const delivery = resources.find(({ name }) => name === "proxy-release-delivery");
    const { files } = delivery?.inputs["stdin"] as { files: Record<string, { content: string }> };
    const metrics = files["metrics.prom"]?.content ?? "";
    assert.deepEqual(
      [...metrics.matchAll(/^\w+\{certificate="(.*)",kind="(.*)",stack="test"\} \d+$/gm)]
        .map(([, name, kind]) => [name, kind])
        .sort(),
      kinds.toSorted(),
    );
    for (const { inputs, type, name } of resources) {
      assert.doesNotMatch(JSON.stringify(inputs), /"days"/, `${type} ${name}`);
    }
  });

  it("tells the engine of every secret that it is one", async () => {
    const { resources, outputs, result } = await usual();
    const secrets = [
      ...["kms-db", "backend-db"].flatMap((db) => [`${db}-admin-password-1`, `${db}-password-1`]),
      ...["user-collector-1", "user-analyst-1", "user-salt"],
      ...["kms-administrator", "kms-account-analyst"],
    ].map((name) => passwordOf(name));
    const configs = Object.values(await valueOf(result.moduleConfig));
    const { token } = await valueOf(result.administrator);
    const needles = [...secrets, ...configs, token, "PRIVATE KEY"];

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

  it("looks at the KMS's keys before it has the KMS make more", async () => {
    const { dependencies } = await usual();
    assert.ok(dependencies.get(`${COMMAND} kms-accounts`)?.includes(`${COMMAND} kms-key-files`));
  });

  it("gives containers, networks and volumes no secret at all", async () => {
    const told = (await usual()).resources.filter(
      ({ type, secrets }) => type.startsWith("docker:") && secrets.length > 0,
    );
    assert.deepEqual(names(told), []);
  });

  it("stores no component arguments in the state", async () => {
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

describe("what the program and the commands call things", () => {
  /** All that a stack can have. */
  const SUPPLIED = {
    "cybexp:certificates": JSON.stringify({ source: "supplied", supplied: [{}] }),
  };
  const fullest = once(() => full());
  /** With the network that the proxy has for OCSP answers. */
  const stapling = once(() => {
    make("root", { extensions: AUTHORITY });
    make("ocsp", {
      by: "root",
      extensions: [
        ...server("DNS:localhost"),
        "authorityInfoAccess=OCSP;URI:http://ocsp.example.edu/",
      ],
    });
    const supplied = [{ certificate: file("ocsp.pem"), privateKey: file("ocsp.key") }];
    const authorities = file("root.pem");
    const certificates = { source: "supplied", authorities, ocspStapling: true, supplied };
    return full({ "cybexp:certificates": JSON.stringify(certificates) });
  });
  /** With databases of the operator's own. */
  const outside = once(() =>
    full({
      "cybexp:database": JSON.stringify({
        uri: { kms: "mongodb://u:p@a.example/", backend: "mongodb://u:p@b.example/" },
      }),
    }),
  );
  const full = (more: Record<string, string> = {}) =>
    program(
      {
        ...configOf("Pulumi.dev.yaml"),
        "cybexp:throwaway": "false",
        "cybexp:certificates": JSON.stringify({
          source: "acme",
          authorities: ROOT,
          acme: { image: "cybexp-demo/certbot:1", directory: "https://acme.example.edu/dir" },
        }),
        "cybexp:clients": JSON.stringify([{ name: "ann" }, { name: "bob", csr: CSR }]),
        "cybexp:kapow": JSON.stringify({
          image: "cybexp-demo/kapow:1",
          listen: 5003,
          door: { listen: 5004 },
          init: "#!/bin/sh",
          healthRoute: "/health",
        }),
        "cybexp:collector": JSON.stringify([
          { image: "cybexp-demo/collector:1", user: "collector" },
          {
            ...{ name: "lab", image: "cybexp-demo/collector:1", user: "collector" },
            bind: "127.0.0.1:6001",
          },
        ]),
        ...more,
      },
      {},
      ["cybexp:database"],
    );

  for (const kind of KINDS) {
    it(`has these ${kind}s in Docker and no others`, async () => {
      const type = { container: CONTAINER, network: NETWORK, volume: VOLUME }[kind];
      // No stack has both: an ACME server's certificates are not stapled.
      const resources = [
        ...(await fullest()).resources,
        ...(await stapling()).resources,
        ...(await outside()).resources,
      ];
      const found = resources
        .filter((resource) => resource.type === type)
        .map(({ inputs }) => inputs["name"]);
      assert.deepEqual(
        [...new Set(found)].sort(),
        // What `up` looks for before it begins.
        [...namesOf(kind, "test", { collector: [{ name: "collector" }, { name: "lab" }] })].sort(),
      );
      assert.deepEqual(
        (await usual()).resources
          .filter((resource) => resource.type === type)
          .map(({ inputs }) => inputs["name"])
          .sort(),
        parts[kind].map((part) => dockerName("test", part)).sort(),
      );
    });
  }

  it("labels each with its owner", async () => {
    const { resources } = await fullest();
    for (const { type, name, inputs } of resources) {
      if ([CONTAINER, NETWORK, VOLUME].includes(type)) {
        const labels = (inputs["labels"] as { label: string }[]).map(({ label }) => label);
        const more: readonly string[] = [LABEL.release, LABEL.signature];
        const own = labels.filter((label) => !more.includes(label));
        assert.deepEqual(own, [LABEL.deployment, LABEL.role, LABEL.stack], name);
      }
    }
  });

  it("has all components by their types", async () => {
    const resources = [
      ...(await fullest()).resources,
      ...(await outside()).resources,
      ...(await program({ ...configOf("Pulumi.dev.yaml"), ...SUPPLIED })).resources,
    ];
    const own = resources.map(({ type }) => type).filter((type) => type.startsWith("cybexp:"));
    // The stack's engine is the default provider's.
    const used = Object.values(COMPONENT).filter((type) => type !== COMPONENT.engine);
    assert.deepEqual([...new Set(own)].sort(), used.sort());
  });

  it("has a resource for each name that is looked for", async () => {
    const built = await fullest();
    const { resources } = built;
    const missing = Object.values(NAME).filter(
      (wanted) => !resources.some(({ name }) => name === wanted),
    );
    assert.deepEqual(missing, []);
    const command = (name: string) => the(built, COMMAND, name);
    for (const part of Object.keys(keptParts)) {
      command(memberName(NAME.kept, part));
      command(ownerName(part));
    }
    command(NAME.engineSize);
    command(NAME.rotationGuard);
    const smoke = command(NAME.smoke).inputs;
    assert.ok(["release", "rotation", "access"].every((what) => recorded(what as "access", smoke)));
    assert.ok(recorded("release", command("kms-config-delivery").inputs));
    assert.ok(recorded("subject", command("client-bob-1").inputs));
  });

  it("finds users, clients and authorities by their numbers", async () => {
    const { resources } = await fullest();
    const found = (list: string, wanted: string) =>
      resources.flatMap(({ type, name }) =>
        type === wanted ? (generationIn(list, name)?.member ?? []) : [],
      );
    assert.deepEqual(found(NAME.users, RANDOM_PASSWORD), ["analyst", "collector"]);
    assert.deepEqual(found(NAME.clients, COMPONENT.clientCertificate), ["ann", "bob"]);
    const authorities = resources
      .filter(({ type }) => type === SELF_SIGNED_CERT)
      .map(({ name }) => authorityIn(name))
      .filter(Boolean);
    assert.deepEqual(authorities, ["client", "server"]);
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
      "random:index/randomId:RandomId deployment",
      "random:index/randomPassword:RandomPassword backend-db-admin-password-1",
      "random:index/randomPassword:RandomPassword kms-db-admin-password-1",
    ]);
  });

  it("checks everything that it keeps once, before any provider learns of the engine", async () => {
    const kept = { ...configOf("Pulumi.dev.yaml"), "cybexp:throwaway": "false" };
    const { looks } = await program(kept);
    assert.deepEqual(
      looks.map(({ program: looked, input }) => [looked, (input["volumes"] as unknown[])?.length]),
      [
        ["check-kept", 3],
        ["database-step", undefined],
        ["database-step", undefined],
        ["check-keys", undefined],
      ],
    );
    const refused = ["the volume x is gone"];
    const config = { ...kept, "cybexp:lost": '["kms-secrets@3f2a9c10b7d4"]' };
    await assert.rejects(program(config, { found: { refused, idle: [] } }), {
      name: "Error",
      message: "the volume x is gone",
    });
  });

  it("passes each setting to the resource that it is for", async () => {
    const built = await program({
      ...configOf("Pulumi.dev.yaml"),
      "cybexp:certificates": JSON.stringify({
        validityDays: 50,
        renewBeforeDays: 20,
        caValidityDays: 700,
        clientValidityDays: 60,
      }),
      "cybexp:clients": JSON.stringify([{ name: "ann" }]),
      "cybexp:modules": JSON.stringify({ config: { web_conn_listen: 77 } }),
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
    const ofClient = the(
      built,
      "tls:index/locallySignedCert:LocallySignedCert",
      "client-ann-1",
    ).inputs;
    assert.equal(ofClient["validityPeriodHours"], 60 * 24);
    assert.equal(ofClient["earlyRenewalHours"], 20 * 24);
    const authority = the(built, "tls:index/selfSignedCert:SelfSignedCert", "server-ca-1").inputs;
    assert.equal(authority["validityPeriodHours"], 700 * 24);
    assert.deepEqual(authority["subject"], {
      commonName: "CYBEX-P test server CA 1",
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
    const moduleConfig = (await valueOf(built.result.moduleConfig))["collector"] ?? "";
    assert.match(moduleConfig, /^web_conn_listen: 77\nenc_worker_threads: 10$/m);
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

  it("limits each container by what the engine has, the doors let through and the config says", async () => {
    const config = configOf("Pulumi.dev.yaml");
    const withResources = (key: string, resources: object) => ({
      [`cybexp:${key}`]: JSON.stringify({
        ...(JSON.parse(config[`cybexp:${key}`] ?? "") as object),
        resources,
      }),
    });
    const limitsIn = (built: Build<unknown>) =>
      Object.fromEntries(
        ["kms", "kms-db", "backend", "backend-db", "proxy"].map((name) => {
          const { memory, cpus } = the(built, "docker:index/container:Container", name).inputs;
          const { pidsLimit } = the(built, "command:local:Command", `${name}-limits`).inputs[
            "stdin"
          ] as { pidsLimit: number };
          return [name, [memory, cpus, pidsLimit]];
        }),
      );
    const nginxOf = (built: Build<unknown>) =>
      (
        the(built, "command:local:Command", "proxy-release-delivery").inputs["stdin"] as {
          files: { "nginx.conf": { content: string } };
        }
      ).files["nginx.conf"].content;

    assert.deepEqual(limitsIn(await usual()), {
      kms: [512, "1.0", 1984],
      "kms-db": [1024, "2.0", 1568],
      backend: [1216, "1.0", 1984],
      "backend-db": [2048, "2.0", 1568],
      proxy: [512, "2.0", 200],
    });
    const nginx = nginxOf(await usual());
    assert.match(nginx, /^worker_processes 4;$/m);
    assert.match(nginx, /^ +\* 8;$/m);

    const built = await program({
      ...config,
      ...withResources("backend", { memory: 400, cpus: 0.5, pids: 264 }),
      ...withResources("database", { memory: 300, backend: { pids: 1000 } }),
      ...withResources("proxy", { bodies: 340, workers: 3, connections: 512, memory: 256 }),
    });
    assert.deepEqual(limitsIn(built), {
      kms: [512, "1.0", 1984],
      "kms-db": [300, "2.0", 1568],
      backend: [400, "0.5", 264],
      "backend-db": [300, "2.0", 1000],
      proxy: [256, "2.0", 200],
    });
    const changed = nginxOf(built);
    assert.match(changed, /^worker_processes 3;$/m);
    assert.match(changed, /^ +worker_connections 512;$/m);
    assert.match(changed, /^ +limit_conn requests 50;\n +limit_conn large_bodies 20;$/m);
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
    // One signs, the other compares numbers.
    assert.deepEqual(names(elsewhere), [
      "command:local:Command client-revocations",
      "command:local:Command rotation-guard",
    ]);
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
    const built = await build(() =>
      load(config).then(
        () => undefined,
        (error: unknown) => error,
      ),
    );
    assert.ok(pulumi.RunError.isInstance(built.result));
    assert.match(built.result.message, /^The configuration of stack "test" has 1 problem\./);
    assert.match(built.result.message, /cybexp:kms\.bind = "0\.0\.0\.0:5012"/);
    assert.deepEqual(built.resources, []);
  });
});

describe("a raised number", () => {
  /** What a state has that the next one does not, or has otherwise; the components left out. */
  function changes(before: Memory, after: Memory): string[] {
    const all = [...new Set([...before.keys(), ...after.keys()])].filter(
      (key) => !key.startsWith("cybexp:"),
    );
    const change = (key: string) => {
      const [old, now] = [before.get(key)?.basis, after.get(key)?.basis];
      return old === now ? [] : [old === undefined ? "made" : now === undefined ? "gone" : "other"];
    };
    return all
      .flatMap((key) => change(key).map((what) => `${what} ${key.replace(/^\S*:/, "")}`))
      .sort();
  }

  /** One up with each configuration; what the last of them changed. */
  async function changesOf(...steps: readonly Record<string, unknown>[]): Promise<string[]> {
    const memory: Memory = new Map();
    let before: Memory = new Map();
    for (const step of steps) {
      before = new Map(memory);
      const config = Object.entries(step).map(([key, value]): [string, string] => [
        key,
        JSON.stringify(value),
      ]);
      await program({ ...configOf("Pulumi.dev.yaml"), ...Object.fromEntries(config) }, { memory }, [
        "cybexp:users",
      ]);
    }
    return changes(before, memory);
  }
  const rotation = (numbers: object) => ({ "cybexp:rotation": numbers });
  const users = (collector: object) => ({
    "cybexp:users": [{ name: "collector", ...collector }, { name: "analyst" }],
  });

  const RELEASE = ["other Command proxy-release-delivery", "other Command smoke"];
  const GUARD = "other Command rotation-guard";
  /** A service is replaced for a new config.yaml. */
  const replaced = (role: string) => [
    `other Command ${role}-config-delivery`,
    `other Command ${role}-handback`,
    `other Command ${role}-handover`,
    `other Command ${role}-limits`,
    `other Container ${role}`,
    "other Command smoke",
  ];
  /** They are in another container. */
  const ACCOUNTS = ["other Command kms-accounts", "other Command kms-key-files"];
  const databaseRotated = (role: string) => [
    GUARD,
    ...replaced(role),
    `other Command ${role}-db-retired-users`,
    `other Command ${role}-db-secrets-delivery`,
    `other Command ${role}-db-users`,
  ];
  const supplied = (text: string, more: object) =>
    users({ password: `chosen ${text} by the operator`, ...more });

  const cases: Record<
    string,
    readonly [steps: readonly Record<string, unknown>[], changes: readonly string[]]
  > = {
    "of a user": [
      [users({}), users({ generation: 2 })],
      [GUARD, ...RELEASE, "made RandomPassword user-collector-2"],
    ],
    "of a user, the one before retired": [
      [users({}), users({ generation: 2 }), users({ generation: 2, retired: 1 })],
      [
        "other Command proxy-release-delivery",
        "other Command smoke",
        "gone RandomPassword user-collector-1",
      ],
    ],
    "of a user a second time": [
      [users({}), users({ generation: 2 }), users({ generation: 3 })],
      [
        GUARD,
        ...RELEASE,
        "gone RandomPassword user-collector-1",
        "made RandomPassword user-collector-3",
      ],
    ],
    "of a user with a supplied password": [
      [supplied("first", {}), supplied("second", { generation: 2 })],
      [GUARD, ...RELEASE, "made RandomPassword user-collector-2"],
    ],
    "of the server's certificate": [
      [rotation({}), rotation({ serverCertificate: 2 })],
      [
        GUARD,
        ...RELEASE,
        "other CertRequest server-certificate-request",
        "other LocallySignedCert server-certificate",
        "other PrivateKey server-certificate-key",
      ],
    ],
    "of the authority": [
      [rotation({}), rotation({ serverCa: 2 })],
      [
        GUARD,
        ...RELEASE,
        "made CertRequest server-ca-cross-2-request",
        "made LocallySignedCert server-ca-cross-2",
        "made PrivateKey server-ca-2-key",
        "made SelfSignedCert server-ca-2",
        "other LocallySignedCert server-certificate",
      ],
    ],
    "of the authority, the one before retired": [
      [rotation({}), rotation({ serverCa: 2 }), rotation({ serverCa: 2, serverCaRetired: 1 })],
      [
        ...RELEASE,
        "gone CertRequest server-ca-cross-2-request",
        "gone LocallySignedCert server-ca-cross-2",
        "gone PrivateKey server-ca-1-key",
        "gone SelfSignedCert server-ca-1",
      ],
    ],
    "of the KMS's token key": [
      [rotation({}), rotation({ kmsJwtKey: 2 })],
      [GUARD, ...replaced("kms"), ...ACCOUNTS, "other RandomBytes kms-jwt-key"],
    ],
    "of the KMS's database": [
      [rotation({}), rotation({ kmsDatabase: 2 })],
      [
        ...databaseRotated("kms"),
        ...ACCOUNTS,
        "gone RandomPassword kms-db-password-1",
        "made RandomPassword kms-db-admin-password-2",
        "made RandomPassword kms-db-password-2",
      ],
    ],
    "of the Backend's database": [
      [rotation({}), rotation({ backendDatabase: 2 })],
      [
        ...databaseRotated("backend"),
        "gone RandomPassword backend-db-password-1",
        "made RandomPassword backend-db-admin-password-2",
        "made RandomPassword backend-db-password-2",
      ],
    ],
    "of the Backend's database a second time": [
      [rotation({}), rotation({ backendDatabase: 2 }), rotation({ backendDatabase: 3 })],
      [
        ...databaseRotated("backend"),
        "gone RandomPassword backend-db-admin-password-1",
        "gone RandomPassword backend-db-password-2",
        "made RandomPassword backend-db-admin-password-3",
        "made RandomPassword backend-db-password-3",
      ],
    ],
    "that stays": [[rotation({ serverCa: 2 }), rotation({ serverCa: 2 })], []],
  };
  for (const [what, [steps, expected]] of Object.entries(cases)) {
    it(`${what} changes what it must, and no more`, async () => {
      assert.deepEqual(await changesOf(...steps), [...expected].sort());
    });
  }
});
