import { describe, it } from "node:test";
import { rootCertificates } from "node:tls";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { type Problem, SettingsError } from "../../settings/problem.ts";
import { readSettings } from "../../settings/read.ts";
import type { RawConfig } from "../../settings/rawConfig.ts";
import { plainSecrets } from "../../settings/secrecy.ts";
import type { Settings } from "../../settings/types.ts";
import { projectRoot } from "../../machine/paths.ts";

const DIGEST = `sha256:${"0".repeat(64)}`;
const PASSWORD = "correct horse battery staple";
const RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

/** Made by OpenSSL, of an ECDSA key on P-256 that is lost. */
const CSR = readFileSync(join(import.meta.dirname, "fixtures", "client.csr"), "utf8");

/** The least that a stack can set. */
function valid() {
  return {
    kms: { image: "cybexp-demo/kms:1", bind: "127.0.0.1:5012", listen: 5002 },
    backend: { image: "cybexp-demo/backend:1", bind: "127.0.0.1:5011", listen: 5001 },
    database: { image: "cybexp-demo/mongo:1" },
    proxy: { image: "cybexp-demo/nginx:1", serverName: "localhost", address: "127.0.0.1" },
    users: [{ name: "collector" }],
  };
}

/** The valid configuration with one value put, or with `undefined` taken away, at a path. */
function withValue(path: string, value: unknown): Record<string, unknown> {
  const values: Record<string, unknown> = valid();
  const steps = path.split(/[.[\]]+/).filter((step) => step !== "");
  let place = values;
  for (const step of steps.slice(0, -1)) {
    place[step] ??= {};
    place = place[step] as Record<string, unknown>;
  }
  const last = steps.at(-1) ?? "";
  if (value === undefined) {
    delete place[last];
  } else {
    Object.defineProperty(place, last, { value, enumerable: true, writable: true });
  }
  return values;
}

function read(values: Record<string, unknown>, more: Partial<RawConfig> = {}): Settings {
  return readSettings({ stack: "dev", values, secretKeys: new Set(), ...more });
}

function refused(values: Record<string, unknown>, more: Partial<RawConfig> = {}): SettingsError {
  try {
    read(values, more);
  } catch (error) {
    assert.ok(error instanceof SettingsError, String(error));
    return error;
  }
  assert.fail("the configuration was accepted");
}

function stackFile(name: string): RawConfig {
  const text = readFileSync(join(projectRoot, name), "utf8");
  const { config } = parse(text) as { config: Record<string, unknown> };
  const values = Object.fromEntries(
    Object.entries(config).map(([key, value]) => [key.replace(/^cybexp:/, ""), value]),
  );
  return {
    stack: "test",
    values,
    secretKeys: new Set(),
    plainSecrets: plainSecrets(text),
  };
}

/** Some authority's own certificate, PEM. */
const [ROOT = ""] = rootCertificates;

describe("a backup's passphrase", () => {
  const more = { secretKeys: new Set(["backup"]), plainSecrets: [] };

  it("is taken as a secret", () => {
    const settings = read(withValue("backup.passphrase", PASSWORD), more);
    assert.equal(settings.backup.passphrase, PASSWORD);
  });

  it("is refused in plain text, and not shown", () => {
    assert.deepEqual(refused(withValue("backup.passphrase", PASSWORD)).problems, [
      {
        path: "cybexp:backup.passphrase",
        value: "(not shown)",
        reason:
          "The passphrase is in plain text in the stack's configuration. It must be a secret.",
        remedy: "Store a new one with: pulumi config set --secret --path 'backup.passphrase'",
      },
    ]);
  });

  it("is refused beside recipients", () => {
    const both = { ...valid(), backup: { recipients: [RECIPIENT], passphrase: PASSWORD } };
    assert.deepEqual(refused(both, more).problems, [
      {
        path: "cybexp:backup.passphrase",
        value: "(not shown)",
        reason: "A backup is encrypted either for recipients or with a passphrase.",
        remedy: "Remove one of the two.",
      },
    ]);
  });
});

