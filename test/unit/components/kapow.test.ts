/** The Kapow! server and what its health check comes with. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { CONTAINER } from "../../../names/types.ts";
import { SelfSignedClient } from "../../../components/selfSignedClient.ts";
import { Kapow, type KapowArgs } from "../../../components/kapow.ts";
import { kapowNeeds } from "../../../render/imageNeeds.ts";
import { kapowHealthCheck, kapowShows, restartedWith } from "../../../render/kapow.ts";
import { releaseDigest } from "../../../render/release.ts";
import type { KapowSettings } from "../../../settings/types.ts";
import {
  build,
  COMMAND,
  CONTAINER_OPTIONS,
  containerIdOf,
  OWNER,
  HARDENED,
  healthcheck,
  imageIdOf,
  labelsOf,
  names,
  once,
  datedOf,
  pemOf,
  the,
  valueOf,
} from "./mocks.ts";
import { kapowArgs, shown } from "./parts.ts";

const settings: KapowArgs["settings"] = {
  image: "registry.example.edu/kapow:0.7.1",
  address: "192.0.2.10",
  listen: 5003,
  init: "#!/bin/sh\nkapow route add /health -c true\n",
  healthRoute: "/health",
  program: "kapow",
  egress: false,
};

const make = (changes: Partial<KapowSettings> = {}, more: Partial<KapowArgs> = {}) =>
  build(
    () => new Kapow("kapow", { ...kapowArgs(), settings: { ...settings, ...changes }, ...more }),
  );

const files = {
  "server.crt": { content: "server certificate\n", mode: 0o400 },
  "server.key": { content: "server key", mode: 0o400 },
  "client-ca.crt": {
    content: "new authority\nold authority\nhealth certificate\nproxy certificate\n",
    mode: 0o400,
  },
  "health.crt": { content: "health certificate\n", mode: 0o400 },
  "health.key": { content: "health key", mode: 0o400 },
  init: { content: settings.init, mode: 0o500 },
};

/** What a program is told. */
const stdinOf = (built: Awaited<ReturnType<typeof make>>, program: string) =>
  the(built, COMMAND, program).inputs["stdin"] as Record<string, unknown>;

