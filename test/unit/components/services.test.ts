/** The databases, the KMS and the Backend. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { CONTAINER, NETWORK, RANDOM_PASSWORD as PASSWORD, VOLUME } from "../../../names/types.ts";
import type { DatabaseArgs } from "../../../components/database.ts";
import { renderBackendConfig } from "../../../render/backendConfig.ts";
import { httpHealthCheck } from "../../../render/httpProbe.ts";
import { renderKmsConfig } from "../../../render/kmsConfig.ts";
import { releaseDigest } from "../../../render/release.ts";
import type { DatabaseSettings, ServiceSettings } from "../../../settings/types.ts";
import {
  build,
  type Build,
  bytesOf,
  COMMAND,
  CONTAINER_OPTIONS,
  containerIdOf,
  deployment,
  OWNER,
  HARDENED,
  healthcheck,
  imageIdOf,
  labelsOf,
  names,
  once,
  passwordOf,
  type Registered,
  run,
  the,
  valueOf,
} from "./mocks.ts";
import { backend, backendUri, kms, kmsDatabase, kmsUri } from "./parts.ts";

/** A resource without what its type and name say already. */
function of(resource: Registered) {
  const { parent, inputs, secrets, options } = resource;
  return { parent, inputs, secrets, options };
}

const generatedPassword = { length: 32, special: false };