describe("what a stack may set", () => {
  it("has every default if only the required keys are set", () => {
    assert.deepEqual(read(valid()), {
      kms: {
        image: "cybexp-demo/kms:1",
        bind: { address: "127.0.0.1", port: 5012 },
        listen: 5002,
        access: "password",
        config: {},
        resources: {},
        administrator: { name: "administrator" },
      },
      backend: {
        image: "cybexp-demo/backend:1",
        bind: { address: "127.0.0.1", port: 5011 },
        listen: 5001,
        access: "password",
        config: {},
        resources: {},
      },
      database: {
        image: "cybexp-demo/mongo:1",
        uri: {},
        publish: {},
        resources: { kms: {}, backend: {} },
      },
      proxy: {
        image: "cybexp-demo/nginx:1",
        serverName: "localhost",
        serverNames: [],
        hsts: true,
        address: "127.0.0.1",
        readTimeout: 300,
        shutdownTimeout: 60,
        guesses: { perMinute: 30, burst: 5 },
        resources: {},
      },
      certificates: {
        source: "generated",
        supplied: [],
        ocspStapling: false,
        validityDays: 90,
        renewBeforeDays: 30,
        caValidityDays: 3650,
        clientValidityDays: 365,
        warnDays: 21,
      },
      users: [{ name: "collector", generation: 1, retired: 0 }],
      clients: [],
      collector: [],
      rotation: {
        kmsJwtKey: 1,
        serverCertificate: 1,
        serverCa: 1,
        serverCaRetired: 0,
        clientCa: 1,
        clientCaRetired: 0,
        kmsDatabase: 1,
        backendDatabase: 1,
      },
      modules: { config: {} },
      throwaway: false,
      lost: [],
      backup: { recipients: [], keep: {}, warnDays: 2 },
      production: false,
      state: {},
    });
  });

  it("takes every key", () => {
    const settings = read(
      {
        kms: {
          image: `registry.example.edu:5000/priv/cybexp-kms-priv:1.0@${DIGEST}`,
          bind: "[::1]:1",
          listen: "443",
          access: "password",
          config: {
            FLASK_DEBUG: false,
            ORE_KEY_LENGTH: 512,
            OPE_IN_MAX: 1000,
            OPE_OUT_MAX: "340282366920938463463374607431768211456",
            db_name: "keys",
            DE_key_location: "/secrets/de.pem",
          },
          resources: { memory: "256", cpus: "0.25", pids: 4096 },
          administrator: { name: "Boss" },
        },
        backend: {
          image: `nginx@${DIGEST}`,
          bind: "127.9.9.9:65535",
          listen: 5001,
          config: { debug: "true" },
          resources: { memory: 1_048_576, cpus: 1.07, pids: "50" },
        },
        database: {
          image: "mongo:8.0",
          publish: { kms: "127.0.0.1:5006", backend: "[0:0:0:0:0:0:0:1]:5003" },
          resources: {
            memory: 256,
            cpus: 2,
            pids: 60,
            backend: { memory: 4096 },
            kms: { cpus: 1 },
          },
        },
        proxy: {
          image: "nginx:1.28",
          serverName: "CybexP.Example.edu",
          serverNames: ["KMS.example.edu", "*.Apps.example.edu", "192.0.2.7", "[2001:DB8::7]"],
          hsts: false,
          address: "2001:DB8:0:0::10",
          readTimeout: 36,
          shutdownTimeout: 3600,
          guesses: { perMinute: "6000", burst: 6000 },
          metrics: "[::1]:9113",
          resources: {
            memory: 128,
            cpus: 64,
            pids: 500,
            bodies: "32",
            workers: 256,
            connections: 256,
          },
        },
        certificates: {
          authorities: ROOT,
          acme: {
            image: "certbot/certbot:v5.8.0",
            directory: "https://acme.example.edu:14000/dir",
            directoryCa: ROOT,
            email: "security@example.edu",
            eab: {
              keyId: "kid-1",
              hmacKey: "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W",
            },
            profile: "shortlived",
            challenge: "dns",
            httpPort: 8080,
            dns: {
              plugin: "rfc2136",
              credentials:
                "dns_rfc2136_secret = 4q4wM/2I180UXoMyN4INVhJNi8V9BCV+jMw2mXgZw/CSuxUT8C7NKKFs AmKd7ak51vWKgSl12ib86oQRPkpDjg==\n",
              propagationSeconds: "0",
            },
            resources: { memory: 64 },
          },
          ocspStapling: "false",
          validityDays: 366,
          renewBeforeDays: 365,
          caValidityDays: 826,
          clientValidityDays: 825,
          warnDays: 0,
        },
        users: [
          {
            name: "Alice.B_c-d@example.edu",
            generation: 1_000_000,
            retired: 999_999,
            retireBy: "2028-02-29",
            password: PASSWORD,
          },
          { name: "2", attributes: ["re-search", "A.b", "C#"] },
        ],
        clients: [
          {
            name: "Alice.B_c-d@example.edu",
            generation: "3",
            retired: "2",
            retireBy: "2026-12-31",
            revoked: "true",
            keyType: "rsa",
          },
          { name: "server", csr: CSR.replaceAll("\n", "\r\n  ") },
        ],
        rotation: {
          kmsJwtKey: 2,
          serverCertificate: "3",
          serverCa: 4,
          serverCaRetired: "3",
          serverCaRetireBy: "2026-12-31",
          clientCa: "3",
          clientCaRetired: 1,
          clientCaRetireBy: "2027-12-31",
          kmsDatabase: 5,
          backendDatabase: 6,
        },
        modules: {
          config: { web_conn_listen: "1", enc_worker_threads: 1000, max_post_retries: 0 },
        },
        throwaway: "true",
        lost: ["kms-secrets@3f2a9c10b7d4", "backend-db-data@unmarked"],
        backup: {
          folder: "/srv/backups",
          recipients: [RECIPIENT],
          keep: { last: "7", days: 36_500 },
          warnDays: "1",
        },
        production: "false",
        state: {
          backend: "s3://state?region=eu-central-1",
          secretsProvider: "awskms://alias/cybexp",
        },
      },
      { secretKeys: new Set(["users", "certificates"]), plainSecrets: [] },
    );
    assert.deepEqual(settings, {
      kms: {
        image: `registry.example.edu:5000/priv/cybexp-kms-priv:1.0@${DIGEST}`,
        bind: { address: "::1", port: 1 },
        listen: 443,
        access: "password",
        config: {
          FLASK_DEBUG: false,
          ORE_KEY_LENGTH: 512,
          OPE_IN_MAX: 1000,
          OPE_OUT_MAX: "340282366920938463463374607431768211456",
          db_name: "keys",
          DE_key_location: "/secrets/de.pem",
        },
        resources: { memory: 256, cpus: 0.25, pids: 4096 },
        administrator: { name: "Boss" },
      },
      backend: {
        image: `nginx@${DIGEST}`,
        bind: { address: "127.9.9.9", port: 65535 },
        listen: 5001,
        access: "password",
        config: { debug: true },
        resources: { memory: 1_048_576, cpus: 1.07, pids: 50 },
      },
      database: {
        image: "mongo:8.0",
        uri: {},
        publish: {
          kms: { address: "127.0.0.1", port: 5006 },
          backend: { address: "::1", port: 5003 },
        },
        resources: { memory: 256, cpus: 2, pids: 60, backend: { memory: 4096 }, kms: { cpus: 1 } },
      },
      proxy: {
        image: "nginx:1.28",
        serverName: "cybexp.example.edu",
        serverNames: ["kms.example.edu", "*.apps.example.edu", "192.0.2.7", "2001:db8::7"],
        hsts: false,
        address: "2001:db8::10",
        readTimeout: 36,
        shutdownTimeout: 3600,
        guesses: { perMinute: 6000, burst: 6000 },
        metrics: { address: "::1", port: 9113 },
        resources: { memory: 128, cpus: 64, pids: 500, bodies: 32, workers: 256, connections: 256 },
      },
      certificates: {
        source: "generated",
        authorities: ROOT,
        supplied: [],
        acme: {
          image: "certbot/certbot:v5.8.0",
          directory: "https://acme.example.edu:14000/dir",
          directoryCa: ROOT,
          email: "security@example.edu",
          eab: {
            keyId: "kid-1",
            hmacKey: "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W",
          },
          profile: "shortlived",
          challenge: "dns",
          httpPort: 8080,
          dns: {
            plugin: "rfc2136",
            credentials:
              "dns_rfc2136_secret = 4q4wM/2I180UXoMyN4INVhJNi8V9BCV+jMw2mXgZw/CSuxUT8C7NKKFs AmKd7ak51vWKgSl12ib86oQRPkpDjg==\n",
            propagationSeconds: 0,
          },
          resources: { memory: 64 },
        },
        ocspStapling: false,
        validityDays: 366,
        renewBeforeDays: 365,
        caValidityDays: 826,
        clientValidityDays: 825,
        warnDays: 0,
      },
      users: [
        {
          name: "Alice.B_c-d@example.edu",
          generation: 1_000_000,
          retired: 999_999,
          retireBy: "2028-02-29",
          password: PASSWORD,
        },
        { name: "2", generation: 1, retired: 0, attributes: ["RE-SEARCH", "A.B", "C#"] },
      ],
      clients: [
        {
          name: "Alice.B_c-d@example.edu",
          generation: 3,
          retired: 2,
          retireBy: "2026-12-31",
          revoked: true,
          keyType: "rsa",
        },
        {
          name: "server",
          generation: 1,
          retired: 0,
          revoked: false,
          csr: CSR,
          keyType: "ecdsa",
        },
      ],
      rotation: {
        kmsJwtKey: 2,
        serverCertificate: 3,
        serverCa: 4,
        serverCaRetired: 3,
        serverCaRetireBy: "2026-12-31",
        clientCa: 3,
        clientCaRetired: 1,
        clientCaRetireBy: "2027-12-31",
        kmsDatabase: 5,
        backendDatabase: 6,
      },
      collector: [],
      modules: {
        config: { web_conn_listen: 1, enc_worker_threads: 1000, max_post_retries: 0 },
      },
      throwaway: true,
      lost: ["kms-secrets@3f2a9c10b7d4", "backend-db-data@unmarked"],
      backup: {
        folder: "/srv/backups",
        recipients: [RECIPIENT],
        keep: { last: 7, days: 36_500 },
        warnDays: 1,
      },
      production: false,
      state: {
        backend: "s3://state?region=eu-central-1",
        secretsProvider: "awskms://alias/cybexp",
      },
    });
  });

  it("takes the embedded default", () => {
    const settings = readSettings(stackFile("Pulumi.dev.yaml"));
    assert.equal(settings.throwaway, true);
    assert.deepEqual(
      settings.users.map((user) => user.name),
      ["collector", "analyst"],
    );
    assert.deepEqual(settings.kms.bind, { address: "127.0.0.1", port: 5012 });
    assert.deepEqual(settings.backend.bind, { address: "127.0.0.1", port: 5011 });
    assert.deepEqual([settings.kms.listen, settings.backend.listen], [5002, 5001]);
  });

  it("lets one port serve on two addresses", () => {
    const settings = read(withValue("kms.bind", "[::1]:5002"));
    assert.deepEqual(settings.kms.bind, { address: "::1", port: 5002 });
  });
});

type Case = readonly [
  title: string,
  path: string,
  value: unknown,
  problem: Problem | readonly Problem[],
];

const LOOPBACK = "Allowed: an IP address in 127.0.0.0/8, or ::1, with a port.";
const BIND = "Write, for example, 127.0.0.1:5012 or [::1]:5012.";

const bind = (value: string, reason: string): Problem => ({
  path: "cybexp:kms.bind",
  value: JSON.stringify(value),
  reason: [reason, LOOPBACK].filter((text) => text !== "").join(" "),
  remedy: BIND,
});

const HOST_NAME = "A host name can come to mean another address, so it does not count as loopback.";
const EVERY =
  "This means every address of the machine, so the service would be open to the network.";