describe("Kapow!", () => {
  const usual = once(() => make());

  it("registers these resources and no others", async () => {
    assert.deepEqual(names((await usual()).resources), [
      "command:local:Command kapow-files-delivery",
      "command:local:Command kapow-image-check",
      "command:local:Command kapow-image-pull",
      "command:local:Command kapow-limits",
      "cybexp:docker:Container kapow",
      "cybexp:docker:Release kapow-files",
      "cybexp:index:Kapow kapow",
      "docker:index/container:Container kapow",
      "docker:index/network:Network kapow-network",
      "docker:index/remoteImage:RemoteImage kapow-image",
      "docker:index/volume:Volume kapow-files",
    ]);
  });

  it("gets its files in a volume: the keys for itself alone, the init program executable", async () => {
    const { inputs, secrets } = the(await usual(), COMMAND, "kapow-files-delivery");
    assert.deepEqual(inputs["stdin"], {
      volume: "cybexp-test-kapow-files",
      ...OWNER,
      image: imageIdOf(settings.image),
      owner: "65532:65532",
      digest: releaseDigest(files),
      files,
    });
    assert.deepEqual(secrets, ["stdin"]);
  });

  const container = {
    ...HARDENED,
    name: "cybexp-test-kapow",
    hostname: "kapow",
    image: imageIdOf(settings.image),
    labels: [
      ...labelsOf("kapow").slice(0, 1),
      { label: "cybexp.release", value: releaseDigest(files) },
      ...labelsOf("kapow").slice(1),
    ],
    user: "65532:65532",
    envs: ["GODEBUG=tls10server=0,tls3des=0,tlsrsakex=0"],
    entrypoints: ["kapow"],
    command: [
      "server",
      "--bind=0.0.0.0:8080",
      "--certfile=/kapow/current/server.crt",
      "--keyfile=/kapow/current/server.key",
      "--clientauth=true",
      "--clientcafile=/kapow/current/client-ca.crt",
      "/kapow/current/init",
    ],
    networksAdvanced: [{ name: "cybexp-test-kapow", aliases: ["kapow"] }],
    // Of its ports 8080 alone: 8081 and 8082 are for its own commands.
    ports: [{ ip: "192.0.2.10", external: 5003, internal: 8080 }],
    volumes: [{ volumeName: "cybexp-test-kapow-files", containerPath: "/kapow", readOnly: true }],
    mounts: [],
    tmpfs: { "/tmp": "rw,noexec,nosuid,nodev,size=16m,mode=1777" },
    memory: 512,
    memorySwap: 512,
    cpus: "1.0",
    stopSignal: "SIGTERM",
    stopTimeout: 10,
    destroyGraceSeconds: 10,
    healthcheck: healthcheck(...kapowHealthCheck("/kapow/current", "/health")),
    waitTimeout: 60,
  };

  it("runs hardened, asks for client certificates, and publishes the one port that does", async () => {
    const { inputs, secrets, options } = the(await usual(), CONTAINER, "kapow");
    assert.deepEqual(inputs, container);
    assert.deepEqual(secrets, []);
    assert.deepEqual(options, CONTAINER_OPTIONS);
    assert.equal(await valueOf((await usual()).result.containerId), containerIdOf("kapow"));
  });

  it("starts anew in its container with each certificate that is renewed beside it", async () => {
    const certificate = { ...kapowArgs().certificate, renewed: { names: ["routes.example.edu"] } };
    const built = await make({}, { certificate });
    const rest = Object.entries(files).filter(([name]) => !name.startsWith("server."));
    assert.deepEqual(stdinOf(built, "kapow-files-delivery")["files"], Object.fromEntries(rest));
    assert.deepEqual(stdinOf(built, "kapow-certificates-interim"), {
      ...OWNER,
      volume: "cybexp-test-kapow-certificates",
      image: imageIdOf(settings.image),
      // certbot's user, and Kapow!'s group.
      owner: "101:65532",
      names: ["routes.example.edu"],
      certificate: "server certificate\n",
      privateKey: "server key",
    });
    const { entrypoints, command, volumes } = the(built, CONTAINER, "kapow").inputs;
    assert.deepEqual(entrypoints, restartedWith("/acme/current"));
    assert.deepEqual((command as string[]).slice(0, 5), [
      "kapow",
      "server",
      "--bind=0.0.0.0:8080",
      "--certfile=/acme/current/fullchain.pem",
      "--keyfile=/acme/current/privkey.pem",
    ]);
    assert.deepEqual(volumes, [
      ...container.volumes,
      { volumeName: "cybexp-test-kapow-certificates", containerPath: "/acme", readOnly: true },
    ]);
    const health = kapowHealthCheck("/kapow/current", "/health");
    assert.deepEqual(built.result.shows, kapowShows(health));
    assert.deepEqual(
      stdinOf(built, "kapow-image-check")["needs"],
      kapowNeeds("65532:65532", "kapow", "sleep"),
    );
    assert.equal(
      await valueOf(built.result.certificateVolume as pulumi.Output<string>),
      "cybexp-test-kapow-certificates",
    );
    assert.equal((await usual()).result.certificateVolume, undefined);
  });

  it("has no door at the proxy unless its settings have one", async () => {
    const { result } = await usual();
    assert.deepEqual(result.doors, []);
  });

  it("tells the proxy its door, its certificate, and the certificate to use", async () => {
    const built = await make({ door: { listen: 5004, access: "both" } });
    const { result } = built;
    const [{ service, room, ...door } = assert.fail(), ...more] = result.doors;
    assert.deepEqual(more, []);
    assert.deepEqual(door, { name: "kapow", listen: 5004, access: "both", maxBody: "16m" });
    assert.deepEqual(await valueOf(pulumi.output(room)), { requests: 248, largeBodies: 7 });
    assert.equal(service, result);
    assert.equal(result.upstream, "kapow:8080");
    assert.equal(await valueOf(result.network), "cybexp-test-kapow");
    assert.deepEqual(await valueOf(result.tls), {
      serverName: "routes.example.edu",
      authorities: "server authority\n",
      certificate: "proxy certificate\n",
      privateKey: "proxy key",
    });
    assert.equal(await pulumi.isSecret(result.tls), true);
    const { ports } = the(built, CONTAINER, "kapow").inputs;
    assert.deepEqual(ports, [{ ip: "192.0.2.10", external: 5003, internal: 8080 }]);
  });

  it("publishes no port if it has none of its own", async () => {
    const behind = Object.fromEntries(
      Object.entries(settings).filter(([key]) => key !== "listen"),
    ) as KapowArgs["settings"];
    const built = await build(() => new Kapow("kapow", { ...kapowArgs(), settings: behind }));
    assert.deepEqual(the(built, CONTAINER, "kapow").inputs["ports"], []);
  });

  it("shares its network with nobody, and reaches the outside only if the config says so", async () => {
    const network = async (egress: boolean) =>
      the(await make({ egress }), "docker:index/network:Network", "kapow-network").inputs;
    for (const egress of [false, true]) {
      assert.deepEqual(await network(egress), {
        name: "cybexp-test-kapow",
        labels: labelsOf("kapow"),
        options: { "com.docker.network.bridge.enable_ip_masquerade": String(egress) },
      });
    }
  });

  it("is replaced when any of its files changes, because it reads them only at the start", async () => {
    const changes: Record<string, Partial<KapowArgs>> = {
      "server.crt": {
        certificate: shown("other\n"),
      },
      "client-ca.crt": { clientCa: "new authority\n" },
      "health.key": {
        healthClient: { certificate: "health certificate\n", privateKey: pulumi.secret("other") },
      },
    };
    const digests = new Set([releaseDigest(files)]);
    for (const [file, change] of Object.entries(changes)) {
      const { labels, ...rest } = the(await make({}, change), CONTAINER, "kapow").inputs;
      const found = (labels as { label: string; value: string }[]).find(
        ({ label }) => label === "cybexp.release",
      );
      assert.ok(found && !digests.has(found.value), file);
      digests.add(found.value);
      assert.deepEqual({ ...rest, labels: container.labels }, container, file);
    }
  });

  it("runs an init program of the image, and then delivers none", async () => {
    const built = await make({ init: "/opt/init.sh", program: "/kapow" });
    const { inputs } = the(built, CONTAINER, "kapow");
    assert.equal((inputs["command"] as string[]).at(-1), "/opt/init.sh");
    assert.deepEqual(inputs["entrypoints"], ["/kapow"]);
    const { files: delivered } = the(built, COMMAND, "kapow-files-delivery").inputs["stdin"] as {
      files: Record<string, unknown>;
    };
    assert.deepEqual(Object.keys(delivered).sort(), [
      "client-ca.crt",
      "health.crt",
      "health.key",
      "server.crt",
      "server.key",
    ]);
  });

  it("puts line breaks between the authorities, whatever they end with", async () => {
    const built = await make({}, { clientCa: "authority" });
    const stdin = the(built, COMMAND, "kapow-files-delivery").inputs["stdin"] as {
      files: Record<string, { content: string }>;
    };
    assert.equal(
      stdin.files["client-ca.crt"]?.content,
      "authority\nhealth certificate\nproxy certificate\n",
    );
  });

  it("looks a demo image up, and pulls nothing", async () => {
    const built = await make({ image: "cybexp-demo/kapow:1" });
    assert.deepEqual(built.lookups, ["cybexp-demo/kapow:1"]);
  });
});

