import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isDeepStrictEqual } from "node:util";
import * as pulumi from "@pulumi/pulumi";
import { CONTAINER } from "../../../names/types.ts";
import type { ShownCertificate } from "../../../components/shownCertificate.ts";
import { Service } from "../../../components/service.ts";
import { SmokeCheck } from "../../../components/smokeCheck.ts";
import { TlsProxy } from "../../../components/tlsProxy.ts";
import { UserList } from "../../../components/userList.ts";
import { clientSubject } from "../../../render/clientName.ts";
import { renderHtpasswd } from "../../../render/htpasswd.ts";
import { proxyHealthCheck } from "../../../render/proxyHealth.ts";
import { proxyNeeds } from "../../../render/imageNeeds.ts";
import { nginxDialect } from "../../../render/nginxDialect.ts";
import { passwordDigest } from "../../../render/passwordDigest.ts";
import { PROXY_STATUS_PORT, proxyRelease } from "../../../render/proxyRelease.ts";
import { assumedEngine, limitsOf } from "../../../settings/limits.ts";
import type { Access, ClientSettings, Settings, UserSettings } from "../../../settings/types.ts";
import {
  build,
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
  type Memory,
  names,
  NGINX_1_22,
  once,
  passwordOf,
  datedOf,
  pemOf,
  run,
  the,
  valueOf,
  type World,
} from "./mocks.ts";
import {
  authority,
  backend,
  backendUri,
  client,
  clientList,
  CSR,
  kms,
  kmsUri,
  serverCertificate,
  SETTINGS,
} from "./parts.ts";

const NGINX_1_30 = "nginx version: nginx/1.30.1\nbuilt with OpenSSL 3.5.1 1 Jul 2025\n";

interface Changes {
  readonly users?: readonly UserSettings[];
  readonly proxy?: Partial<Settings["proxy"]>;
  readonly doors?: readonly ("kms" | "backend")[];
  readonly access?: Access;
  readonly clients?: readonly ClientSettings[];
  readonly renewed?: { readonly names: readonly string[] };
  readonly stapled?: boolean;
}

function certificateOf({ renewed, stapled }: Changes): ShownCertificate {
  const { pairs, ends } = serverCertificate();
  return {
    pairs,
    ends,
    ...(renewed && { renewed }),
    ...(stapled !== undefined && { stapled }),
  };
}

/** The proxy, with services behind it that have no database. */
const make = (
  { users, proxy, doors, access = "password", clients = [], ...shown }: Changes = {},
  world: World = {},
) =>
  build(() => {
    const settings = { ...SETTINGS.proxy, ...proxy };
    const serviceOf = (role: "kms" | "backend") =>
      new Service(role, {
        deployment: deployment(),
        role,
        image: "sha256:1",
        config: `of the ${role}`,
        bind: SETTINGS[role].bind,
        databaseNetwork: `cybexp-test-${role}-db`,
        drainSeconds: settings.shutdownTimeout,
      });
    const all = [
      { name: "kms" as const, listen: 5002, service: serviceOf("kms"), maxBody: "64k", access },
      {
        name: "backend" as const,
        listen: 5001,
        service: serviceOf("backend"),
        maxBody: "17m",
        access: "password" as const,
      },
    ];
    return new TlsProxy("proxy", {
      deployment: deployment(),
      settings,
      certificate: certificateOf(shown),
      users: new UserList("user", { users: users ?? SETTINGS.users }),
      clients: clientList(clients, authority("client-ca")),
      doors: all.filter(({ name }) => doors?.includes(name) ?? true),
    });
  }, world);
const usual = once(() => make());

/** Of a program that does not ask the engine. */
const LIMITS = limitsOf({}, assumedEngine);

/** What Prometheus reads of the certificate that all proxies here have. */
const METRICS = `\
# HELP cybexp_certificate_not_after_timestamp_seconds When the certificate or revocation list ends, in seconds since 1970.
# TYPE cybexp_certificate_not_after_timestamp_seconds gauge
cybexp_certificate_not_after_timestamp_seconds{certificate="cert",kind="server",stack="test"} ${Date.UTC(2036, 0, 1) / 1000}
`;