const LOCAL = "This address can be reached from the local network.";
const FOREIGN = "This address is not limited to this machine: it may be reached from anywhere.";
const MALFORMED = "This is not a well-formed IP address.";
const NO_PORT = "The port is missing, or an IPv6 address lacks its brackets.";
const BAD_PORT = "The port is not a whole number from 1 to 65535.";
const NO_ENDPOINT = "This is not an address and a port.";

const bindCases: readonly (readonly [value: string, reason: string])[] = [
  ["localhost:5012", HOST_NAME],
  ["[localhost]:5012", HOST_NAME],
  ["kms.example.edu:5012", HOST_NAME],
  ["0.0.0.0:5012", EVERY],
  ["[::]:5012", EVERY],
  ["[0:0::0]:5012", EVERY],
  ["*:5012", EVERY],
  [":5012", EVERY],
  ["192.168.1.101:5012", LOCAL],
  ["10.0.0.1:5012", LOCAL],
  ["172.17.0.1:5012", LOCAL],
  ["[fe80::1]:5012", LOCAL],
  ["8.8.8.8:5012", FOREIGN],
  ["[2001:db8::1]:5012", FOREIGN],
  ["[::ffff:127.0.0.1]:5012", "This is an IPv4 address written as an IPv6 address."],
  ["127.0.0.256:5012", MALFORMED],
  ["127.1:5012", MALFORMED],
  ["127.0.0.01:5012", MALFORMED],
  ["0x7f000001:5012", MALFORMED],
  ["2130706433:5012", MALFORMED],
  ["[127.0.0.1]:5012", MALFORMED],
  ["[fe80::1%eth0]:5012", MALFORMED],
  ["127.0.0.1", NO_PORT],
  ["::1", NO_PORT],
  ["::1:5012", NO_PORT],
  ["[::1]", NO_PORT],
  ["", NO_ENDPOINT],
  ["5012", NO_ENDPOINT],
  ["http://127.0.0.1:5012", NO_ENDPOINT],
  ["127.0.0.1:5012:5000", NO_ENDPOINT],
  ["127.0.0.1:0", BAD_PORT],
  ["127.0.0.1:65536", BAD_PORT],
  ["127.0.0.1:http", BAD_PORT],
  ["127.0.0.1:50.5", BAD_PORT],
  ["127.0.0.1:+50", BAD_PORT],
  ["127.0.0.1:0050", BAD_PORT],
  ["127.0.0.1: 50", BAD_PORT],
  ["127.0.0.1:", BAD_PORT],
  ["localhost:0", `${HOST_NAME} ${BAD_PORT}`],
];

const port = (value: string): Problem => ({
  path: "cybexp:backend.listen",
  value,
  reason: "Allowed: a port, a whole number from 1 to 65535.",
  remedy: "Write a port, for example 5002.",
});

const twice = (path: string, value: string, number: number, first: string): Problem => ({
  path,
  value,
  reason: `Port ${number} is used twice: ${first} already listens on it.`,
  remedy: "Give one of the two another port.",
});

const IMAGE = "Allowed: name:tag, name@sha256:digest or name:tag@sha256:digest.";
const image = (value: string, reason: string): Problem => ({
  path: "cybexp:database.image",
  value,
  reason: `${reason} ${IMAGE}`,
  remedy: "Write the version to run, as in registry.example.edu/name:1.0.",
});

const imageCases: readonly (readonly [value: unknown, reason: string])[] = [
  ["mongo", "Without a tag or digest, the image can change."],
  ["registry.example.edu:5000/mongo", "Without a tag or digest, the image can change."],
  ["mongo:latest", 'The tag "latest" is not a version: it moves with every release.'],
  [`sha256:${"a".repeat(64)}`, "An image ID is valid on one machine only."],
  ["Mongo:8", "This is not an image reference."],
  ["mongo:8 ", "This is not an image reference."],
  ["mongo:", "This is not an image reference."],
  ["mongo@sha256:abc", "This is not an image reference."],
  ["https://registry.example.edu/mongo:8", "This is not an image reference."],
  ["../mongo:8", "This is not an image reference."],
  ["", "This is not an image reference."],
  [8, "This is not an image reference."],
];

const HOST = "Allowed: a host name of letters, digits, hyphens and dots (RFC 1123).";
const HOST_EXAMPLE = "Write the name that clients use, for example cybexp.example.edu.";
const IP_NAME =
  "An IP address can't be used here: clients name the server by SNI, which carries no IP addresses (RFC 6066).";

const furtherName = (value: string, why = ""): Problem => ({
  path: "cybexp:proxy.serverNames[0]",
  value,
  reason: `${why}Allowed: a host name (RFC 1123), a wildcard for its first label, or an IP address.`,
  remedy: "Write, for example, kms.example.edu, *.cybexp.example.edu, 192.0.2.10 or 2001:db8::10.",
});
const serverName = (value: string, reason = HOST, remedy = HOST_EXAMPLE): Problem => ({
  path: "cybexp:proxy.serverName",
  value,
  reason,
  remedy,
});

const LISTEN_ADDRESS = "Allowed: an IP address of the Docker host, without a port.";
const address = (value: string, reason = ""): Problem => ({
  path: "cybexp:proxy.address",
  value,
  reason: [reason, LISTEN_ADDRESS].filter((text) => text !== "").join(" "),
  remedy: "Write, for example, 192.0.2.10, 2001:db8::10, or 0.0.0.0 for every IPv4 address.",
});

const NAME = "Allowed: 1 to 64 letters, digits and . _ @ -, starting with a letter or digit.";
const userName = (value: string, reason = ""): Problem => ({
  path: "cybexp:users[0].name",
  value,
  reason: [reason, NAME].filter((text) => text !== "").join(" "),
  remedy: "Write another name, for example collector.",
});

const number = (path: string, value: string, allowed: string): Problem => ({
  path,
  value,
  reason: `Allowed: a whole number from ${allowed}.`,
  remedy: "Write a number in this range, without quotes or a unit.",
});

const unknown = (path: string, value: string, remedy: string, here = ""): Problem => ({
  path,
  value,
  reason: `This key is not known${here}.`,
  remedy,
});

const map = (path: string, value: string, keys: string): Problem => ({
  path,
  value,
  reason: `Allowed: a map of ${keys}.`,
  remedy: "Write its keys below it.",
});

const missing = (path: string, example: string): Problem => ({
  path,
  reason: "A value is required; this key has no default.",
  remedy: `Set it, for example to ${example}.`,
});

const retiredAhead = (path: string, inUse: number, current: string, value: string): Problem => ({
  path,
  value,
  reason: `Number ${inUse} is in use (${current}) and would be retired.`,
  remedy: `Set it to at most ${inUse - 1}.`,
});

const day = (value: string): Problem => ({
  path: "cybexp:users[0].retireBy",
  value,
  reason: "Allowed: a day in the form YYYY-MM-DD.",
  remedy: "Write, for example, 2026-12-31.",
});

const SERVICE = "image, bind, listen, access, config, resources, administrator";
const FLAG = {
  reason: "A debug flag puts people's data into the log: only throw-away stacks may set it.",
  remedy: "Remove it. If the stack's data may be lost, set cybexp:throwaway to true instead.",
};
const BIG =
  'Write its digits, in quotes if it is above 9007199254740991, such as "18446744073709551615".';