describe("a health check's client", () => {
  it("has a certificate that vouches for itself, only as a client", async () => {
    const { resources, result } = await build(() => new SelfSignedClient("health"));
    assert.deepEqual(resources, [
      {
        type: "cybexp:tls:SelfSignedClient",
        name: "health",
        parent: undefined,
        inputs: {},
        secrets: [],
        options: {},
      },
      {
        type: "tls:index/privateKey:PrivateKey",
        name: "health-key",
        parent: "health",
        inputs: { algorithm: "ECDSA", ecdsaCurve: "P256" },
        secrets: [],
        options: {},
      },
      {
        type: "tls:index/selfSignedCert:SelfSignedCert",
        name: "health",
        parent: "health",
        inputs: {
          privateKeyPem: pemOf("EC PRIVATE KEY", "health-key"),
          subject: { commonName: "health" },
          validityPeriodHours: 87_600,
          earlyRenewalHours: 8_760,
          allowedUses: ["digital_signature", "client_auth"],
        },
        secrets: ["privateKeyPem"],
        options: {},
      },
    ]);
    assert.equal(await valueOf(result.certificate), datedOf("health", "health-key"));
    assert.equal(await pulumi.isSecret(result.certificate), false);
    assert.equal(await valueOf(result.privateKey), pemOf("EC PRIVATE KEY", "health-key"));
    assert.equal(await pulumi.isSecret(result.privateKey), true);
  });
});
