import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { CONTAINER } from "../../../names/types.ts";
import { Container, type ContainerArgs } from "../../../components/container.ts";
import { dockerName, labels } from "../../../components/deployment.ts";
import {
  build,
  COMMAND,
  CONTAINER_OPTIONS,
  deployment,
  HARDENED,
  healthcheck,
  labelsOf,
  names,
  once,
  run,
  the,
  valueOf,
} from "./mocks.ts";

/** Nothing but what can't be left out. */
const least = (): ContainerArgs => ({
  deployment: deployment(),
  role: "kms",
  image: "sha256:1",
  user: "1:2",
  networks: [{ network: "net" }],
  healthCheck: ["true"],
  stopGrace: 10,
  memory: 64,
  cpus: 1,
});

const LEAST = {
  ...HARDENED,
  name: "cybexp-test-kms",
  hostname: "kms",
  image: "sha256:1",
  labels: labelsOf("kms"),
  user: "1:2",
  envs: [],
  networksAdvanced: [{ name: "net", aliases: [] }],
  ports: [],
  volumes: [],
  mounts: [],
  tmpfs: { "/tmp": "rw,noexec,nosuid,nodev,size=16m,mode=1777" },
  memory: 64,
  memorySwap: 64,
  cpus: "1.0",
  stopSignal: "SIGTERM",
  stopTimeout: 10,
  destroyGraceSeconds: 10,
  healthcheck: healthcheck("true"),
  waitTimeout: 60,
};

const built = (changes: Partial<ContainerArgs> = {}) =>
  build(() => new Container("c", { ...least(), ...changes }));

const usual = once(() => built());

const inputsWith = async (changes: Partial<ContainerArgs>) =>
  the(await built(changes), CONTAINER, "c").inputs;

describe("a container", () => {
  it("is hardened and limited with only the required arguments", async () => {
    const { result, resources } = await usual();
    assert.deepEqual(resources, [
      {
        type: COMMAND,
        name: "c-limits",
        parent: "c",
        inputs: {
          ...run("container-limits"),
          environment: {},
          stdin: { container: "container-c", pidsLimit: 200 },
        },
        secrets: [],
        options: {},
      },
      {
        type: "cybexp:docker:Container",
        name: "c",
        parent: undefined,
        inputs: {},
        secrets: [],
        options: {},
      },
      {
        type: CONTAINER,
        name: "c",
        parent: "c",
        inputs: LEAST,
        secrets: [],
        options: CONTAINER_OPTIONS,
      },
    ]);
    assert.equal(await valueOf(result.id), "container-c");
    assert.equal(result.containerName, "cybexp-test-kms");
  });

  it("leaves the image's own entrypoint and command alone, by leaving the keys out", async () => {
    const inputs = await inputsWith({});
    assert.ok(!("entrypoints" in inputs));
    assert.ok(!("command" in inputs));
  });

  it("passes on every argument", async () => {
    const all = await built({
      role: "proxy",
      deployment: deployment({ stack: "other", engine: { connection: "ssh://a@b" } }),
      networks: [{ network: "one", aliases: ["x", "y"] }, { network: "two" }],
      ports: [{ address: "127.0.0.1", port: 8443, internal: 443 }],
      volumes: [
        { volume: "v", target: "/v" },
        { volume: "w", target: "/w", readOnly: true },
      ],
      files: [{ source: "/host/file", target: "/file" }],
      entrypoint: ["a", "-b"],
      command: ["c"],
      environment: { B: "2", A: "1" },
      healthCheck: ["ask", "me"],
      healthTimeout: 90,
      stopSignal: "SIGINT",
      stopGrace: 30,
      memory: 128,
      cpus: 0.5,
      pidsLimit: 50,
      tmpSize: 8,
    });
    assert.deepEqual(the(all, CONTAINER, "c").inputs, {
      ...HARDENED,
      name: "cybexp-other-proxy",
      hostname: "proxy",
      image: "sha256:1",
      labels: [...labelsOf("proxy").slice(0, 2), { label: "cybexp.stack", value: "other" }],
      user: "1:2",
      entrypoints: ["a", "-b"],
      command: ["c"],
      envs: ["A=1", "B=2"],
      networksAdvanced: [
        { name: "one", aliases: ["x", "y"] },
        { name: "two", aliases: [] },
      ],
      ports: [{ ip: "127.0.0.1", external: 8443, internal: 443 }],
      volumes: [
        { volumeName: "v", containerPath: "/v", readOnly: false },
        { volumeName: "w", containerPath: "/w", readOnly: true },
      ],
      mounts: [{ type: "bind", source: "/host/file", target: "/file", readOnly: true }],
      tmpfs: { "/tmp": "rw,noexec,nosuid,nodev,size=8m,mode=1777" },
      memory: 128,
      memorySwap: 128,
      cpus: "0.5",
      stopSignal: "SIGINT",
      stopTimeout: 30,
      destroyGraceSeconds: 30,
      healthcheck: healthcheck("ask", "me"),
      waitTimeout: 90,
    });
    assert.deepEqual(the(all, COMMAND, "c-limits").inputs["stdin"], {
      dockerHost: "ssh://a@b",
      container: "container-c",
      pidsLimit: 50,
    });
  });

  for (const [cpus, text] of [
    [1, "1.0"],
    [2, "2.0"],
    [0.5, "0.5"],
    [0.25, "0.25"],
    [1.5, "1.5"],
  ] as const) {
    it(`spells ${cpus} processors as the provider reads them back: ${text}`, async () => {
      assert.equal((await inputsWith({ cpus }))["cpus"], text);
    });
  }

  it("keeps a given secret secret, and out of the other inputs", async () => {
    const { secrets } = the(await built({ image: pulumi.secret("sha256:1") }), CONTAINER, "c");
    assert.deepEqual(secrets, ["image"]);
  });

  it("registers the same in a preview, before any id is known", async () => {
    const preview = await build(() => new Container("c", least()), { preview: true });
    assert.deepEqual(names(preview.resources), names((await usual()).resources));
  });
});

describe("a deployment's names", () => {
  it("have the stack in them", async () => {
    const { result } = await build(() => dockerName(deployment({ stack: "a" }), "kms-db-data"));
    assert.equal(result, "cybexp-a-kms-db-data");
  });

  it("and its labels are in the order in which they are read back", async () => {
    const { result } = await build(() => labels(deployment(), "kms"));
    const keys = result.map(({ label }) => label);
    assert.deepEqual(keys, ["cybexp.deployment", "cybexp.role", "cybexp.stack"]);
  });
});