const cases: readonly Case[] = [
  ...bindCases.map(([value, reason]): Case => [
    `a bind of ${value}`,
    "kms.bind",
    value,
    bind(value, reason),
  ]),
  [
    "a bind that is a number",
    "kms.bind",
    5012,
    { path: "cybexp:kms.bind", value: "5012", reason: LOOPBACK, remedy: BIND },
  ],
  [
    "metrics published to the network",
    "proxy.metrics",
    "0.0.0.0:9113",
    { ...bind("0.0.0.0:9113", EVERY), path: "cybexp:proxy.metrics" },
  ],
  [
    "metrics at the port of a door, which listens at the same address",
    "proxy.metrics",
    "127.0.0.1:5002",
    twice("cybexp:kms.listen", "5002", 5002, "cybexp:proxy.metrics"),
  ],
  [
    "more days to warn than a year has",
    "certificates.warnDays",
    366,
    {
      path: "cybexp:certificates.warnDays",
      value: "366",
      reason: "Allowed: a whole number from 0 to 365.",
      remedy: "Write a number in this range, without quotes or a unit.",
    },
  ],
  [
    "backups in a folder without a place",
    "backup.folder",
    "backups",
    {
      path: "cybexp:backup.folder",
      value: '"backups"',
      reason: "Allowed: an absolute path.",
      remedy: "Write, for example, /srv/backups/cybexp, best on another disk than the engine's.",
    },
  ],
  [
    "backups for a mistyped recipient",
    "backup.recipients",
    ["age1bbbb"],
    {
      path: "cybexp:backup.recipients[0]",
      value: '"age1bbbb"',
      reason: "Allowed: an age recipient, which starts with age1.",
      remedy: "Copy the public key that `age-keygen` prints.",
    },
  ],
  [
    "the secret key where the public one belongs",
    "backup.recipients",
    ["AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ"],
    {
      path: "cybexp:backup.recipients[0]",
      value: '"AGE-SECRET-KEY-..."',
      reason:
        "This is the secret key, which belongs to whoever restores. Allowed: an age recipient, which starts with age1.",
      remedy:
        "Make another key pair, because this one is no longer secret, and write the public key that `age-keygen` prints.",
    },
  ],
  [
    "no backup kept",
    "backup.keep.last",
    0,
    {
      path: "cybexp:backup.keep.last",
      value: "0",
      reason: "Allowed: a whole number from 1 to 10000.",
      remedy: "Write a number in this range, without quotes or a unit.",
    },
  ],
  [
    "a database published to the network",
    "database.publish.kms",
    "0.0.0.0:5006",
    { ...bind("0.0.0.0:5006", EVERY), path: "cybexp:database.publish.kms" },
  ],

  ...(
    [
      ["kms.resources.memory", 6, "256 to 1048576"],
      ["backend.resources.memory", 255, "256 to 1048576"],
      ["database.resources.memory", "1g", "256 to 1048576"],
      ["database.resources.backend.pids", 49, "50 to 4096"],
      ["proxy.resources.bodies", 31, "32 to 16777216"],
      ["proxy.resources.workers", 0, "1 to 256"],
      ["proxy.resources.connections", 1.5, "256 to 1048576"],
      ["modules.config.web_conn_listen", 0, "1 to 65535"],
      ["modules.config.max_post_retries", -1, "0 to 1000"],
    ] as const
  ).map(([path, value, bounds]): Case => [
    `${value} as ${path}`,
    path,
    value,
    {
      path: `cybexp:${path}`,
      value: typeof value === "string" ? `"${value}"` : String(value),
      reason: `Allowed: a whole number from ${bounds}.`,
      remedy: "Write a number in this range, without quotes or a unit.",
    },
  ]),
  ...[0, 0.001, 1.005, 1025, "1.", "all", [1]].map((value): Case => [
    `${JSON.stringify(value)} processors`,
    "proxy.resources.cpus",
    value,
    {
      path: "cybexp:proxy.resources.cpus",
      value: Array.isArray(value) ? "a list of 1 item" : JSON.stringify(value),
      reason: "Allowed: processors from 0.01 to 1024, in steps of 0.01.",
      remedy: "Write a number, for example 1.5.",
    },
  ]),

  ["port 0", "backend.listen", 0, port("0")],
  ["a port above any whole number that is exact", "backend.listen", 1e23, port("1e+23")],
  ["port 65536", "backend.listen", 65536, port("65536")],
  ["a negative port", "backend.listen", -1, port("-1")],
  ["a fraction of a port", "backend.listen", 50.5, port("50.5")],
  ["no number as a port", "backend.listen", NaN, port("NaN")],
  ["a port by name", "backend.listen", "https", port('"https"')],
  ["a port with a leading zero", "backend.listen", "0443", port('"0443"')],
  ["a port that is a list", "backend.listen", [5001], port("a list of 1 item")],

  [
    "one port for both services at the proxy",
    "backend.listen",
    5002,
    twice("cybexp:backend.listen", "5002", 5002, "cybexp:kms.listen"),
  ],
  [
    "one port for both binds",
    "backend.bind",
    "127.0.0.1:5012",
    twice("cybexp:backend.bind", '"127.0.0.1:5012"', 5012, "cybexp:kms.bind"),
  ],
  [
    "the proxy at the address and port of a bind",
    "kms.listen",
    "5012",
    twice("cybexp:kms.listen", '"5012"', 5012, "cybexp:kms.bind"),
  ],
  [
    "a database at the port of a bind",
    "database.publish.backend",
    "127.0.0.1:5011",
    twice("cybexp:database.publish.backend", '"127.0.0.1:5011"', 5011, "cybexp:backend.bind"),
  ],
  ...imageCases.map(([value, reason]): Case => [
    `the image ${String(value)}`,
    "database.image",
    value,
    image(JSON.stringify(value), reason),
  ]),

  [
    "an IPv4 address as server name",
    "proxy.serverName",
    "192.0.2.1",
    serverName('"192.0.2.1"', IP_NAME),
  ],
  ["an IPv6 address as server name", "proxy.serverName", "[::1]", serverName('"[::1]"', IP_NAME)],
  [
    "a server name with a final dot",
    "proxy.serverName",
    "example.edu.",
    serverName(
      '"example.edu."',
      `A certificate names a host without the final dot. ${HOST}`,
      "Leave the final dot out.",
    ),
  ],
  [
    "a server name outside of ASCII",
    "proxy.serverName",
    "bücher.example",
    serverName(
      '"bücher.example"',
      `Letters outside ASCII must be encoded. ${HOST}`,
      "Write xn--bcher-kva.example.",
    ),
  ],
  ...[
    "",
    "a b.example",
    "a_b.example",
    "-a.example",
    "a-.example",
    "*.example.edu",
    "a..b",
    "1.2.3",
    "https://a.example",
    `${"a".repeat(64)}.example`,
  ].map((value): Case => [
    `the server name ${value}`,
    "proxy.serverName",
    value,
    serverName(JSON.stringify(value)),
  ]),
  ...["*", "*.edu", "a.*.example.edu", "*a.example.edu", "*.exa mple.edu", "*.10.1"].map(
    (value): Case => [
      `the wildcard ${value}`,
      "proxy.serverNames",
      [value],
      furtherName(
        JSON.stringify(value),
        "A wildcard must be the whole first label, with at least two labels after it. ",
      ),
    ],
  ),
  ...["", "a b", "fe80::1%eth0", "example.edu.", "-a.example.edu"].map((value): Case => [
    `the further server name ${JSON.stringify(value)}`,
    "proxy.serverNames",
    [value],
    furtherName(JSON.stringify(value)),
  ]),
  [
    "every address as a further server name",
    "proxy.serverNames",
    ["0.0.0.0"],
    furtherName('"0.0.0.0"', "This means every address of a machine, which nobody can call. "),
  ],
  [
    "a server name twice",
    "proxy.serverNames",
    ["A.example.edu", "a.example.edu"],
    {
      path: "cybexp:proxy.serverNames[1]",
      value: '"a.example.edu"',
      reason: "a.example.edu is already one of the names.",
      remedy: "List it once.",
    },
  ],
  [
    "a server name of 254 characters",
    "proxy.serverName",
    `${"a.".repeat(126)}ab`,
    serverName(`"${"a.".repeat(36)}..." (254 characters)`),
  ],
  ["a server name that is a map", "proxy.serverName", {}, serverName("a map")],

  ["a host name as the proxy's address", "proxy.address", "localhost", address('"localhost"')],
  ["the proxy's address with a port", "proxy.address", "192.0.2.1:443", address('"192.0.2.1:443"')],
  ["the proxy's address in brackets", "proxy.address", "[::1]", address('"[::1]"')],
  [
    "a multicast address",
    "proxy.address",
    "224.0.0.1",
    address('"224.0.0.1"', "Nothing can listen on a multicast, reserved or broadcast address."),
  ],
  [
    "a mapped address",
    "proxy.address",
    "::ffff:192.0.2.1",
    address('"::ffff:192.0.2.1"', "This is an IPv4 address written as an IPv6 address."),
  ],
  [
    "a read time-out that a login outlasts",
    "proxy.readTimeout",
    35,
    number(
      "cybexp:proxy.readTimeout",
      "35",
      "36 to 3600 (a service may take 35 s to report that its database is down)",
    ),
  ],
  [
    "a read time-out with a unit",
    "proxy.readTimeout",
    "300s",
    number(
      "cybexp:proxy.readTimeout",
      '"300s"',
      "36 to 3600 (a service may take 35 s to report that its database is down)",
    ),
  ],

  [
    "a colon in a user name, with what follows it unseen",
    "users[0].name",
    "alice:hunter2",
    userName('"alice:..."', "A colon ends the name in HTTP basic authentication."),
  ],
  [
    "a control character in a user name",
    "users[0].name",
    "a\u0007b",
    userName('"a\\u{7}b"', "The name contains a control character."),
  ],
  ["an empty user name", "users[0].name", "", userName('""', "The name is empty.")],
  [
    "a space before a user name",
    "users[0].name",
    " a",
    userName('" a"', "The name starts or ends with a space."),
  ],
  ["a space in a user name", "users[0].name", "a b", userName('"a b"')],
  ["a letter outside of ASCII in a user name", "users[0].name", "é", userName('"é"')],
  ["a user name like an option", "users[0].name", "-rf", userName('"-rf"')],
  ["a user name like a path", "users[0].name", "..", userName('".."')],
  ["a user name like a part of JavaScript", "users[0].name", "__proto__", userName('"__proto__"')],
  [
    "a user name of 65 characters",
    "users[0].name",
    "a".repeat(65),
    userName(`"${"a".repeat(65)}"`, "The name has 65 characters."),
  ],
  ["a user name that is a number", "users[0].name", 7, userName("7")],
  [
    "a user listed twice",
    "users",
    [{ name: "a" }, { name: "b" }, { name: "a" }],
    {
      path: "cybexp:users[2].name",
      value: '"a"',
      reason:
        "A user can be listed only once: cybexp:users[0] already has this name (case is ignored).",
      remedy: "Remove one of the two, or give it another name.",
    },
  ],
  [
    "a user listed twice, in capitals",
    "users",
    [{ name: "collector" }, { name: "Collector" }],
    {
      path: "cybexp:users[1].name",
      value: '"Collector"',
      reason:
        "A user can be listed only once: cybexp:users[0] already has this name (case is ignored).",
      remedy: "Remove one of the two, or give it another name.",
    },
  ],
  [
    "no users",
    "users",
    [],
    {
      path: "cybexp:users",
      value: "a list of 0 items",
      reason: "Allowed: a list with at least one item.",
      remedy: "Write, for example, [{ name: collector }].",
    },
  ],
  [
    "a user that is no map, and may be a password",
    "users",
    ["alice:hunter2"],
    map(
      "cybexp:users[0]",
      "(not shown)",
      "name, generation, retired, retireBy, password, attributes",
    ),
  ],
  [
    "a hole in the list of users",
    "users",
    Object.assign(Array<unknown>(2), [{ name: "a" }]),
    missing("cybexp:users[1].name", "collector"),
  ],
  [
    "generation 0",
    "users[0].generation",
    0,
    number("cybexp:users[0].generation", "0", "1 to 1000000"),
  ],
  [
    "a generation like a date",
    "users[0].generation",
    20260831,
    number("cybexp:users[0].generation", "(not shown)", "1 to 1000000"),
  ],
  [
    "the password in use retired, the generation left to its default",
    "users[0].retired",
    1,
    retiredAhead("cybexp:users[0].retired", 1, "cybexp:users[0].generation", "1"),
  ],
  [
    "the password in use retired",
    "users",
    [
      { name: "a", generation: 3, retired: 2 },
      { name: "b", generation: "3", retired: "3" },
    ],
    retiredAhead("cybexp:users[1].retired", 3, "cybexp:users[1].generation", '"3"'),
  ],
  [
    "a generation that is none, with a retired one: told of what is wrong alone",
    "users",
    [{ name: "a", generation: 0, retired: 0 }],
    number("cybexp:users[0].generation", "0", "1 to 1000000"),
  ],
  [
    "the authority in use retired",
    "rotation",
    { serverCa: 2, serverCaRetired: 7 },
    retiredAhead("cybexp:rotation.serverCaRetired", 2, "cybexp:rotation.serverCa", "7"),
  ],
  [
    "a negative number of retired passwords",
    "users[0].retired",
    -1,
    number("cybexp:users[0].retired", "-1", "0 to 1000000"),
  ],
  ["a day as Americans write it", "users[0].retireBy", "12/31/2026", day("(not shown)")],
  [
    "a day that no calendar has",
    "rotation.serverCaRetireBy",
    "2026-02-30",
    { ...day('"2026-02-30"'), path: "cybexp:rotation.serverCaRetireBy" },
  ],
  [
    "more than an hour for requests under way",
    "proxy.shutdownTimeout",
    3601,
    number("cybexp:proxy.shutdownTimeout", "3601", "1 to 3600"),
  ],
  [
    "no wrong password at all",
    "proxy.guesses.perMinute",
    0,
    number("cybexp:proxy.guesses.perMinute", "0", "1 to 6000"),
  ],

  ["an unknown key", "kmss", 3, unknown("cybexp:kmss", "3", "Did you mean cybexp:kms?")],
  [
    "an unknown key of a service",
    "kms.imgae",
    "x:1",
    unknown("cybexp:kms.imgae", "(not shown)", "Did you mean cybexp:kms.image?"),
  ],
  [
    "an unknown key far from any",
    "database.wiredTiger",
    { cache: 1 },
    unknown(
      "cybexp:database.wiredTiger",
      "a map",
      "Remove it. Known here: image, uri, ca, hosts, left, featureCompatibility, publish, resources.",
    ),
  ],
  [
    "a key in the wrong place",
    "kms.serverName",
    "a.example",
    unknown(
      "cybexp:kms.serverName",
      "(not shown)",
      "Move it to cybexp:proxy.serverName or cybexp:kapow.serverName.",
      " here",
    ),
  ],
  [
    "a mistyped password",
    "users[0].pasword",
    "hunter2hunter2hunter2",
    unknown("cybexp:users[0].pasword", "(not shown)", "Did you mean cybexp:users[0].password?"),
  ],
  [
    "a prototype",
    "__proto__",
    { throwaway: true },
    unknown(
      "cybexp:__proto__",
      "a map",
      "Remove it. Known here: kms, backend, database, proxy, certificates, users, clients, rotation, kapow, collector, modules, throwaway, lost, backup, production, state.",
    ),
  ],
  [
    "an odd key",
    "kms.\n",
    1,
    unknown('cybexp:kms["\\n"]', "1", `Remove it. Known here: ${SERVICE}.`),
  ],
  [
    "an unknown key of the Backend's config",
    "backend.config.db_nam",
    "x",
    unknown(
      "cybexp:backend.config.db_nam",
      "(not shown)",
      "Did you mean cybexp:backend.config.db_name?",
    ),
  ],

  ["text for a map", "kms", "hello", map("cybexp:kms", '"hello"', SERVICE)],
  ["a list for a map", "kms", [], map("cybexp:kms", "a list of 0 items", SERVICE)],
  ["nothing for a map", "kms", null, map("cybexp:kms", "nothing", SERVICE)],
  ["nothing for a value", "kms.listen", null, { ...port("nothing"), path: "cybexp:kms.listen" }],
  [
    "a yes",
    "throwaway",
    "yes",
    {
      path: "cybexp:throwaway",
      value: '"yes"',
      reason: "Allowed: true or false.",
      remedy: "Write true or false, without quotes.",
    },
  ],
  [
    "a missing image",
    "kms.image",
    undefined,
    missing("cybexp:kms.image", "registry.example.edu/cybexp-kms:1.0"),
  ],
  ["a missing section", "database", undefined, missing("cybexp:database.image", "mongo:8.0")],
  [
    "a door that asks for nothing",
    "backend.access",
    "none",
    {
      path: "cybexp:backend.access",
      value: '"none"',
      reason: 'Allowed: one of "password", "certificate", "either", "both".',
      remedy: "Write one of them.",
    },
  ],

  [
    "wrong passwords that wait for minutes",
    "proxy.guesses.burst",
    45,
    {
      path: "cybexp:proxy.guesses.burst",
      value: "45",
      reason:
        "The last of 45 wrong passwords would wait 90 s at 30 a minute, which is longer than 60 s.",
      remedy: "Lower it to 30, or raise cybexp:proxy.guesses.perMinute.",
    },
  ],
  [
    "a certificate that is renewed by every up",
    "certificates.validityDays",
    30,
    {
      path: "cybexp:certificates.renewBeforeDays",
      reason:
        "A certificate valid for 30 days and renewed 30 days before it expires would be renewed by every up.",
      remedy: "Set renewBeforeDays to less than validityDays; a third of it is usual.",
    },
  ],
  [
    "an authority that ends with its certificate",
    "certificates.caValidityDays",
    365,
    {
      path: "cybexp:certificates.caValidityDays",
      value: "365",
      reason: "The authority is valid for 365 days, but a certificate that it signs for 365.",
      remedy: "Set caValidityDays to more than clientValidityDays.",
    },
  ],
  [
    "an authority that ends with the server's certificate",
    "certificates",
    { validityDays: 300, clientValidityDays: 299, caValidityDays: 300 },
    {
      path: "cybexp:certificates.caValidityDays",
      value: "300",
      reason: "The authority is valid for 300 days, but a certificate that it signs for 300.",
      remedy: "Set caValidityDays to more than validityDays.",
    },
  ],
  [
    "a client's certificate that is renewed by every up",
    "certificates.clientValidityDays",
    30,
    {
      path: "cybexp:certificates.renewBeforeDays",
      reason:
        "A certificate valid for 30 days and renewed 30 days before it expires would be renewed by every up.",
      remedy: "Set renewBeforeDays to less than clientValidityDays; a third of it is usual.",
    },
  ],
  [
    "a client's certificate for three years",
    "certificates.clientValidityDays",
    1095,
    number("cybexp:certificates.clientValidityDays", "1095", "1 to 825"),
  ],
  [
    "a client listed twice, in capitals",
    "clients",
    [{ name: "ann" }, { name: "bob" }, { name: "ANN" }],
    {
      path: "cybexp:clients[2].name",
      value: '"ANN"',
      reason:
        "A client can be listed only once: cybexp:clients[0] already has this name (case is ignored).",
      remedy: "Remove one of the two, or give it another name.",
    },
  ],
  [
    "a client that is a user but for the case",
    "clients",
    [{ name: "collector" }, { name: "Collectors" }, { name: "COLLECTOR", revoked: true }].slice(1),
    {
      path: "cybexp:clients[1].name",
      value: '"COLLECTOR"',
      reason: "It differs from the name of cybexp:users[0] only in case.",
      remedy: "Write collector if the two are the same caller; otherwise choose another name.",
    },
  ],
  [
    "a client whose name would be a directive",
    "clients",
    [{ name: "ann; return 200" }],
    {
      path: "cybexp:clients[0].name",
      value: '"ann; return 200"',
      reason: "Allowed: 1 to 64 letters, digits and . _ @ -, starting with a letter or digit.",
      remedy: "Write another name, for example collector.",
    },
  ],
  [
    "the client certificate in use retired",
    "clients",
    [{ name: "ann", generation: 2, retired: 2 }],
    retiredAhead("cybexp:clients[0].retired", 2, "cybexp:clients[0].generation", "2"),
  ],
  [
    "the client authority in use retired",
    "rotation.clientCaRetired",
    1,
    retiredAhead("cybexp:rotation.clientCaRetired", 1, "cybexp:rotation.clientCa", "1"),
  ],
  [
    "a request and a kind of key",
    "clients",
    [{ name: "ann", csr: CSR, keyType: "rsa" }],
    {
      path: "cybexp:clients[0].keyType",
      value: '"rsa"',
      reason: "This client has the key of its request (csr), so the stack makes none.",
      remedy: "Remove one of the two.",
    },
  ],
  [
    "clients that are no list",
    "clients",
    "ann",
    {
      path: "cybexp:clients",
      value: '"ann"',
      reason: "Allowed: a list.",
      remedy: "Write, for example, [{ name: browser-of-ann }].",
    },
  ],
  [
    "a validity of 367 days",
    "certificates.validityDays",
    367,
    number("cybexp:certificates.validityDays", "367", "1 to 366"),
  ],
  [
    "a certificate of another source",
    "certificates.source",
    "letsencrypt",
    {
      path: "cybexp:certificates.source",
      value: '"letsencrypt"',
      reason: 'Allowed: one of "generated", "supplied", "acme".',
      remedy: "Write one of them.",
    },
  ],
  [
    "a rotation by hand, with the key in the number's place",
    "rotation.kmsJwtKey",
    "00112233445566778899aabbccddeeff",
    number("cybexp:rotation.kmsJwtKey", "(not shown)", "1 to 1000000"),
  ],

  [
    "Flask's debugger",
    "kms.config.FLASK_DEBUG",
    true,
    {
      path: "cybexp:kms.config.FLASK_DEBUG",
      value: "true",
      reason: "Allowed: only false. Flask's debugger runs code for whoever reaches it.",
      remedy: "Remove the key.",
    },
  ],
  [
    "queries in the log of a real environment",
    "backend.config.debug",
    true,
    { path: "cybexp:backend.config.debug", value: "true", ...FLAG },
  ],
  [
    "a key of our own making",
    "kms.config.FLASK_JWT_SECRET_KEY",
    "00112233445566778899aabbccddeeff",
    {
      path: "cybexp:kms.config.FLASK_JWT_SECRET_KEY",
      value: "(not shown)",
      reason: "The stack generates the key that signs tokens.",
      remedy: "Remove the key; for a new one, raise cybexp:rotation.kmsJwtKey.",
    },
  ],
  [
    "a URI of our own making",
    "backend.config.backed_DB_uri",
    "mongodb://root:hunter2@elsewhere/",
    {
      path: "cybexp:backend.config.backed_DB_uri",
      value: "(not shown)",
      reason: "The stack generates the database's address and password itself.",
      remedy: "Remove the key.",
    },
  ],
  [
    "a number that YAML has rounded",
    "kms.config.OPE_OUT_MAX",
    3.402823669209385e38,
    {
      path: "cybexp:kms.config.OPE_OUT_MAX",
      value: "3.402823669209385e+38",
      reason: "A number of this size loses its last digits unless it is quoted.",
      remedy: 'Write all its digits in quotes, such as "18446744073709551615".',
    },
  ],
  [
    "a negative range",
    "kms.config.OPE_IN_MIN",
    -1,
    {
      path: "cybexp:kms.config.OPE_IN_MIN",
      value: "-1",
      reason: "Allowed: a whole number of at most 78 digits, without a sign.",
      remedy: BIG,
    },
  ],
  [
    "an input range without numbers",
    "kms.config.OPE_IN_MAX",
    0,
    {
      path: "cybexp:kms.config.OPE_IN_MAX",
      value: "0",
      reason: "OPE_IN_MAX is not above OPE_IN_MIN.",
      remedy: "Set it above OPE_IN_MIN.",
    },
  ],
  [
    "an output range without numbers",
    "kms.config.OPE_OUT_MIN",
    "340282366920938463463374607431768211455",
    {
      path: "cybexp:kms.config.OPE_OUT_MAX",
      reason: "OPE_OUT_MAX is not above OPE_OUT_MIN.",
      remedy: "Set it above OPE_OUT_MIN.",
    },
  ],
  [
    "a range too narrow to encrypt into",
    "kms.config.OPE_OUT_MAX",
    5,
    {
      path: "cybexp:kms.config.OPE_OUT_MAX",
      value: "5",
      reason:
        "The output range (OPE_OUT_MIN to OPE_OUT_MAX) is smaller than the input range (OPE_IN_MIN to OPE_IN_MAX).",
      remedy: "Widen the output range, or narrow the input range.",
    },
  ],
  [
    "a database of MongoDB's own",
    "kms.config.db_name",
    "admin",
    {
      path: "cybexp:kms.config.db_name",
      value: '"admin"',
      reason: "Allowed: 1 to 63 letters, digits, _ and -, and not admin, config or local.",
      remedy: "Write such a name, for example KMS_db.",
    },
  ],
  [
    "a collection with an operator in its name",
    "backend.config.col_name",
    "$where",
    {
      path: "cybexp:backend.config.col_name",
      value: '"$where"',
      reason: "Allowed: 1 to 100 letters, digits, _ and -.",
      remedy: "Write such a name, for example enc_data.",
    },
  ],
  [
    "a key outside of the kept volume",
    "kms.config.DE_key_location",
    "/secrets/../tmp/key.pem",
    {
      path: "cybexp:kms.config.DE_key_location",
      value: '"/secrets/../tmp/key.pem"',
      reason:
        "Allowed: a file directly in /secrets; a key anywhere else is lost with the container.",
      remedy: "Write such a path, for example /secrets/DE_key.pem.",
    },
  ],
];