describe("a database", () => {
  const make = (changes: Partial<DatabaseArgs> = {}) => build(() => kmsDatabase(changes));
  const usual = once(() => make());
  const secretFiles = {
    "admin-password": { content: passwordOf("kms-db-admin-password-1"), mode: 0o400 },
  };
  const secretsDigest = releaseDigest(secretFiles);

  const container = {
    ...HARDENED,
    name: "cybexp-test-kms-db",
    hostname: "kms-db",
    image: imageIdOf("mongo:8.0"),
    labels: labelsOf("kms-db"),
    user: "999:999",
    envs: [
      "MONGO_INITDB_ROOT_PASSWORD_FILE=/run/cybexp-secrets/current/admin-password",
      "MONGO_INITDB_ROOT_USERNAME=admin",
    ],
    networksAdvanced: [{ name: "cybexp-test-kms-db", aliases: ["kms-db"] }],
    ports: [],
    volumes: [
      { volumeName: "cybexp-test-kms-db-data", containerPath: "/data/db", readOnly: false },
      {
        volumeName: "cybexp-test-kms-db-secrets",
        containerPath: "/run/cybexp-secrets",
        readOnly: true,
      },
    ],
    mounts: [],
    tmpfs: { "/tmp": "rw,noexec,nosuid,nodev,size=16m,mode=1777" },
    memory: 1024,
    memorySwap: 1024,
    cpus: "1.0",
    stopSignal: "SIGTERM",
    stopTimeout: 60,
    destroyGraceSeconds: 60,
    healthcheck: healthcheck(
      "bash",
      "-c",
      "exec 3<>/dev/tcp/$HOSTNAME/27017 && " +
        // OP_MSG { hello: 1, $db: "admin" }
        "printf '\\x34\\x00\\x00\\x00\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\xdd\\x07\\x00\\x00" +
        "\\x00\\x00\\x00\\x00\\x00\\x1f\\x00\\x00\\x00\\x10\\x68\\x65\\x6c\\x6c\\x6f\\x00\\x01\\x00\\x00\\x00" +
        "\\x02\\x24\\x64\\x62\\x00\\x06\\x00\\x00\\x00\\x61\\x64\\x6d\\x69\\x6e\\x00\\x00' >&3 && " +
        '[ "$(head -c 16 <&3 | wc -c)" -eq 16 ]',
    ),
    // The program kms-db-start waits for it.
    wait: false,
    waitTimeout: 60,
  };

  it("is waited for while it replays its journal, before its users are made", async () => {
    const built = await usual();
    assert.deepEqual(the(built, COMMAND, "kms-db-start").inputs, {
      ...run("await-start"),
      logging: "stderr",
      environment: {},
      stdin: { container: containerIdOf("kms-db"), limit: 3600 },
    });
    const before = built.dependencies.get("command:local:Command kms-db-users");
    assert.ok(before?.includes("command:local:Command kms-db-start"), String(before));
  });

  it("gets an image only once it is known to read the existing data", async () => {
    const { looks } = await usual();
    const [look, ...others] = looks.filter(({ program }) => program === "database-step");
    assert.deepEqual(others, []);
    assert.deepEqual(look?.input, {
      ...OWNER,
      container: "cybexp-test-kms-db",
      image: imageIdOf("mongo:8.0"),
      admin: { name: "admin", password: passwordOf("kms-db-admin-password-1") },
    });
  });

  it("is made of these, and of nothing else", async () => {
    assert.deepEqual(names((await usual()).resources), [
      "command:local:Command kms-db-data-kept-kms-db-data",
      "command:local:Command kms-db-data-owner",
      "command:local:Command kms-db-image-check",
      "command:local:Command kms-db-image-pull",
      "command:local:Command kms-db-limits",
      "command:local:Command kms-db-rest",
      "command:local:Command kms-db-secrets-delivery",
      "command:local:Command kms-db-start",
      "command:local:Command kms-db-users",
      "cybexp:docker:Container kms-db",
      "cybexp:docker:DataVolume kms-db-data",
      "cybexp:docker:Release kms-db-secrets",
      "cybexp:index:Database kms-db",
      "cybexp:index:KeptVolumes kms-db-data-kept",
      "cybexp:index:RotatedPassword kms-db-admin-password",
      "cybexp:index:RotatedPassword kms-db-password",
      "docker:index/container:Container kms-db",
      "docker:index/network:Network kms-db-network",
      "docker:index/remoteImage:RemoteImage kms-db-image",
      "docker:index/volume:Volume kms-db-data",
      "docker:index/volume:Volume kms-db-secrets",
      "random:index/randomPassword:RandomPassword kms-db-admin-password-1",
      "random:index/randomPassword:RandomPassword kms-db-password-1",
    ]);
  });

  it("is published nowhere unless asked for", async () => {
    assert.deepEqual(of(the(await usual(), CONTAINER, "kms-db")), {
      parent: "kms-db",
      inputs: container,
      secrets: [],
      options: CONTAINER_OPTIONS,
    });
  });

  it("is published where asked for", async () => {
    const built = await make({ publish: { address: "127.0.0.7", port: 27018 } });
    assert.deepEqual(the(built, CONTAINER, "kms-db").inputs, {
      ...container,
      ports: [{ ip: "127.0.0.7", external: 27018, internal: 27017 }],
    });
  });

  it("has a network without a way out", async () => {
    assert.deepEqual(of(the(await usual(), NETWORK, "kms-db-network")), {
      parent: "kms-db",
      inputs: { name: "cybexp-test-kms-db", internal: true, labels: labelsOf("kms-db") },
      secrets: [],
      options: {},
    });
  });

  it("gets the admin's password as a file that its own user reads", async () => {
    assert.deepEqual(of(the(await usual(), COMMAND, "kms-db-secrets-delivery")), {
      parent: "kms-db-secrets",
      inputs: {
        ...run("deliver"),
        environment: { RELEASE: secretsDigest },
        stdin: {
          volume: "cybexp-test-kms-db-secrets",
          ...OWNER,
          image: imageIdOf("mongo:8.0"),
          owner: "999:999",
          digest: secretsDigest,
          files: secretFiles,
        },
      },
      secrets: ["stdin"],
      options: {},
    });
  });

  it("gives its volume to its own user", async () => {
    assert.deepEqual(the(await usual(), COMMAND, "kms-db-data-owner").inputs["stdin"], {
      volume: "cybexp-test-kms-db-data",
      ...OWNER,
      image: imageIdOf("mongo:8.0"),
      owner: "999:999",
    });
  });

  it("is stopped while its service is frozen, before its container is removed", async () => {
    const built = await usual();
    assert.deepEqual(the(built, COMMAND, "kms-db-rest").inputs, {
      ...run("database-wake"),
      delete: run("database-rest").create,
      environment: {},
      triggers: [containerIdOf("kms-db")],
      stdin: {
        ...OWNER,
        container: "cybexp-test-kms-db",
        service: "cybexp-test-kms",
      },
    });
    // What the engine has to remove before it, must depend on it; and nothing may go with that.
    const before = built.dependencies.get("command:local:Command kms-db-rest") ?? [];
    assert.ok(before.includes(`${CONTAINER} kms-db`), String(before));
    const users = [...built.dependencies].filter(([, on]) =>
      on.includes("command:local:Command kms-db-rest"),
    );
    assert.deepEqual(users, []);
  });

  it("has one user for its service, made once it is healthy", async () => {
    assert.deepEqual(of(the(await usual(), COMMAND, "kms-db-users")), {
      parent: "kms-db",
      inputs: {
        ...run("database-users"),
        environment: { USER: "KMS_db-1" },
        stdin: {
          container: containerIdOf("kms-db"),
          admin: { name: "admin", password: passwordOf("kms-db-admin-password-1") },
          user: {
            name: "KMS_db-1",
            password: passwordOf("kms-db-password-1"),
            database: "KMS_db",
          },
        },
      },
      secrets: ["stdin"],
      options: {},
    });
  });

  it("removes its service's earlier users once the service uses the current one", async () => {
    const built = await build(() => {
      const database = kmsDatabase({ generation: 2 });
      const service = new pulumi.ComponentResource("cybexp:index:Service", "kms");
      database.retireOthers("kms-db-retired-users", service);
    });
    assert.deepEqual(of(the(built, COMMAND, "kms-db-retired-users")), {
      parent: "kms-db",
      inputs: {
        ...run("database-retire"),
        environment: { USER: "KMS_db-2" },
        stdin: {
          container: containerIdOf("kms-db"),
          admin: { name: "admin", password: passwordOf("kms-db-admin-password-2") },
          user: "KMS_db-2",
        },
      },
      secrets: ["stdin"],
      options: {},
    });
  });

  it("keeps the admin's password together with the data that it opens", async () => {
    const kept = await usual();
    assert.deepEqual(of(the(kept, PASSWORD, "kms-db-admin-password-1")), {
      parent: "kms-db-admin-password",
      inputs: generatedPassword,
      secrets: [],
      options: { protect: true },
    });
    assert.deepEqual(of(the(kept, PASSWORD, "kms-db-password-1")), {
      parent: "kms-db-password",
      inputs: generatedPassword,
      secrets: [],
      options: {},
    });
    assert.deepEqual(the(kept, VOLUME, "kms-db-data").options, {
      protect: true,
      retainOnDelete: true,
    });
    assert.deepEqual(the(kept, VOLUME, "kms-db-secrets").options, {});
  });

  it("keeps nothing of a throw-away stack", async () => {
    const thrown = await make({ deployment: deployment({ throwaway: true }) });
    assert.deepEqual(
      thrown.resources.filter(({ options }) => options.protect || options.retainOnDelete),
      [],
    );
  });

  it("outputs its service's connection string as a secret, in the state as well", async () => {
    const { result, outputs } = await usual();
    assert.equal(await valueOf(result.uri), kmsUri());
    assert.equal(await pulumi.isSecret(result.uri), true);
    assert.equal(result.containerName, "cybexp-test-kms-db");
    assert.equal(await valueOf(result.network), "cybexp-test-kms-db");
    assert.deepEqual(outputs.get("cybexp:index:Database kms-db"), {
      values: { network: "cybexp-test-kms-db", uri: kmsUri() },
      secrets: ["uri"],
    });
  });

  it("looks up a demo image and doesn't pull it", async () => {
    const demo = await make({ image: "cybexp-demo/mongo:1" });
    assert.deepEqual(demo.lookups, ["cybexp-demo/mongo:1"]);
    assert.ok(!names(demo.resources).some((name) => name.includes("RemoteImage")));
    assert.deepEqual(the(demo, CONTAINER, "kms-db").inputs, {
      ...container,
      image: imageIdOf("cybexp-demo/mongo:1"),
    });
  });
});