/** What the proxy of `usual` serves by. */
const release = (changes: Partial<Parameters<typeof proxyRelease>[0]> = {}) =>
  proxyRelease({
    dialect: nginxDialect(NGINX_1_22),
    serverNames: ["cybexp.example.edu"],
    readTimeout: 60,
    shutdownTimeout: 30,
    doors: [
      {
        name: "kms",
        port: 8441,
        upstream: "kms:5000",
        standIn: "kms-handover:5000",
        maxBody: "64k",
        room: LIMITS.doors.backend,
      },
      {
        name: "backend",
        port: 8442,
        upstream: "backend:5000",
        standIn: "backend-handover:5000",
        maxBody: "17m",
        room: LIMITS.doors.backend,
      },
    ],
    pairs: [
      {
        certificate: datedOf("cert", "ca-1-key"),
        privateKey: pemOf("EC PRIVATE KEY", "cert-key"),
      },
    ],
    check: {
      salt: passwordOf("user-salt"),
      digests: {
        collector: passwordDigest({
          salt: passwordOf("user-salt"),
          name: "collector",
          password: passwordOf("user-collector-1"),
        }),
      },
      htpasswd: renderHtpasswd([
        {
          name: "collector",
          password: passwordOf("user-collector-1"),
          salt: bytesOf("user-collector-salt", 16).toString("base64"),
        },
      ]),
    },
    clients: { authorities: "", revocations: "", listed: [] },
    metrics: METRICS,
    room: { workers: 4, connections: 1024, largeBodies: 120 },
    ...changes,
  });

