/** A service whose database is the operator's own. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CONTAINER, NETWORK, VOLUME } from "../../../names/types.ts";
import { renderKmsConfig } from "../../../render/kmsConfig.ts";
import { doorConf, exitConf } from "../../../render/databaseDoor.ts";
import type { DatabaseSettings } from "../../../settings/types.ts";
import {
  build,
  bytesOf,
  COMMAND,
  deployment,
  OWNER,
  imageIdOf,
  labelsOf,
  names,
  once,
  REACHED,
  run,
  the,
} from "./mocks.ts";
import { kms } from "./parts.ts";

const URI = "mongodb://kms:secret%40@a.example:27018/?authSource=admin&tls=true";
const SRV = "mongodb+srv://kms:secret%40@cluster.example.net/";
const CA = "the CA's certificate\n";

const make = (changes: Partial<DatabaseSettings> = {}, throwaway = false) =>
  build(() => {
    const made = kms({
      deployment: deployment({ throwaway }),
      doorImage: "nginx:1.28",
      database: {
        publish: {},
        uri: { kms: URI },
        ca: CA,
        hosts: [{ name: "a.example", address: "192.0.2.7" }],
        left: ["kms@own"],
        ...changes,
      },
    });
    return { uri: made.database.uri, check: made.database.check };
  });
const usual = once(() => make());
const srv = once(() => make({ uri: { kms: SRV } }));

/** Everything of the way to the database. */
const parts = (built: Awaited<ReturnType<typeof make>>) =>
  names(built.resources.filter(({ name }) => name.startsWith("kms-db")));