const settings: ServiceSettings = {
  image: "registry.example.edu/cybexp-priv:1.0",
  bind: { address: "127.0.0.1", port: 5012 },
  listen: 5002,
  access: "password",
  config: {},
};
const database: DatabaseSettings = { image: "mongo:8.0", publish: {} };

/** What the container of a service is given, but for its files and volumes. */
const serviceContainer = (role: string) => ({
  ...HARDENED,
  name: `cybexp-test-${role}`,
  hostname: role,
  image: imageIdOf(settings.image),
  labels: labelsOf(role),
  user: "65532:65532",
  envs: ["PYTHONUNBUFFERED=1"],
  networksAdvanced: [
    { name: `cybexp-test-${role}`, aliases: [role] },
    { name: `cybexp-test-${role}-db`, aliases: [] },
  ],
  ports: [{ ip: "127.0.0.1", external: 5012, internal: 5000 }],
  tmpfs: { "/tmp": "rw,noexec,nosuid,nodev,size=16m,mode=1777" },
  memory: 512,
  memorySwap: 512,
  cpus: "1.0",
  stopSignal: "SIGINT",
  stopTimeout: 30,
  destroyGraceSeconds: 30,
  healthcheck: healthcheck(...httpHealthCheck(5000)),
  waitTimeout: 60,
});