describe("the proxy", () => {
  const container = {
    ...HARDENED,
    name: "cybexp-test-proxy",
    hostname: "proxy",
    image: imageIdOf("nginx:1.30.1"),
    labels: labelsOf("proxy"),
    user: "101:101",
    envs: [],
    entrypoints: ["nginx", "-e", "stderr", "-c", "/release/current/nginx.conf"],
    networksAdvanced: [
      { name: "cybexp-test-edge", aliases: [] },
      { name: "cybexp-test-kms", aliases: [] },
      { name: "cybexp-test-backend", aliases: [] },
    ],
    ports: [
      { ip: "192.0.2.1", external: 5002, internal: 8441 },
      { ip: "192.0.2.1", external: 5001, internal: 8442 },
    ],
    volumes: [
      { volumeName: "cybexp-test-proxy-release", containerPath: "/release", readOnly: true },
      {
        volumeName: "cybexp-test-proxy-bodies",
        containerPath: "/tmp/client_body",
        readOnly: false,
      },
      { volumeName: "cybexp-test-proxy-certificates", containerPath: "/acme", readOnly: true },
    ],
    mounts: [],
    tmpfs: { "/tmp": "rw,noexec,nosuid,nodev,size=16m,mode=1777" },
    memory: 512,
    memorySwap: 512,
    cpus: "1.0",
    stopSignal: "SIGQUIT",
    stopTimeout: 30,
    destroyGraceSeconds: 30,
    healthcheck: healthcheck(...proxyHealthCheck(PROXY_STATUS_PORT)),
    waitTimeout: 60,
  };

  it("is made of these, and of nothing else", async () => {
    const own = names((await usual()).resources).filter((name) => / proxy/.test(name));
    assert.deepEqual(own, [
      "command:local:Command proxy-bodies-owner",
      "command:local:Command proxy-image-pull",
      "command:local:Command proxy-limits",
      "command:local:Command proxy-nginx-version",
      "command:local:Command proxy-release-delivery",
      "cybexp:docker:BodyVolume proxy-bodies",
      "cybexp:docker:CertificateVolume proxy-certificates",
      "cybexp:docker:Container proxy",
      "cybexp:docker:Release proxy-release",
      "cybexp:index:TlsProxy proxy",
      "docker:index/container:Container proxy",
      "docker:index/network:Network proxy-network",
      "docker:index/remoteImage:RemoteImage proxy-image",
      "docker:index/volume:Volume proxy-bodies",
      "docker:index/volume:Volume proxy-certificates",
      "docker:index/volume:Volume proxy-release",
    ]);
  });

  it("publishes only the doors, and reaches the services but no database", async () => {
    const { inputs, secrets, options } = the(await usual(), CONTAINER, "proxy");
    assert.deepEqual(inputs, container);
    assert.deepEqual(secrets, []);
    assert.deepEqual(options, CONTAINER_OPTIONS);
  });

  it("starts after both services and its first release", async () => {
    const { dependencies } = await usual();
    const component = dependencies.get("cybexp:docker:Container proxy") ?? [];
    const container = dependencies.get(`${CONTAINER} proxy`) ?? [];
    assert.ok(component.includes(`${CONTAINER} kms`));
    assert.ok(component.includes(`${CONTAINER} backend`));
    assert.ok(container.includes(`${COMMAND} proxy-release-delivery`));
  });

  it("has a network of its own to publish from", async () => {
    const { inputs } = the(await usual(), "docker:index/network:Network", "proxy-network");
    assert.deepEqual(inputs, { name: "cybexp-test-edge", labels: labelsOf("edge") });
  });

  it("has a way to the world where it staples OCSP answers, and not otherwise", async () => {
    const built = await make({ stapled: true });
    const { inputs } = the(built, "docker:index/network:Network", "proxy-away");
    assert.deepEqual(inputs, { name: "cybexp-test-away", labels: labelsOf("away") });
    const { networksAdvanced } = the(built, CONTAINER, "proxy").inputs;
    const joined = (networksAdvanced as { name: string }[]).map(({ name }) => name);
    assert.deepEqual(joined, [
      ...["cybexp-test-edge", "cybexp-test-away", "cybexp-test-kms", "cybexp-test-backend"],
    ]);
    // Docker takes the default route from the first by name.
    assert.equal(joined.sort()[0], "cybexp-test-away");
    assert.equal(await valueOf(built.result.release), release({ ocspStapling: true }).digest);
    const without = await make({ stapled: false });
    assert.equal(await valueOf(without.result.release), release().digest);
    assert.deepEqual(names(without.resources), names((await usual()).resources));
  });

  it("asks the image which Nginx is in it", async () => {
    const { inputs, secrets } = the(await usual(), COMMAND, "proxy-nginx-version");
    assert.deepEqual(inputs, {
      ...run("nginx-version"),
      environment: {},
      stdin: {
        ...OWNER,
        image: imageIdOf("nginx:1.30.1"),
        needs: proxyNeeds("101:101"),
      },
    });
    assert.deepEqual(secrets, []);
  });

  it("gets everything that it serves with as one release", async () => {
    const { inputs, secrets, parent } = the(await usual(), COMMAND, "proxy-release-delivery");
    const { digest, files } = release();
    assert.deepEqual(inputs, {
      ...run("deliver"),
      environment: { RELEASE: digest },
      stdin: {
        volume: "cybexp-test-proxy-release",
        ...OWNER,
        image: imageIdOf("nginx:1.30.1"),
        owner: "101:101",
        digest,
        files,
        reload: {
          container: "cybexp-test-proxy",
          statusPort: PROXY_STATUS_PORT,
          certificates: "cybexp-test-proxy-certificates",
        },
      },
    });
    assert.deepEqual(secrets, ["stdin"]);
    assert.equal(parent, "proxy-release");
  });

  it("outputs which release it serves, not as a secret", async () => {
    const { result, outputs } = await usual();
    const { digest } = release();
    assert.equal(await valueOf(result.release), digest);
    assert.equal(await pulumi.isSecret(result.release), false);
    assert.equal(await valueOf(result.containerId), containerIdOf("proxy"));
    assert.deepEqual(outputs.get("cybexp:index:TlsProxy proxy"), {
      values: { containerId: containerIdOf("proxy"), release: digest },
      secrets: [],
    });
  });

  /** What may change without a dropped request: the release does, the container's inputs do not. */
  const rotations: Record<string, () => ReturnType<typeof make>> = {
    "passwords, keys and certificates": () => make({}, { seed: "second" }),
    "the list of users": () =>
      make({ users: [...SETTINGS.users, { name: "analyst", generation: 1, retired: 0 }] }),
    "the number of a password": () =>
      make({ users: [{ name: "collector", generation: 2, retired: 0 }] }),
    "what is retired": () => make({ users: [{ name: "collector", generation: 2, retired: 1 }] }),
    "a supplied password": () =>
      make({
        users: [
          { name: "collector", generation: 1, retired: 0, password: "chosen by the operator" },
        ],
      }),
    "the time to wait for a service": () => make({ proxy: { readTimeout: 61 } }),
    "the time for requests under way": () => make({ proxy: { shutdownTimeout: 31 } }),
    "the limit of wrong passwords": () => make({ proxy: { guesses: { perMinute: 60, burst: 5 } } }),
    "the server's name": () => make({ proxy: { serverName: "other.example.edu" } }),
    "what the image's Nginx can spell": () => make({}, { nginx: NGINX_1_30 }),
  };
  it("goes on running, with another release, when its certificate comes to be renewed beside it", async () => {
    const renewed = await make({ renewed: { names: ["cybexp.example.edu"] } });
    assert.deepEqual(the(renewed, CONTAINER, "proxy").inputs, container);
    const { stdin } = the(renewed, COMMAND, "proxy-release-delivery").inputs as {
      stdin: { files: Record<string, { content: string }>; reload: object };
    };
    assert.deepEqual(Object.keys(stdin.files).sort(), ["htpasswd", "metrics.prom", "nginx.conf"]);
    assert.match(stdin.files["nginx.conf"]?.content ?? "", /^ {4}include \/acme\/current\.conf;$/m);
    const { dependencies } = renewed;
    // Nginx could not read a release without a certificate.
    assert.ok(
      dependencies
        .get(`${COMMAND} proxy-release-delivery`)
        ?.includes(`${COMMAND} proxy-certificates-interim`),
    );
  });

  for (const [what, rotate] of Object.entries(rotations)) {
    it(`keeps running, with another release, when ${what} change`, async () => {
      const changed = await rotate();
      assert.deepEqual(the(changed, CONTAINER, "proxy").inputs, container);
      assert.notEqual(await valueOf(changed.result.release), release().digest);
    });
  }

  const ann: ClientSettings = {
    name: "ann",
    generation: 1,
    retired: 0,
    revoked: false,
    keyType: "ecdsa",
  };
  const door = {
    name: "kms",
    port: 8441,
    upstream: "kms:5000",
    standIn: "kms-handover:5000",
    maxBody: "64k",
    room: LIMITS.doors.backend,
  } as const;

  it("gets the clients' authorities, revocations and names if a door asks for certificates", async () => {
    const asking = await make({ access: "either", doors: ["kms"], clients: [ann] });
    const expected = release({
      doors: [{ ...door, access: "either" }],
      clients: {
        authorities: datedOf("client-ca-1", "client-ca-1-key"),
        revocations: pemOf("X509 CRL", "client-revocations"),
        listed: [
          {
            name: "ann",
            subject: clientSubject({
              name: "ann",
              generation: 1,
              publicKey: pemOf("PUBLIC KEY", "client-ann-1-key"),
            }),
            revoked: false,
          },
        ],
      },
    });
    const { stdin } = the(asking, COMMAND, "proxy-release-delivery").inputs;
    assert.deepEqual((stdin as { files: unknown }).files, expected.files);
    assert.deepEqual(expected.files["client-ca.crl"], {
      mode: 0o400,
      content: pemOf("X509 CRL", "client-revocations"),
    });
    assert.equal(await valueOf(asking.result.release), expected.digest);
  });

  it("gets a new release for a revocation, and changes nothing else, if a door asks for certificates", async () => {
    const memory: Memory = new Map();
    const changes = { access: "certificate", clients: [ann, { ...ann, name: "bob" }] } as const;
    const before = await make(changes, { memory });
    const after = await make(
      { ...changes, clients: [{ ...ann, revoked: true }, changes.clients[1]] },
      { memory },
    );
    const inputsOf = ({ resources }: typeof before) =>
      new Map(resources.map(({ type, name, inputs }) => [`${type} ${name}`, inputs]));
    assert.deepEqual(names(after.resources), names(before.resources));
    const old = inputsOf(before);
    const changed = [...inputsOf(after)].filter(
      ([name, inputs]) => !isDeepStrictEqual(inputs, old.get(name)),
    );
    assert.deepEqual(
      changed.map(([name]) => name),
      [`${COMMAND} client-revocations`, `${COMMAND} proxy-release-delivery`],
    );
    assert.notEqual(await valueOf(after.result.release), await valueOf(before.result.release));
  });

  it("has the same release, whoever the clients are, if no door asks for certificates", async () => {
    const listed = await make({ clients: [{ ...ann, revoked: true }] });
    assert.equal(await valueOf(listed.result.release), release().digest);
  });

  it("writes its configuration so that the image's Nginx can read it", async () => {
    const changed = await make({}, { nginx: NGINX_1_30 });
    assert.equal(
      await valueOf(changed.result.release),
      release({ dialect: nginxDialect(NGINX_1_30) }).digest,
    );
  });

  it("has a port and a network for each door, and for no other", async () => {
    const one = await make({ doors: ["backend"] });
    assert.deepEqual(the(one, CONTAINER, "proxy").inputs, {
      ...container,
      networksAdvanced: [
        { name: "cybexp-test-edge", aliases: [] },
        { name: "cybexp-test-backend", aliases: [] },
      ],
      ports: [{ ip: "192.0.2.1", external: 5001, internal: 8441 }],
    });
    assert.equal(
      await valueOf(one.result.release),
      release({
        doors: [
          {
            name: "backend",
            port: 8441,
            upstream: "backend:5000",
            standIn: "backend-handover:5000",
            maxBody: "17m",
            room: LIMITS.doors.backend,
          },
        ],
      }).digest,
    );
  });

  it("publishes the metrics by a port of their own, where that is asked for", async () => {
    const changed = await make({ proxy: { metrics: { address: "127.0.0.1", port: 9113 } } });
    assert.deepEqual(the(changed, CONTAINER, "proxy").inputs, {
      ...container,
      ports: [...container.ports, { ip: "127.0.0.1", external: 9113, internal: 8082 }],
    });
    const expected = release({ publishesMetrics: true });
    assert.equal(await valueOf(changed.result.release), expected.digest);
    assert.notEqual(expected.digest, release().digest);
    assert.deepEqual(expected.files["metrics.prom"], { mode: 0o400, content: METRICS });
  });

  it("looks up a demo image and doesn't pull it", async () => {
    const demo = await make({ proxy: { image: "cybexp-demo/nginx:1" } });
    assert.deepEqual(
      demo.lookups.filter((name) => name.includes("nginx")),
      ["cybexp-demo/nginx:1"],
    );
    assert.deepEqual(the(demo, CONTAINER, "proxy").inputs, {
      ...container,
      image: imageIdOf("cybexp-demo/nginx:1"),
    });
  });
});

