/** A collector with its door and gate. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { parse } from "yaml";
import { Collector, type CollectorArgs } from "../../../components/collector.ts";
import type { TlsProxy } from "../../../components/tlsProxy.ts";
import { UserList } from "../../../components/userList.ts";
import { commandOf } from "../../../names/programs.ts";
import { CONTAINER, NETWORK } from "../../../names/types.ts";
import type { CollectorSettings } from "../../../settings/types.ts";
import { build, COMMAND, deployment, imageIdOf, once, passwordOf, the } from "./mocks.ts";

const settings: CollectorSettings = {
  name: "honeypot",
  image: "registry.example.edu/collector:1.0",
  user: "collector",
  bind: { address: "127.0.0.1", port: 6000 },
  expose: false,
  config: { enc_worker_threads: 4 },
  debug: {},
  drainSeconds: 90,
};

const make = (changes: Partial<CollectorArgs> = {}, imageOf: Partial<CollectorSettings> = {}) =>
  build(
    () =>
      new Collector("collector-honeypot", {
        deployment: deployment(),
        settings: { ...settings, ...imageOf },
        proxy: {
          network: pulumi.output("cybexp-test-edge"),
          host: "cybexp-test-proxy",
          ways: [
            { port: 5002, internal: 8441 },
            { port: 5001, internal: 8442 },
          ],
        } as unknown as TlsProxy,
        serverName: "cybexp.example.edu",
        kmsUrl: "https://cybexp.example.edu:5002",
        backendUrl: "https://cybexp.example.edu:5001",
        serverCa: "authorities\n",
        users: new UserList("user", { users: [{ name: "collector" }] }),
        jwtKey: "ab".repeat(32),
        jwtKeyGeneration: 1,
        after: [],
        ...changes,
      }),
  );
const usual = once(() => make());

type Place = Record<string, unknown>;
const networksOf = (inputs: Place) =>
  (inputs["networksAdvanced"] as { name: string; aliases: string[] }[]).map(({ name, aliases }) => [
    name,
    ...aliases,
  ]);

describe("a collector", () => {
  it("reaches nothing but its gate, which is the proxy to it", async () => {
    const built = await usual();
    const collector = the(built, CONTAINER, "collector-honeypot").inputs;
    assert.deepEqual(networksOf(collector), [["cybexp-test-collector-honeypot", "collector"]]);
    assert.equal(the(built, NETWORK, "collector-honeypot-network").inputs["internal"], true);
    const gate = the(built, CONTAINER, "collector-honeypot-door-gate").inputs;
    assert.deepEqual(networksOf(gate), [
      ["cybexp-test-collector-door-honeypot", "gate"],
      ["cybexp-test-collector-honeypot", "cybexp.example.edu"],
      ["cybexp-test-edge"],
    ]);
    assert.deepEqual([collector["ports"], gate["ports"]], [[], []]);
  });

  it("takes records at its door, which has that port and no other network", async () => {
    const door = the(await usual(), CONTAINER, "collector-honeypot-door").inputs;
    assert.deepEqual(networksOf(door), [["cybexp-test-collector-door-honeypot"]]);
    assert.deepEqual(door["ports"], [{ ip: "127.0.0.1", external: 6000, internal: 6000 }]);
  });

  it("is ended by SIGINT, with the time that its records take", async () => {
    const { inputs } = the(await usual(), CONTAINER, "collector-honeypot");
    assert.deepEqual(
      [inputs["stopSignal"], inputs["destroyGraceSeconds"], inputs["init"]],
      ["SIGINT", 90, undefined],
    );
  });

  it("has its password, its token and the authorities in files, and nowhere else", async () => {
    const built = await usual();
    const { inputs, secrets } = the(built, COMMAND, "collector-honeypot-config-delivery");
    assert.ok(secrets.includes("stdin"));
    const { files } = inputs["stdin"] as { files: Record<string, { content: string }> };
    assert.deepEqual(Object.keys(files).sort(), ["config.yaml", "cybexp-ca.pem"]);
    assert.equal(files["cybexp-ca.pem"]?.content, "authorities\n");
    const config = parse(files["config.yaml"]?.content ?? "") as Record<string, Place>;
    assert.deepEqual(config["basic_auth"], {
      user: "collector",
      pass: passwordOf("user-collector-1"),
    });
    assert.deepEqual(config["enc_worker_threads"], 4);
    const container = the(built, CONTAINER, "collector-honeypot").inputs;
    assert.deepEqual(container["envs"], [
      "PYTHONUNBUFFERED=1",
      "REQUESTS_CA_BUNDLE=/cybexp-ca.pem",
      "no_proxy=*",
    ]);
    assert.deepEqual(
      (container["mounts"] as { target: string }[]).map(({ target }) => target),
      ["/config.yaml", "/cybexp-ca.pem"],
    );
    assert.ok(the(built, COMMAND, "collector-honeypot-handover").secrets.includes("stdin"));
  });

  it("asks for localhost like for any other name, where the proxy is called so", async () => {
    const built = await make({ serverName: "localhost" });
    const { files } = the(built, COMMAND, "collector-honeypot-config-delivery").inputs["stdin"] as {
      files: Record<string, { content: string }>;
    };
    assert.equal(files["hosts"]?.content, "127.0.0.1 loopback\n");
    const gate = the(built, CONTAINER, "collector-honeypot-door-gate").inputs;
    assert.deepEqual(networksOf(gate)[1], ["cybexp-test-collector-honeypot", "localhost"]);
  });

  it("lets no more records in before anything of it is removed", async () => {
    const built = await usual();
    const { inputs } = the(built, COMMAND, "collector-honeypot-handback");
    assert.equal(inputs["delete"], commandOf("collector-close"));
    const before = built.dependencies.get(`${COMMAND} collector-honeypot-handback`) ?? [];
    for (const name of ["", "-door", "-door-gate"]) {
      assert.ok(before.includes(`${CONTAINER} collector-honeypot${name}`), name);
    }
  });

  it("keeps its door and gate when it gets another image", async () => {
    const built = await usual();
    for (const name of ["collector-honeypot-door", "collector-honeypot-door-gate"]) {
      assert.deepEqual(the(built, CONTAINER, name).options.ignoreChanges, ["image"]);
    }
    const other = await make({}, { image: "registry.example.edu/collector:1.1" });
    const label = (of: typeof built) =>
      the(of, CONTAINER, "collector-honeypot-door").inputs["labels"];
    assert.deepEqual(label(other), label(built));
    assert.equal(
      the(other, CONTAINER, "collector-honeypot").inputs["image"],
      imageIdOf("registry.example.edu/collector:1.1"),
    );
  });
});