/** What its handover expects the container to be. */
const signatureIn = (built: Build<unknown>, role: string) =>
  (the(built, COMMAND, `${role}-handover`).inputs["stdin"] as { signature: string }).signature;

/** The container with its signature as a label. */
const signed = <T extends { labels: unknown[] }>(container: T, built: Build<unknown>): T => {
  const role = "hostname" in container ? String(container.hostname) : "";
  const label = { label: "cybexp.signature", value: signatureIn(built, role) };
  return { ...container, labels: container.labels.toSpliced(2, 0, label) };
};

const configMount = (role: string, config: string) => ({
  type: "bind",
  source: `/volumes/cybexp-test-${role}-config/_data/releases/${releaseDigest(configFiles(config))}/config.yaml`,
  target: "/config.yaml",
  readOnly: true,
});
const configFiles = (content: string) => ({ "config.yaml": { content, mode: 0o400 } });

/** The delivery of a service's config.yaml. */
const delivery = (role: string, config: string) => ({
  parent: `${role}-config`,
  inputs: {
    ...run("deliver"),
    environment: { RELEASE: releaseDigest(configFiles(config)) },
    stdin: {
      volume: `cybexp-test-${role}-config`,
      ...OWNER,
      image: imageIdOf(settings.image),
      owner: "65532:65532",
      digest: releaseDigest(configFiles(config)),
      files: configFiles(config),
    },
  },
  secrets: ["stdin"],
  options: {},
});

const serviceNetwork = (role: string) => ({
  parent: role,
  inputs: {
    name: `cybexp-test-${role}`,
    labels: labelsOf(role),
    options: { "com.docker.network.bridge.enable_ip_masquerade": "false" },
  },
  secrets: [],
  options: {},
});

/** The names of a service's resources, its database's left out. */
const ownNames = (built: Build<unknown>, role: string) =>
  names(built.resources).filter((name) => !name.includes(` ${role}-db`));