describe("what a stack may not set", () => {
  for (const [title, path, value, expected] of cases) {
    it(title, () => {
      const { problems } = refused(withValue(path, value));
      assert.deepEqual(problems, [expected].flat());
    });
  }

  it("one port on two addresses, if one of them means every address", () => {
    const values = withValue("proxy.address", "0.0.0.0");
    const { problems } = refused({ ...values, kms: { ...valid().kms, listen: 5012 } });
    assert.deepEqual(problems, [twice("cybexp:kms.listen", "5012", 5012, "cybexp:kms.bind")]);
  });

  it("a missing configuration: tells every required key", () => {
    assert.deepEqual(
      refused({}).problems.map(({ path }) => path),
      [
        "cybexp:backend.bind",
        "cybexp:backend.image",
        "cybexp:backend.listen",
        "cybexp:database.image",
        "cybexp:kms.bind",
        "cybexp:kms.image",
        "cybexp:kms.listen",
        "cybexp:proxy.address",
        "cybexp:proxy.image",
        "cybexp:proxy.serverName",
        "cybexp:users",
      ],
    );
  });

  it("a debug flag in a throw-away stack is fine, Flask's debugger isn't", () => {
    const values = { ...withValue("backend.config.debug", true), throwaway: true };
    assert.deepEqual(read(values).backend.config, { debug: true });
    const { problems } = refused({
      ...withValue("backend.config.debug_mode_flask", true),
      throwaway: true,
    });
    assert.deepEqual(
      problems.map(({ path }) => path),
      ["cybexp:backend.config.debug_mode_flask"],
    );
  });
});