describe("a KMS with a database of the operator's own", () => {
  it("has a way to it, and no database of the stack's", async () => {
    assert.deepEqual(parts(await usual()), [
      "command:local:Command kms-db-door-config-delivery",
      "command:local:Command kms-db-door-image-check",
      "command:local:Command kms-db-door-image-pull",
      "command:local:Command kms-db-door-limits",
      "command:local:Command kms-db-exit-limits",
      "command:local:Command kms-db-reach",
      "cybexp:docker:Container kms-db-door",
      "cybexp:docker:Container kms-db-exit",
      "cybexp:docker:DatabaseDoor kms-db-door",
      "cybexp:docker:Release kms-db-door-config",
      "cybexp:index:ExternalDatabase kms-db",
      "docker:index/container:Container kms-db-door",
      "docker:index/container:Container kms-db-exit",
      "docker:index/network:Network kms-db-door-network",
      "docker:index/network:Network kms-db-exit-network",
      "docker:index/remoteImage:RemoteImage kms-db-door-image",
      "docker:index/volume:Volume kms-db-door-config",
    ]);
  });

  it("asks it from the engine first, with everything secret on standard input, and remembers where it is", async () => {
    const reach = the(await usual(), COMMAND, "kms-db-reach");
    assert.deepEqual(reach.inputs, {
      ...run("database-reach"),
      addPreviousOutputInEnv: true,
      logging: "stderr",
      environment: { DATABASE: "a.example:27018/KMS_db" },
      stdin: {
        service: "KMS",
        uri: URI,
        ca: CA,
        database: "KMS_db",
        collections: ["Users"],
        ...OWNER,
        image: imageIdOf("cybexp-demo/kms:1"),
        addresses: [{ name: "a.example", address: "192.0.2.7" }],
        place: "a.example:27018/KMS_db",
        role: "kms",
        containers: { own: "cybexp-test-kms-db" },
        left: ["kms@own"],
        throwaway: false,
      },
    });
    assert.deepEqual(reach.secrets, ["stdin"]);
    assert.deepEqual(reach.options, { protect: true });
    const thrownAway = await make({}, true);
    assert.deepEqual(the(thrownAway, COMMAND, "kms-db-reach").options, {});
  });

  it("reaches the first of two Nginx by the names of its hosts, and the second one calls out", async () => {
    const built = await usual();
    const networks = (name: string) => the(built, CONTAINER, name).inputs["networksAdvanced"];
    assert.deepEqual(networks("kms-db-door"), [
      { name: "cybexp-test-kms-db-door", aliases: ["a.example"] },
      { name: "cybexp-test-kms-db-exit", aliases: [] },
    ]);
    assert.deepEqual(networks("kms-db-exit"), [
      { name: "cybexp-test-kms-db-exit", aliases: ["kms-db-exit"] },
    ]);
    assert.deepEqual(networks("kms"), [
      { name: "cybexp-test-kms", aliases: ["kms"] },
      { name: "cybexp-test-kms-db-door", aliases: [] },
    ]);
    assert.deepEqual(the(built, NETWORK, "kms-db-door-network").inputs, {
      name: "cybexp-test-kms-db-door",
      internal: true,
      labels: labelsOf("kms-db-door"),
    });
    assert.deepEqual(the(built, NETWORK, "kms-db-exit-network").inputs, {
      name: "cybexp-test-kms-db-exit",
      internal: false,
      labels: labelsOf("kms-db-exit"),
    });
    for (const name of ["kms-db-door", "kms-db-exit"]) {
      const { inputs } = the(built, CONTAINER, name);
      assert.deepEqual(inputs["ports"], []);
      assert.equal(inputs["image"], imageIdOf("nginx:1.28"));
      assert.equal(inputs["user"], "101:101");
    }
    const hosts = [{ name: "a.example", port: 27018 }];
    const delivery = the(built, COMMAND, "kms-db-door-config-delivery").inputs["stdin"];
    assert.deepEqual((delivery as { files: unknown }).files, {
      "door.conf": { content: doorConf(hosts, "kms-db-exit"), mode: 0o400 },
      "exit.conf": {
        content: exitConf(hosts, [{ name: "a.example", address: "192.0.2.7" }]),
        mode: 0o400,
      },
    });
  });

  it("gets its connection string and the CA as files, and no request is lost for a new password", async () => {
    const built = await usual();
    const databaseUri =
      "mongodb://kms:secret%40@a.example:27018/?authSource=admin&tls=true&tlsCAFile=%2Fdatabase-ca.pem";
    const config = renderKmsConfig({
      jwtKey: bytesOf("kms-jwt-key", 32).toString("hex"),
      databaseUri,
    });
    const delivery = the(built, COMMAND, "kms-config-delivery");
    const { files } = delivery.inputs["stdin"] as { files: Record<string, { content: string }> };
    assert.deepEqual(
      Object.fromEntries(Object.entries(files).map(([name, { content }]) => [name, content])),
      { "config.yaml": config, "database-ca.pem": CA },
    );
    assert.deepEqual(delivery.secrets, ["stdin"]);
    const handover = the(built, COMMAND, "kms-handover").inputs["stdin"];
    assert.deepEqual((handover as { networks: unknown }).networks, ["cybexp-test-kms-db-door"]);

    const changed = await make({ uri: { kms: URI.replace("secret", "another") } });
    for (const name of ["kms-db-door", "kms-db-exit"]) {
      assert.deepEqual(the(changed, CONTAINER, name).inputs, the(built, CONTAINER, name).inputs);
    }
  });

  it("gets the hosts that DNS names, where it is asked", async () => {
    const built = await srv();
    const { networksAdvanced } = the(built, CONTAINER, "kms-db-door").inputs as {
      networksAdvanced: { aliases: string[] }[];
    };
    assert.deepEqual(
      networksAdvanced[0]?.aliases,
      REACHED.hosts.map(({ name }) => name),
    );
    const text = JSON.stringify(the(built, COMMAND, "kms-config-delivery").inputs);
    assert.match(
      text,
      /mongodb:\/\/kms:secret%40@shard-0\.example\.net:27017,shard-1\.example\.net:27017\/\?replicaSet=rs&tls=true&tlsCAFile=/,
    );
  });

  it("has its keys kept, and no data of a database", async () => {
    const volumes = (await usual()).resources.filter(({ type }) => type === VOLUME);
    assert.deepEqual(volumes.map(({ name }) => name).sort(), [
      "kms-config",
      "kms-db-door-config",
      "kms-secrets",
    ]);
  });
});