describe("the KMS", () => {
  const jwtKey = bytesOf("kms-jwt-key", 32).toString("hex");
  const make = (
    changes: { settings?: Partial<ServiceSettings>; throwaway?: boolean; generation?: number } = {},
    seed = "first",
  ) =>
    build(
      () =>
        kms({
          deployment: deployment({ throwaway: changes.throwaway ?? false }),
          settings: { ...settings, ...changes.settings },
          database,
          jwtKeyGeneration: changes.generation ?? 1,
        }),
      { seed },
    );
  const usual = once(() => make());
  const config = renderKmsConfig({ jwtKey, databaseUri: kmsUri() });
  const container = {
    ...serviceContainer("kms"),
    volumes: [
      { volumeName: "cybexp-test-kms-secrets", containerPath: "/secrets", readOnly: false },
    ],
    mounts: [configMount("kms", config)],
  };

  it("is made of these and its database, and of nothing else", async () => {
    assert.deepEqual(ownNames(await usual(), "kms"), [
      "command:local:Command kms-config-delivery",
      "command:local:Command kms-handback",
      "command:local:Command kms-handover",
      "command:local:Command kms-image-check",
      "command:local:Command kms-image-pull",
      "command:local:Command kms-keys",
      "command:local:Command kms-limits",
      "command:local:Command kms-secrets-kept-kms-secrets",
      "command:local:Command kms-secrets-owner",
      "cybexp:docker:Container kms",
      "cybexp:docker:DataVolume kms-secrets",
      "cybexp:docker:Release kms-config",
      "cybexp:index:HttpService kms",
      "cybexp:index:KeptVolumes kms-secrets-kept",
      "cybexp:index:Kms kms",
      "docker:index/container:Container kms",
      "docker:index/network:Network kms-network",
      "docker:index/remoteImage:RemoteImage kms-image",
      "docker:index/volume:Volume kms-config",
      "docker:index/volume:Volume kms-secrets",
      "random:index/randomBytes:RandomBytes kms-jwt-key",
    ]);
  });

  it("listens on loopback and keeps its keys in a volume", async () => {
    const built = await usual();
    assert.deepEqual(of(the(built, CONTAINER, "kms")), {
      parent: "kms",
      inputs: signed(container, built),
      secrets: [],
      options: CONTAINER_OPTIONS,
    });
    assert.deepEqual(the(built, COMMAND, "kms-secrets-owner").inputs["stdin"], {
      volume: "cybexp-test-kms-secrets",
      ...OWNER,
      image: imageIdOf(settings.image),
      owner: "65532:65532",
    });
  });

  it("starts once its database's user, its config and its keys' folder are there", async () => {
    const { dependencies } = await usual();
    const before = dependencies.get(`${CONTAINER} kms`) ?? [];
    assert.ok(before.includes(`${COMMAND} kms-db-users`));
    assert.ok(before.includes(`${COMMAND} kms-config-delivery`));
    assert.ok(before.includes(`${COMMAND} kms-secrets-owner`));
    const user = dependencies.get(`${COMMAND} kms-db-users`) ?? [];
    assert.ok(user.includes(`${CONTAINER} kms-db`));
    const server = dependencies.get(`${CONTAINER} kms-db`) ?? [];
    assert.ok(server.includes(`${COMMAND} kms-db-data-owner`));
    assert.ok(server.includes(`${COMMAND} kms-db-secrets-delivery`));
  });

  it("gets its config.yaml only as a release", async () => {
    assert.deepEqual(
      of(the(await usual(), COMMAND, "kms-config-delivery")),
      delivery("kms", config),
    );
  });

  it("has a network that it shares with the proxy, and from which nothing calls out", async () => {
    const built = await usual();
    assert.deepEqual(of(the(built, NETWORK, "kms-network")), serviceNetwork("kms"));
    assert.equal(await valueOf(built.result.service.network), "cybexp-test-kms");
    assert.equal(built.result.service.upstream, "kms:5000");
    assert.equal(await valueOf(built.result.service.containerId), containerIdOf("kms"));
  });

  it("asks for its database by name, user and role", async () => {
    const { inputs } = the(await usual(), COMMAND, "kms-db-users");
    assert.deepEqual((inputs["stdin"] as { user: unknown }).user, {
      name: "KMS_db-1",
      password: passwordOf("kms-db-password-1"),
      database: "KMS_db",
    });
  });

  it("puts the operator's own values into the config, which replaces the container", async () => {
    const overrides = { FLASK_DEBUG: false, db_name: "other" };
    const built = await make({ settings: { config: overrides } });
    const databaseUri = kmsUri().replace("KMS_db-1", "other-1").replace("/KMS_db", "/other");
    const changed = renderKmsConfig({ jwtKey, databaseUri, overrides });
    assert.notEqual(changed, config);
    assert.deepEqual(of(the(built, COMMAND, "kms-config-delivery")), delivery("kms", changed));
    const mounts = [configMount("kms", changed)];
    assert.deepEqual(the(built, CONTAINER, "kms").inputs, signed({ ...container, mounts }, built));
    assert.notEqual(mounts[0]?.source, configMount("kms", config).source);
    assert.notEqual(signatureIn(built, "kms"), signatureIn(await usual(), "kms"));
  });

  it("hands over to a stand-in before it is replaced, and back after", async () => {
    const built = await usual();
    const signature = signatureIn(built, "kms");
    assert.match(signature, /^[0-9a-f]{32}$/);
    assert.deepEqual(of(the(built, COMMAND, "kms-handover")), {
      parent: "kms",
      inputs: {
        ...run("handover"),
        environment: { SIGNATURE: signature },
        stdin: {
          ...place,
          networks: ["cybexp-test-kms-db"],
          image: imageIdOf(settings.image),
          files: { "/config.yaml": configMount("kms", config).source },
          healthCheck: httpHealthCheck(5000),
          startSeconds: 60,
          signature,
        },
      },
      secrets: [],
      options: {},
    });
    assert.deepEqual(of(the(built, COMMAND, "kms-handback")), {
      parent: "kms",
      inputs: {
        ...run("handback"),
        environment: { SIGNATURE: signature, CONTAINER: containerIdOf("kms") },
        stdin: place,
      },
      secrets: [],
      options: {},
    });
    const { dependencies } = built;
    assert.ok(dependencies.get(`${CONTAINER} kms`)?.includes(`${COMMAND} kms-handover`));
    assert.ok(dependencies.get(`${COMMAND} kms-handback`)?.includes(`${CONTAINER} kms`));
  });
  const place = {
    stack: "test",
    ...OWNER,
    role: "kms",
    port: 5000,
    container: "cybexp-test-kms",
    network: "cybexp-test-kms",
    statusPort: 8081,
    drainSeconds: 60,
  };

  it("removes earlier users of its database after that", async () => {
    const { dependencies } = await usual();
    const before = dependencies.get(`${COMMAND} kms-db-retired-users`) ?? [];
    assert.ok(before.includes(`${COMMAND} kms-handback`));
    assert.ok(before.includes(`${CONTAINER} kms`));
  });

  it("is replaced for a new key or database password, and its database is not", async () => {
    const first = await usual();
    const second = await make({}, "second");
    const changed = renderKmsConfig({
      jwtKey: bytesOf("kms-jwt-key", 32, "second").toString("hex"),
      databaseUri: kmsUri("second"),
    });
    assert.deepEqual(
      the(second, CONTAINER, "kms").inputs,
      signed({ ...container, mounts: [configMount("kms", changed)] }, second),
    );
    assert.notEqual(signatureIn(second, "kms"), signatureIn(first, "kms"));
    assert.deepEqual(the(second, CONTAINER, "kms-db"), the(first, CONTAINER, "kms-db"));
  });

  it("makes a new token key when its number is raised, and outputs it as a secret", async () => {
    const built = await make({ generation: 7 });
    assert.deepEqual(of(the(built, "random:index/randomBytes:RandomBytes", "kms-jwt-key")), {
      parent: "kms",
      inputs: { length: 32 },
      secrets: [],
      options: { replacementTrigger: 7 },
    });
    assert.equal(await valueOf(built.result.jwtKey), jwtKey);
    assert.equal(await pulumi.isSecret(built.result.jwtKey), true);
    assert.deepEqual(built.outputs.get("cybexp:index:Kms kms"), {
      values: { jwtKey },
      secrets: ["jwtKey"],
    });
  });

  it("keeps its keys and records, and the passwords that open them", async () => {
    const kept = (await usual()).resources.filter(({ options }) => options.protect);
    assert.deepEqual(names(kept), [
      "docker:index/volume:Volume kms-db-data",
      "docker:index/volume:Volume kms-secrets",
      "random:index/randomPassword:RandomPassword kms-db-admin-password-1",
    ]);
  });

  it("keeps nothing of a throw-away stack", async () => {
    const thrown = await make({ throwaway: true });
    assert.deepEqual(
      thrown.resources.filter(({ options }) => options.protect || options.retainOnDelete),
      [],
    );
  });

  it("looks up a demo image and doesn't pull it", async () => {
    const demo = await make({ settings: { image: "cybexp-demo/kms:1" } });
    assert.deepEqual(demo.lookups, ["cybexp-demo/kms:1"]);
    assert.equal(the(demo, CONTAINER, "kms").inputs["image"], imageIdOf("cybexp-demo/kms:1"));
  });

  it("publishes its database where the settings say", async () => {
    const publish = { kms: { address: "::1", port: 27017 } };
    const built = await build(() => kms({ database: { ...database, publish } }));
    assert.deepEqual(the(built, CONTAINER, "kms-db").inputs["ports"], [
      { ip: "::1", external: 27017, internal: 27017 },
    ]);
  });
});