describe("supplied passwords", () => {
  const ALLOWED = "Allowed: 20 to 72 characters of printable ASCII, no space at either end.";
  const ANOTHER = "Supply another one, or leave the key out to have one generated.";
  const users = new Set(["users"]);
  const path = "cybexp:users[0].password";
  const value = "(not shown)";

  for (const [title, password, reason, remedy] of [
    ["19 characters", "x".repeat(19), "The password has 19 characters.", ANOTHER],
    ["1 character", "x", "The password has 1 character.", ANOTHER],
    ["73 characters", "x".repeat(73), "The password has 73 characters.", ANOTHER],
    [
      "a line break",
      `${"x".repeat(20)}\ny`,
      "The password has a character that is not printable ASCII.",
      ANOTHER,
    ],
    [
      "a letter outside of ASCII",
      `${"x".repeat(20)}é`,
      "The password has a character that is not printable ASCII.",
      ANOTHER,
    ],
    [
      "a space at the end",
      `${"x".repeat(20)} `,
      "The password starts or ends with a space.",
      ANOTHER,
    ],
    ["a number", 12345678901234567890, "This is a number, not text.", "Put it in quotes."],
    ["a map", { secret: "hunter2" }, "This is not text.", ANOTHER],
    ["nothing", null, "This is not text.", ANOTHER],
  ] as const) {
    it(`refuses ${title}`, () => {
      const error = refused(withValue("users[0].password", password), {
        secretKeys: users,
        plainSecrets: [],
      });
      assert.deepEqual(error.problems, [
        {
          path,
          // Nothing of a map is shown, so it may be called one.
          value: typeof password === "object" ? (password ? "a map" : "nothing") : value,
          reason: `${reason} ${ALLOWED}`,
          remedy,
        },
      ]);
    });
  }

  for (const password of ["x".repeat(20), "~".repeat(72), "a:b\"c'd\\e$f%g#h{i}j k"]) {
    it(`takes ${password}`, () => {
      const settings = read(withValue("users[0].password", password), { secretKeys: users });
      assert.equal(settings.users[0]?.password, password);
    });
  }

  it("refuses one when no user's is marked as a secret", () => {
    assert.deepEqual(refused(withValue("users[0].password", PASSWORD)).problems, [
      {
        path,
        value,
        reason: "The password is in plain text in the stack's configuration. It must be a secret.",
        remedy: "Store a new one with: pulumi config set --secret --path 'users[0].password'",
      },
    ]);
  });

  it("refuses exactly those that the stack's file has in plain text", () => {
    const list = [
      { name: "a", password: PASSWORD },
      { name: "b", password: `${PASSWORD}!` },
    ];
    const { problems } = refused(
      { ...valid(), users: list },
      { secretKeys: users, plainSecrets: ["cybexp:users[1].password"] },
    );
    assert.deepEqual(
      problems.map((problem) => problem.path),
      ["cybexp:users[1].password"],
    );
  });

  it("finds those in the text of a stack's file", () => {
    const text = `
config:
  cybexp:users:
    - name: a
      password: in clear
    - name: b
      password:
        secure: v1:AAAA
    - name: c
    - name: d
      password: 12345
    - name: e
      password:
`;
    assert.deepEqual(plainSecrets(text), ["cybexp:users[0].password", "cybexp:users[3].password"]);
  });

  for (const [title, text] of [
    ["an empty file", ""],
    ["no YAML", "config: [1"],
    ["a list encrypted as a whole", "config:\n  cybexp:users:\n    secure: v1:AAAA\n"],
    ["other configuration", "config:\n  docker:host: ssh://a\n"],
    ["a config that is text", "config: users\n"],
    ["deep nesting", "[".repeat(20_000)],
  ] as const) {
    it(`finds none in ${title}`, () => {
      assert.deepEqual(plainSecrets(text), []);
    });
  }
});

