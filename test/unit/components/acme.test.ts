/** What renews certificates, what answers the ACME server, and where servers find what came from there. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { CONTAINER, NETWORK, VOLUME } from "../../../names/types.ts";
import {
  AcmeCertificates,
  type AcmeCertificatesArgs,
} from "../../../components/acmeCertificates.ts";
import { CertificateVolume } from "../../../components/certificateVolume.ts";
import { acmeCommand, acmeFiles, acmeHealthCheck } from "../../../render/acme.ts";
import { acmeInput } from "../../../render/acmeSettings.ts";
import { challengeConf } from "../../../render/challengeServer.ts";
import { httpHealthCheck } from "../../../render/httpProbe.ts";
import { acmeNeeds } from "../../../render/imageNeeds.ts";
import { releaseDigest } from "../../../render/release.ts";
import type { DeploymentArgs } from "../../../components/deployment.ts";
import {
  build,
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
  the,
  valueOf,
  type World,
} from "./mocks.ts";

type AcmeSettings = AcmeCertificatesArgs["settings"];

const SETTINGS: AcmeSettings = {
  image: "certbot/certbot:v5.8.0",
  directory: "https://acme.example.edu/dir",
  challenge: "http",
  httpPort: 80,
  eab: { keyId: "kid-1", hmacKey: "c2VjcmV0" },
};

const SERVERS = [
  { name: "proxy", names: ["a.example.edu", "192.0.2.10"], generation: 2 },
  { name: "kapow", names: ["kapow.example.edu"], generation: 2 },
];

const make = (settings: Partial<AcmeSettings> = {}, own: DeploymentArgs = {}, world: World = {}) =>
  build(
    () =>
      new AcmeCertificates("acme", {
        deployment: deployment(own),
        settings: { ...SETTINGS, ...settings },
        servers: SERVERS.map((server) => ({
          ...server,
          // An IP address can't be proven by DNS.
          names: server.names.filter((name) => settings.challenge !== "dns" || !/^\d/.test(name)),
          volume: `volume-of-${server.name}`,
        })),
        challenge: { address: "192.0.2.10", image: pulumi.output("sha256:nginx") },
      }),
    world,
  );

const TMPFS = { "/tmp": "rw,noexec,nosuid,nodev,size=16m,mode=1777" };

describe("what renews certificates", () => {
  const usual = once(() => make());
  const files = acmeFiles(acmeInput(SETTINGS, SERVERS));

  it("is made of these, and of nothing else", async () => {
    assert.deepEqual(names((await usual()).resources), [
      "command:local:Command acme-challenge-config-delivery",
      "command:local:Command acme-challenge-limits",
      "command:local:Command acme-challenge-tokens-owner",
      "command:local:Command acme-config-delivery",
      "command:local:Command acme-data-owner",
      "command:local:Command acme-image-check",
      "command:local:Command acme-image-pull",
      "command:local:Command acme-limits",
      "cybexp:docker:AcmeVolume acme-data",
      "cybexp:docker:Container acme",
      "cybexp:docker:Container acme-challenge",
      "cybexp:docker:Release acme-challenge-config",
      "cybexp:docker:Release acme-config",
      "cybexp:index:AcmeCertificates acme",
      "cybexp:index:ChallengeServer acme-challenge",
      "docker:index/container:Container acme",
      "docker:index/container:Container acme-challenge",
      "docker:index/network:Network acme-challenge-network",
      "docker:index/network:Network acme-network",
      "docker:index/remoteImage:RemoteImage acme-image",
      "docker:index/volume:Volume acme-challenge-config",
      "docker:index/volume:Volume acme-challenge-tokens",
      "docker:index/volume:Volume acme-config",
      "docker:index/volume:Volume acme-data",
    ]);
  });

  it("runs hardened, publishes nothing, meets nobody, and no up waits for its health", async () => {
    const { inputs, secrets, options } = the(await usual(), CONTAINER, "acme");
    const [entrypoint, ...command] = acmeCommand();
    assert.deepEqual(inputs, {
      ...HARDENED,
      wait: false,
      waitTimeout: 60,
      name: "cybexp-test-acme",
      hostname: "acme",
      image: imageIdOf(SETTINGS.image),
      labels: labelsOf("acme"),
      user: "101:101",
      envs: [],
      entrypoints: [entrypoint],
      command,
      networksAdvanced: [{ name: "cybexp-test-acme", aliases: [] }],
      ports: [],
      volumes: [
        { volumeName: "cybexp-test-acme-config", containerPath: "/config", readOnly: true },
        { volumeName: "cybexp-test-acme-data", containerPath: "/acme/state", readOnly: false },
        { volumeName: "volume-of-proxy", containerPath: "/acme/served/proxy", readOnly: false },
        { volumeName: "volume-of-kapow", containerPath: "/acme/served/kapow", readOnly: false },
        {
          volumeName: "cybexp-test-acme-challenge-tokens",
          containerPath: "/acme/challenge",
          readOnly: false,
        },
      ],
      mounts: [],
      tmpfs: TMPFS,
      memory: 256,
      memorySwap: 256,
      cpus: "1.0",
      stopSignal: "SIGTERM",
      stopTimeout: 20,
      destroyGraceSeconds: 20,
      healthcheck: healthcheck(...acmeHealthCheck()),
    });
    assert.deepEqual(secrets, []);
    assert.deepEqual(options, CONTAINER_OPTIONS);
    const network = the(await usual(), NETWORK, "acme-network").inputs;
    assert.deepEqual(network, { name: "cybexp-test-acme", labels: labelsOf("acme") });
  });

  it("gets its settings and secrets as one release, whose digest is its own", async () => {
    const built = await usual();
    const { inputs, secrets } = the(built, COMMAND, "acme-config-delivery");
    assert.deepEqual(inputs["stdin"], {
      volume: "cybexp-test-acme-config",
      ...OWNER,
      image: imageIdOf(SETTINGS.image),
      owner: "101:101",
      digest: releaseDigest(files),
      files,
    });
    assert.deepEqual(secrets, ["stdin"]);
    assert.equal(await valueOf(built.result.release), releaseDigest(files));
    assert.equal(await valueOf(built.result.containerId), containerIdOf("acme"));
    assert.equal(built.result.containerName, "cybexp-test-acme");
  });

  it("goes on running when its settings change", async () => {
    const { inputs } = the(await usual(), CONTAINER, "acme");
    for (const change of [
      { email: "security@example.edu" },
      { profile: "shortlived" },
      { directory: "https://other.example.edu/dir" },
    ]) {
      const changed = await make(change);
      assert.deepEqual(the(changed, CONTAINER, "acme").inputs, inputs);
      assert.notEqual(await valueOf(changed.result.release), releaseDigest(files));
    }
  });

  it("has its image checked before anything is made of it", async () => {
    const { inputs } = the(await usual(), COMMAND, "acme-image-check");
    assert.deepEqual(inputs["stdin"], {
      ...OWNER,
      image: imageIdOf(SETTINGS.image),
      needs: acmeNeeds("101:101"),
    });
  });

  it("keeps account and certificates whatever Pulumi removes, unless the stack is a throw-away one", async () => {
    const kept = ({ options }: { options: object }) => options;
    assert.deepEqual(kept(the(await usual(), VOLUME, "acme-data")), { retainOnDelete: true });
    const thrown = await make({}, { throwaway: true });
    assert.deepEqual(kept(the(thrown, VOLUME, "acme-data")), {});
  });

  it("answers the ACME server at its own port, read-only and without a way out", async () => {
    const built = await usual();
    const conf = { "nginx.conf": { content: challengeConf(), mode: 0o400 } };
    assert.equal(built.result.answers, true);
    assert.deepEqual(the(built, CONTAINER, "acme-challenge").inputs, {
      ...HARDENED,
      waitTimeout: 60,
      name: "cybexp-test-acme-challenge",
      hostname: "acme-challenge",
      image: "sha256:nginx",
      labels: [
        ...labelsOf("acme-challenge").slice(0, 1),
        { label: "cybexp.release", value: releaseDigest(conf) },
        ...labelsOf("acme-challenge").slice(1),
      ],
      user: "101:101",
      envs: [],
      entrypoints: ["nginx", "-e", "stderr", "-c", "/config/current/nginx.conf"],
      networksAdvanced: [{ name: "cybexp-test-acme-challenge", aliases: [] }],
      ports: [{ ip: "192.0.2.10", external: 80, internal: 8080 }],
      volumes: [
        {
          volumeName: "cybexp-test-acme-challenge-config",
          containerPath: "/config",
          readOnly: true,
        },
        {
          volumeName: "cybexp-test-acme-challenge-tokens",
          containerPath: "/challenge",
          readOnly: true,
        },
      ],
      mounts: [],
      tmpfs: TMPFS,
      memory: 64,
      memorySwap: 64,
      cpus: "0.5",
      stopSignal: "SIGQUIT",
      stopTimeout: 10,
      destroyGraceSeconds: 10,
      healthcheck: healthcheck(...httpHealthCheck(8081, "/healthz")),
    });
    assert.deepEqual(the(built, NETWORK, "acme-challenge-network").inputs, {
      name: "cybexp-test-acme-challenge",
      labels: labelsOf("acme-challenge"),
      options: { "com.docker.network.bridge.enable_ip_masquerade": "false" },
    });
  });

  it("starts once the ACME server is answered", async () => {
    const { dependencies } = await usual();
    assert.ok(dependencies.get(`${CONTAINER} acme`)?.includes(`${CONTAINER} acme-challenge`));
  });

  it("answers nobody where names are proven by DNS", async () => {
    const built = await make({ challenge: "dns", dns: { setRecord: "#!/bin/sh\n" } });
    assert.equal(built.result.answers, false);
    assert.deepEqual(
      names(built.resources).filter((name) => name.includes("challenge")),
      [],
    );
    const { volumes } = the(built, CONTAINER, "acme").inputs as { volumes: unknown[] };
    assert.equal(volumes.length, 4);
  });
});

describe("what certbot is told", () => {
  const told = (settings: Partial<AcmeSettings>) =>
    acmeInput({ ...SETTINGS, ...settings }, SERVERS);

  it("is what the config says", () => {
    assert.deepEqual(told({ directoryCa: "pem", email: "a@example.edu", profile: "shortlived" }), {
      directory: SETTINGS.directory,
      authorities: "pem",
      email: "a@example.edu",
      externalAccount: SETTINGS.eab,
      profile: { name: "shortlived", required: true },
      challenge: { kind: "http" },
      servers: SERVERS,
    });
  });

  it("is how the DNS is changed, by a plugin or by programs", () => {
    const challenge = "dns";
    assert.deepEqual(
      told({ challenge, dns: { plugin: "rfc2136", credentials: "x", propagationSeconds: 9 } })
        .challenge,
      { kind: "plugin", plugin: "dns-rfc2136", credentials: "x", propagation: 9 },
    );
    assert.deepEqual(told({ challenge, dns: { plugin: "route53" } }).challenge, {
      kind: "plugin",
      plugin: "dns-route53",
    });
    assert.deepEqual(
      told({ challenge, dns: { setRecord: "#!a", removeRecord: "#!b", credentials: "x" } })
        .challenge,
      { kind: "hook", setRecord: "#!a", removeRecord: "#!b", credentials: "x" },
    );
    assert.throws(() => told({ challenge }), RangeError);
  });
});

describe("where a server finds its certificate", () => {
  const volume = (isRenewed: boolean, world: World = {}) =>
    build(
      () =>
        new CertificateVolume("proxy-certificates", {
          deployment: deployment(),
          role: "proxy",
          ...(isRenewed && {
            interim: {
              pairs: pulumi.secret([{ certificate: "pem", privateKey: "key" }]),
              names: ["a.example.edu"],
              owner: "101:101",
              image: "sha256:nginx",
            },
          }),
        }),
      world,
    );

  it("is an empty volume where nothing is renewed", async () => {
    const built = await volume(false);
    assert.deepEqual(names(built.resources), [
      "cybexp:docker:CertificateVolume proxy-certificates",
      "docker:index/volume:Volume proxy-certificates",
    ]);
    assert.deepEqual(the(built, VOLUME, "proxy-certificates").inputs, {
      name: "cybexp-test-proxy-certificates",
      labels: labelsOf("proxy-certificates"),
    });
  });

  it("has an interim certificate before anything mounts it, whose key is a secret", async () => {
    const built = await volume(true);
    const { inputs, secrets } = the(built, COMMAND, "proxy-certificates-interim");
    assert.deepEqual(inputs["stdin"], {
      ...OWNER,
      volume: "cybexp-test-proxy-certificates",
      image: "sha256:nginx",
      owner: "101:101",
      names: ["a.example.edu"],
      certificate: "pem",
      privateKey: "key",
    });
    assert.deepEqual(secrets, ["stdin"]);
    assert.equal(await valueOf(built.result.volumeName), "cybexp-test-proxy-certificates");
  });

  it("has the same name in a preview: an unknown one would show a replacement of the server", async () => {
    const built = await volume(true, { preview: true });
    assert.equal(await valueOf(built.result.volumeName), "cybexp-test-proxy-certificates");
  });
});