describe("the Backend", () => {
  const make = (changes: Partial<ServiceSettings> = {}, publish = {}) =>
    build(() =>
      backend({
        settings: { ...settings, ...changes },
        database: { ...database, publish },
      }),
    );
  const usual = once(() => make());
  const config = renderBackendConfig({ databaseUri: backendUri() });
  const container = {
    ...serviceContainer("backend"),
    // Four bodies of 17 MiB at once.
    memory: 768,
    memorySwap: 768,
    volumes: [],
    mounts: [configMount("backend", config)],
  };

  it("is made of these and its database, and of nothing else", async () => {
    assert.deepEqual(ownNames(await usual(), "backend"), [
      "command:local:Command backend-config-delivery",
      "command:local:Command backend-handback",
      "command:local:Command backend-handover",
      "command:local:Command backend-image-check",
      "command:local:Command backend-image-pull",
      "command:local:Command backend-limits",
      "cybexp:docker:Container backend",
      "cybexp:docker:Release backend-config",
      "cybexp:index:Backend backend",
      "cybexp:index:HttpService backend",
      "docker:index/container:Container backend",
      "docker:index/network:Network backend-network",
      "docker:index/remoteImage:RemoteImage backend-image",
      "docker:index/volume:Volume backend-config",
    ]);
  });

  it("listens on loopback, and keeps nothing itself", async () => {
    const built = await usual();
    assert.deepEqual(of(the(built, CONTAINER, "backend")), {
      parent: "backend",
      inputs: signed(container, built),
      secrets: [],
      options: CONTAINER_OPTIONS,
    });
  });

  it("gets its config.yaml only as a release", async () => {
    assert.deepEqual(
      of(the(await usual(), COMMAND, "backend-config-delivery")),
      delivery("backend", config),
    );
  });

  it("has a network that it shares with the proxy, and from which nothing calls out", async () => {
    const built = await usual();
    assert.deepEqual(of(the(built, NETWORK, "backend-network")), serviceNetwork("backend"));
    assert.equal(built.result.service.upstream, "backend:5000");
  });

  it("asks for its database by name, user and role", async () => {
    const { inputs } = the(await usual(), COMMAND, "backend-db-users");
    assert.deepEqual((inputs["stdin"] as { user: unknown }).user, {
      name: "priv_backend-1",
      password: passwordOf("backend-db-password-1"),
      database: "priv_backend",
    });
  });

  it("puts the operator's own values into the config, which replaces the container", async () => {
    const overrides = { col_name: "other" };
    const built = await make({ config: overrides });
    const changed = renderBackendConfig({ databaseUri: backendUri(), overrides });
    assert.notEqual(changed, config);
    assert.deepEqual(
      the(built, CONTAINER, "backend").inputs,
      signed({ ...container, mounts: [configMount("backend", changed)] }, built),
    );
  });

  it("publishes its own database alone where the settings say", async () => {
    const publish = {
      kms: { address: "127.0.0.1", port: 1 },
      backend: { address: "127.0.0.1", port: 2 },
    };
    const built = await make({}, publish);
    assert.deepEqual(the(built, CONTAINER, "backend-db").inputs["ports"], [
      { ip: "127.0.0.1", external: 2, internal: 27017 },
    ]);
  });

  it("keeps its records, and the passwords that open them", async () => {
    const kept = (await usual()).resources.filter(({ options }) => options.protect);
    assert.deepEqual(names(kept), [
      "docker:index/volume:Volume backend-db-data",
      "random:index/randomPassword:RandomPassword backend-db-admin-password-1",
    ]);
  });
});