describe("what a report never shows", () => {
  it("a password that is repeated in another place", () => {
    const { problems } = refused(
      {
        ...withValue("users[0].password", PASSWORD),
        kms: { ...valid().kms, image: `x ${PASSWORD}`, [PASSWORD]: 1 },
      },
      { secretKeys: new Set(["users"]) },
    );
    assert.deepEqual(
      problems.map(({ path, value }) => [path, value]),
      [
        ["cybexp:kms.image", "(not shown)"],
        ['cybexp:kms["(not shown)"]', "1"],
      ],
    );
  });

  it("an encrypted value beside plain ones, even in place of a number", () => {
    const users = [
      { name: "ann", generation: 1, retired: 4, password: PASSWORD },
      { name: "rob", generation: "1", retired: "5" },
      { name: "eve", generation: "correct-horse", retireBy: "2026-02-30" },
    ];
    const secretKeys = new Set(["users"]);
    const encrypted = { ...users[0], password: { secure: "v1:a" } };
    const shown = (file: RawConfig["file"]) =>
      refused({ ...valid(), users }, { secretKeys, ...(file && { file }) }).problems.map(
        ({ path, value }) => [path.replace(/^cybexp:users/, ""), value],
      );
    assert.deepEqual(shown({ users: [encrypted, ...users.slice(1)] }), [
      ["[0].retired", "4"],
      ["[1].retired", '"5"'],
      ["[2].generation", "(not shown)"],
      ["[2].retireBy", '"2026-02-30"'],
    ]);
    const none = ["[0].retired", "[1].retired", "[2].generation", "[2].retireBy"].map((path) => [
      path,
      "(not shown)",
    ]);
    // The whole list is one secret, or nobody knows.
    assert.deepEqual(shown({ users: { secure: "v1:a" } }), none);
    assert.deepEqual(shown(undefined), none);
  });

  it("values below a key that Pulumi calls a secret", () => {
    const { problems } = refused(withValue("kms.image", "hunter2"), {
      secretKeys: new Set(["kms"]),
    });
    assert.deepEqual(
      problems.map(({ path, value }) => [path, value]),
      [["cybexp:kms.image", "(not shown)"]],
    );
  });

  for (const secret of [
    "-----BEGIN EC PRIVATE KEY-----",
    "mongodb://root:hunter2@db/",
    "alice:hunter2@registry.example.edu/kms:1",
    "eyJhbGciOiJIUzI1NiJ9.e30.c2ln",
    "$2y$05$abcdefghijklmnopqrstuv",
    "00112233445566778899aabbccddeeff",
  ]) {
    it(`text such as ${secret}`, () => {
      const { problems } = refused(withValue("kms.bind", secret));
      assert.equal(problems[0]?.value, "(not shown)");
    });
  }
});

