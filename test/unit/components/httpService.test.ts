/** An HTTP service that is not CYBEX-P's. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { CONTAINER, NETWORK } from "../../../names/types.ts";
import { dockerName } from "../../../components/deployment.ts";
import { HttpService, type HttpServiceArgs } from "../../../components/httpService.ts";
import { mountedFiles } from "../../../render/mountedFiles.ts";
import { checkDoorName } from "../../../render/standIn.ts";
import { releaseDigest } from "../../../render/release.ts";
import {
  build,
  COMMAND,
  CONTAINER_OPTIONS,
  containerIdOf,
  deployment,
  OWNER,
  HARDENED,
  healthcheck,
  labelsOf,
  names,
  once,
  run,
  the,
  valueOf,
} from "./mocks.ts";

const make = (changes: Partial<HttpServiceArgs> = {}) =>
  build(
    () =>
      new HttpService("site", {
        deployment: deployment({ prefix: "shop" }),
        role: "web",
        image: "sha256:1",
        port: 8000,
        user: "1000:1000",
        healthCheck: ["check"],
        memory: 128,
        cpus: 0.5,
        ...changes,
      }),
  );
const usual = once(() => make());

const signatureIn = (built: Awaited<ReturnType<typeof make>>) =>
  (the(built, COMMAND, "site-handover").inputs["stdin"] as { signature: string }).signature;

const place = {
  stack: "test",
  ...OWNER,
  role: "web",
  port: 8000,
  container: "shop-test-web",
  network: "shop-test-web",
  statusPort: 8081,
  drainSeconds: 60,
};

describe("an HTTP service", () => {
  it("is made of these, and of nothing else", async () => {
    assert.deepEqual(names((await usual()).resources), [
      "command:local:Command site-handback",
      "command:local:Command site-handover",
      "command:local:Command site-limits",
      "cybexp:docker:Container site",
      "cybexp:index:HttpService site",
      "docker:index/container:Container site",
      "docker:index/network:Network site-network",
    ]);
  });

  it("publishes no port, has no way out, and keeps every protection", async () => {
    const built = await usual();
    assert.deepEqual(the(built, NETWORK, "site-network").inputs, {
      name: "shop-test-web",
      labels: labelsOf("web"),
      options: { "com.docker.network.bridge.enable_ip_masquerade": "false" },
    });
    const { inputs, options } = the(built, CONTAINER, "site");
    assert.deepEqual(options, CONTAINER_OPTIONS);
    assert.deepEqual(inputs, {
      ...HARDENED,
      name: "shop-test-web",
      hostname: "web",
      image: "sha256:1",
      labels: labelsOf("web").toSpliced(2, 0, {
        label: "cybexp.signature",
        value: signatureIn(built),
      }),
      user: "1000:1000",
      envs: [],
      networksAdvanced: [{ name: "shop-test-web", aliases: ["web"] }],
      ports: [],
      volumes: [],
      mounts: [],
      tmpfs: { "/tmp": "rw,noexec,nosuid,nodev,size=16m,mode=1777" },
      memory: 128,
      memorySwap: 128,
      cpus: "0.5",
      stopSignal: "SIGTERM",
      stopTimeout: 30,
      destroyGraceSeconds: 30,
      healthcheck: healthcheck("check"),
      waitTimeout: 60,
    });
  });

  it("is handed over and back by its own names", async () => {
    const built = await usual();
    const signature = signatureIn(built);
    assert.deepEqual(the(built, COMMAND, "site-handover").inputs, {
      ...run("handover"),
      environment: { SIGNATURE: signature },
      stdin: {
        ...place,
        networks: [],
        image: "sha256:1",
        files: {},
        healthCheck: ["check"],
        startSeconds: 60,
        signature,
      },
    });
    assert.deepEqual(the(built, COMMAND, "site-handback").inputs, {
      ...run("handback"),
      environment: { SIGNATURE: signature, CONTAINER: containerIdOf("site") },
      stdin: place,
    });
    assert.equal(built.result.upstream, "web:8000");
    assert.equal(built.result.standIn, "web-handover:8000");
    assert.equal(await valueOf(built.result.network), "shop-test-web");
    assert.equal(await valueOf(built.result.containerId), containerIdOf("site"));
  });

  it("uses every argument", async () => {
    const built = await make({
      entrypoint: ["serve"],
      command: ["--fast"],
      environment: { MODE: "quick" },
      volumes: [{ volume: "data", target: "/data" }],
      bind: { address: "127.0.0.1", port: 8080 },
      networks: ["shop-test-web-db"],
      egress: true,
      healthTimeout: 90,
      stopSignal: "SIGINT",
      stopGrace: 5,
      pidsLimit: 20,
      tmpSize: 64,
      drainSeconds: 7,
    });
    const handover = the(built, COMMAND, "site-handover").inputs;
    assert.equal((handover["stdin"] as { startSeconds: number }).startSeconds, 90);
    const { inputs } = the(built, CONTAINER, "site");
    const given = Object.fromEntries(
      Object.entries(inputs).filter(([key]) =>
        /^(entrypoints|command|envs|volumes|ports|networksAdvanced|tmpfs|stop.*|waitTimeout)$/.test(
          key,
        ),
      ),
    );
    assert.deepEqual(given, {
      entrypoints: ["serve"],
      command: ["--fast"],
      envs: ["MODE=quick"],
      volumes: [{ volumeName: "data", containerPath: "/data", readOnly: false }],
      ports: [{ ip: "127.0.0.1", external: 8080, internal: 8000 }],
      networksAdvanced: [
        { name: "shop-test-web", aliases: ["web"] },
        { name: "shop-test-web-db", aliases: [] },
      ],
      tmpfs: { "/tmp": "rw,noexec,nosuid,nodev,size=64m,mode=1777" },
      stopSignal: "SIGINT",
      stopTimeout: 5,
      waitTimeout: 90,
    });
    assert.deepEqual(the(built, NETWORK, "site-network").inputs["options"], {
      "com.docker.network.bridge.enable_ip_masquerade": "true",
    });
    const limits = the(built, COMMAND, "site-limits").inputs["stdin"];
    assert.deepEqual(limits, { container: containerIdOf("site"), pidsLimit: 20 });
    const handback = the(built, COMMAND, "site-handback").inputs["stdin"];
    assert.deepEqual(handback, { ...place, drainSeconds: 7 });
  });

  it("gets its files from one release, each at its path", async () => {
    const built = await make({
      files: { "/etc/site.conf": "a", "/srv/key": pulumi.secret("b") },
    });
    const files = {
      "site.conf": { content: "a", mode: 0o400 },
      key: { content: "b", mode: 0o400 },
    };
    const digest = releaseDigest(files);
    const delivery = the(built, COMMAND, "site-config-delivery");
    assert.deepEqual(delivery.secrets, ["stdin"]);
    assert.deepEqual(delivery.inputs["stdin"], {
      volume: "shop-test-web-config",
      ...OWNER,
      image: "sha256:1",
      owner: "1000:1000",
      digest,
      files,
    });
    const folder = `/volumes/shop-test-web-config/_data/releases/${digest}`;
    assert.deepEqual(the(built, CONTAINER, "site").inputs["mounts"], [
      { type: "bind", source: `${folder}/site.conf`, target: "/etc/site.conf", readOnly: true },
      { type: "bind", source: `${folder}/key`, target: "/srv/key", readOnly: true },
    ]);
    const { files: handedOver } = the(built, COMMAND, "site-handover").inputs["stdin"] as {
      files: unknown;
    };
    assert.deepEqual(handedOver, {
      "/etc/site.conf": `${folder}/site.conf`,
      "/srv/key": `${folder}/key`,
    });
  });

  it("is replaced for another file, image or command, but not for other limits of memory and processes", async () => {
    const files = { "/a": "1" };
    const signatures: string[] = [];
    for (const changes of [
      { files },
      { files, memory: 256, pidsLimit: 77 },
      { files: { "/a": "2" } },
      { files, cpus: 2 },
      { files, image: "sha256:2" },
      { files, command: ["x"] },
      { files, tmpSize: 32 },
    ]) {
      signatures.push(signatureIn(await make(changes)));
    }
    const [one, same, ...others] = signatures;
    assert.equal(same, one);
    assert.equal(new Set([one, ...others]).size, 6);
  });
});

describe("names and paths with a special meaning", () => {
  const engine = { connection: "ssh://a@b" };
  const place = { stack: "dev", labels: "shop", id: pulumi.output(""), engine };
  const named = (prefix: string, role: string) => dockerName({ ...place, prefix }, role);

  it("are refused in a role, which is a name in Docker", () => {
    assert.equal(named("shop", "web-1"), "shop-dev-web-1");
    for (const wrong of ["", "Web", "my web", "-web", "web-", "1web", "a/b", "a\nb"]) {
      assert.throws(() => named("shop", wrong), new RegExp("^RangeError: a role is"), wrong);
    }
  });

  it("are refused at a door that a handover could not reach", () => {
    checkDoorName("web", "web-handover:8000");
    for (const door of ["site", "we", "web-handover"]) {
      assert.throws(() => checkDoorName(door, "web-handover:8000"), {
        name: "RangeError",
        message: `the door ${door} must be called as the role of its service is, whose stand-in is web-handover:8000`,
      });
    }
  });

  it("are refused in files, which share one release", () => {
    assert.deepEqual(mountedFiles({ "/etc/x": "1", "/y": "2" }), {
      x: { content: "1", mode: 0o400 },
      y: { content: "2", mode: 0o400 },
    });
    assert.throws(() => mountedFiles({ "etc/x": "" }), {
      name: "RangeError",
      message: "the file etc/x must be an absolute path in the container",
    });
    assert.throws(() => mountedFiles({ "/a/x": "", "/b/x": "" }), {
      name: "RangeError",
      message: "the files /a/x and /b/x must differ in their last part",
    });
  });
});