describe("the smoke check", () => {
  const make = ({
    dockerHost,
    ...changes
  }: Partial<Pick<Settings, "users" | "clients" | "kms">> & { dockerHost?: string } = {}) =>
    build(() => {
      const settings = { ...SETTINGS, ...changes };
      const own = deployment({ engine: { connection: dockerHost } });
      const services = {
        kms: kms({ deployment: own, settings: settings.kms }),
        backend: backend({ deployment: own }),
      };
      const users = new UserList("user", { users: settings.users });
      const clients = clientList(settings.clients, authority("client-ca"));
      const proxy = new TlsProxy("proxy", {
        deployment: own,
        settings: settings.proxy,
        certificate: serverCertificate(),
        users,
        clients,
        doors: [
          {
            name: "kms",
            listen: 5002,
            service: services.kms.service,
            maxBody: "64k",
            access: "password",
          },
        ],
      });
      new SmokeCheck("smoke", {
        deployment: own,
        settings,
        serverCa: authority("server-ca").bundle,
        users,
        clients,
        proxy,
        ...services,
      });
      return proxy;
    });
  const usual = once(() => make());

  const stdin = {
    ...OWNER,
    serverName: "cybexp.example.edu",
    serverNames: [],
    serverCa: datedOf("server-ca-1", "server-ca-1-key"),
    credential: { user: "collector", password: passwordOf("user-collector-1") },
    doors: [
      { name: "kms", port: 5002, access: "password" },
      { name: "backend", port: 5001, access: "password" },
    ],
    databases: [
      {
        container: "cybexp-test-kms-db",
        uri: kmsUri(),
      },
      {
        container: "cybexp-test-backend-db",
        uri: backendUri(),
      },
    ],
    listeners: [
      { role: "kms", address: "127.0.0.1", port: 5012 },
      { role: "backend", address: "127.0.0.1", port: 5011 },
      { role: "proxy", address: "192.0.2.1", port: 5002 },
      { role: "proxy", address: "192.0.2.1", port: 5001 },
    ],
    leaving: ["kapow", "acme-challenge", "collector-door"],
  };

  it("knows what a client knows and what the config declares, and runs after every change", async () => {
    const built = await usual();
    const { inputs, secrets, parent } = the(built, COMMAND, "smoke");
    assert.deepEqual(inputs, {
      ...run("smoke"),
      logging: "stderr",
      environment: {
        RELEASE: await valueOf(built.result.release),
        PROXY: containerIdOf("proxy"),
        KMS: containerIdOf("kms"),
        BACKEND: containerIdOf("backend"),
        ROTATION:
          '{"user collector":1,"kmsJwtKey":1,"serverCertificate":1,"serverCa":1,"clientCa":1,"kmsDatabase":1,"backendDatabase":1}',
        ACCESS: '{"kms":"password","backend":"password"}',
      },
      stdin,
    });
    assert.deepEqual(secrets, ["stdin"]);
    assert.equal(parent, "smoke");
  });

  it("runs last: after the proxy, its release, both services and their databases' users", async () => {
    const before = (await usual()).dependencies.get(`${COMMAND} smoke`) ?? [];
    const due = [
      `${CONTAINER} proxy`,
      `${COMMAND} proxy-release-delivery`,
      `${CONTAINER} kms`,
      `${CONTAINER} backend`,
      `${COMMAND} kms-db-users`,
      `${COMMAND} backend-db-users`,
    ];
    assert.deepEqual(
      due.filter((name) => !before.includes(name)),
      [],
    );
  });

  it("calls as the first user, and asks the engine that the stack names", async () => {
    const users = [
      { name: "zoe", generation: 1, retired: 0, password: "chosen by the operator" },
      { name: "anna", generation: 1, retired: 0 },
    ];
    const built = await make({ users, dockerHost: "ssh://a@b" });
    assert.deepEqual(the(built, COMMAND, "smoke").inputs["stdin"], {
      ...stdin,
      dockerHost: "ssh://a@b",
      credential: { user: "zoe", password: "chosen by the operator" },
    });
  });

  it("presents the first client's certificate whose key is here, and whose is good", async () => {
    const elsewhere = client("elsewhere", { csr: CSR });
    const kms = { ...SETTINGS.kms, access: "both" as const };
    const clients = [client("lost", { revoked: true }), elsewhere, client("ann"), client("bob")];
    assert.deepEqual(the(await make({ clients, kms }), COMMAND, "smoke").inputs["stdin"], {
      ...stdin,
      client: {
        certificate: datedOf("client-ann-1", "client-ca-1-key"),
        privateKey: pemOf("EC PRIVATE KEY", "client-ann-1-key"),
      },
      doors: [
        { name: "kms", port: 5002, access: "both" },
        { name: "backend", port: 5001, access: "password" },
      ],
    });
    assert.deepEqual(
      the(await make({ clients: [elsewhere] }), COMMAND, "smoke").inputs["stdin"],
      stdin,
    );
  });
});