describe("the report", () => {
  it("tells all mistakes at once, in order, each with what to do", () => {
    const { message } = refused(
      {
        kms: {
          image: "cybexp-kms-priv",
          bind: "localhost:5012",
          listen: 5002,
          acess: "password",
          config: { FLASK_DEBUG: true },
        },
        backend: { image: "cybexp-demo/backend:1", bind: "192.168.1.101:5011", listen: 5002 },
        database: { image: "mongo:latest", publish: { kms: "127.0.0.1:99999" } },
        proxy: { image: "nginx:1.28", serverName: "192.0.2.1", address: "example.edu" },
        users: [
          { name: "collector" },
          { name: "collector", password: "hunter2" },
          { name: "alice:hunter2" },
        ],
        throwaway: "no",
      },
      { stack: "prod" },
    );
    assert.equal(
      message,
      `The configuration of stack "prod" has 15 problems. Nothing was changed.

cybexp:backend.bind = "192.168.1.101:5011"
  This address can be reached from the local network. Allowed: an IP address in 127.0.0.0/8, or ::1, with a port.
  Write, for example, 127.0.0.1:5012 or [::1]:5012.

cybexp:backend.listen = 5002
  Port 5002 is used twice: cybexp:kms.listen already listens on it.
  Give one of the two another port.

cybexp:database.image = "mongo:latest"
  The tag "latest" is not a version: it moves with every release. Allowed: name:tag, name@sha256:digest or name:tag@sha256:digest.
  Write the version to run, as in registry.example.edu/name:1.0.

cybexp:database.publish.kms = "127.0.0.1:99999"
  The port is not a whole number from 1 to 65535. Allowed: an IP address in 127.0.0.0/8, or ::1, with a port.
  Write, for example, 127.0.0.1:5012 or [::1]:5012.

cybexp:kms.acess = (not shown)
  This key is not known.
  Did you mean cybexp:kms.access?

cybexp:kms.bind = "localhost:5012"
  A host name can come to mean another address, so it does not count as loopback. Allowed: an IP address in 127.0.0.0/8, or ::1, with a port.
  Write, for example, 127.0.0.1:5012 or [::1]:5012.

cybexp:kms.config.FLASK_DEBUG = true
  Allowed: only false. Flask's debugger runs code for whoever reaches it.
  Remove the key.

cybexp:kms.image = "cybexp-kms-priv"
  Without a tag or digest, the image can change. Allowed: name:tag, name@sha256:digest or name:tag@sha256:digest.
  Write the version to run, as in registry.example.edu/name:1.0.

cybexp:proxy.address = "example.edu"
  Allowed: an IP address of the Docker host, without a port.
  Write, for example, 192.0.2.10, 2001:db8::10, or 0.0.0.0 for every IPv4 address.

cybexp:proxy.serverName = "192.0.2.1"
  An IP address can't be used here: clients name the server by SNI, which carries no IP addresses (RFC 6066).
  Write the name that clients use, for example cybexp.example.edu.

cybexp:throwaway = "no"
  Allowed: true or false.
  Write true or false, without quotes.

cybexp:users[1].name = "collector"
  A user can be listed only once: cybexp:users[0] already has this name (case is ignored).
  Remove one of the two, or give it another name.

cybexp:users[1].password = (not shown)
  The password has 7 characters. Allowed: 20 to 72 characters of printable ASCII, no space at either end.
  Supply another one, or leave the key out to have one generated.

cybexp:users[1].password = (not shown)
  The password is in plain text in the stack's configuration. It must be a secret.
  Store a new one with: pulumi config set --secret --path 'users[1].password'

cybexp:users[2].name = "alice:..."
  A colon ends the name in HTTP basic authentication. Allowed: 1 to 64 letters, digits and . _ @ -, starting with a letter or digit.
  Write another name, for example collector.`,
    );
  });

  it("says so when there is one problem", () => {
    assert.equal(
      refused(withValue("throwaway", 1)).message,
      `The configuration of stack "dev" has 1 problem. Nothing was changed.

cybexp:throwaway = 1
  Allowed: true or false.
  Write true or false, without quotes.`,
    );
  });

  it("spells out a hundred problems and counts the rest", () => {
    const list = Array.from({ length: 150 }, () => ({ name: "" }));
    const { message, problems } = refused({ ...valid(), users: list });
    assert.equal(problems.length, 150);
    assert.equal(message.match(/The name is empty/g)?.length, 100);
    assert.ok(message.endsWith("\n\n50 more, shown once these are fixed."));
  });

  it("escapes and shortens values", () => {
    const [problem] = refused(
      withValue("kms.bind", `\u202e"\u001b[2J\u00a0${"x".repeat(1e6)}`),
    ).problems;
    assert.equal(
      problem?.value,
      `"\\u{202e}\\"\\u{1b}[2J\\u{a0}${"x".repeat(65)}..." (1000007 characters)`,
    );
  });

  it("puts users in the order of the list", () => {
    const list = Array.from({ length: 12 }, (_, index) => ({
      name: index % 9 === 2 ? "" : `u${index}`,
    }));
    assert.deepEqual(
      refused({ ...valid(), users: list }).problems.map(({ path }) => path),
      ["cybexp:users[2].name", "cybexp:users[11].name"],
    );
  });
});

describe("hostile configuration", () => {
  const deep = (levels: number) => JSON.parse("[".repeat(levels) + "]".repeat(levels)) as unknown;
  for (const [title, value] of [
    ["deep nesting", deep(100_000)],
    ["a huge string", "x".repeat(10_000_000)],
    ["a huge list", Array.from({ length: 100_000 }, () => 1)],
    ["a map without a prototype", Object.assign(Object.create(null), { toString: 1 })],
    ["a function", () => 1],
    ["a symbol", Symbol("x")],
    ["a bigint", 1n],
    ["infinity", Infinity],
  ] as const) {
    for (const path of [
      "kms",
      "kms.bind",
      "kms.config.OPE_IN_MAX",
      "users",
      "users[0].name",
      "users[0].password",
      "throwaway",
      "production",
      "state",
      "state.backend",
      "state.secretsProvider",
      "certificates.validityDays",
      "odd",
    ]) {
      it(`${title} at ${path} gives a report`, () => {
        assert.ok(refused(withValue(path, value)).message.length < 60_000);
      });
    }
  }
});
