/** Generated configurations: each is taken and then safe, or refused with a report that shows no secret. */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { isLoopback, isUnspecified } from "../../settings/addresses.ts";
import { SettingsError } from "../../settings/problem.ts";
import { readSettings } from "../../settings/read.ts";
import { plainSecrets } from "../../settings/secrecy.ts";
import type { Endpoint, Settings } from "../../settings/types.ts";

const RUNS = 1000;

const CSR = readFileSync(join(import.meta.dirname, "fixtures", "client.csr"), "utf8");

type Values = Record<string, unknown>;
type Step = string | number;

/** A configuration with every key, so that a mutation can hit each. */
const complete = (password: string): Values => ({
  kms: {
    image: "cybexp-demo/kms:1",
    bind: "127.0.0.1:5012",
    listen: 5002,
    access: "password",
    config: { FLASK_DEBUG: false, OPE_IN_MAX: "18446744073709551615", db_name: "KMS_db" },
  },
  backend: {
    image: "cybexp-demo/backend:1",
    bind: "[::1]:5011",
    listen: 5001,
    access: "password",
    config: { print_response: true, col_name: "enc_data" },
  },
  database: {
    image: "cybexp-demo/mongo:1",
    publish: { kms: "127.0.0.1:5006", backend: "127.0.0.1:5003" },
  },
  proxy: {
    image: "cybexp-demo/nginx:1",
    serverName: "localhost",
    address: "127.0.0.1",
    readTimeout: 300,
    shutdownTimeout: 60,
    guesses: { perMinute: 30, burst: 5 },
  },
  certificates: {
    source: "generated",
    validityDays: 90,
    renewBeforeDays: 30,
    caValidityDays: 3650,
    clientValidityDays: 365,
    warnDays: 21,
  },
  users: [
    { name: "collector", generation: 2, retired: 1, retireBy: "2026-12-31", password },
    { name: "analyst", generation: 1 },
  ],
  clients: [
    { name: "browser", generation: 2, retired: 1, retireBy: "2026-12-31", keyType: "rsa" },
    { name: "server", revoked: true, csr: CSR },
  ],
  rotation: {
    kmsJwtKey: 1,
    serverCertificate: 1,
    serverCa: 2,
    serverCaRetired: 0,
    serverCaRetireBy: "2026-12-31",
    clientCa: 2,
    clientCaRetired: 1,
    clientCaRetireBy: "2026-12-31",
    kmsDatabase: 1,
    backendDatabase: 1,
  },
  throwaway: true,
  production: false,
  state: { backend: "file:///srv/state?metadata=skip", secretsProvider: "passphrase" },
});

/** Every path of a configuration, inner and outer. */
function pathsOf(value: unknown, path: readonly Step[] = []): Step[][] {
  const children =
    typeof value === "object" && value !== null
      ? Object.entries(value).flatMap(([key, child]) =>
          pathsOf(child, [...path, Array.isArray(value) ? Number(key) : key]),
        )
      : [];
  return path.length === 0 ? children : [[...path], ...children];
}

const paths = pathsOf(complete(""));

/** Supplied passwords, long enough that finding one in a report is no accident; good and bad ones. */
const password = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.stringMatching(/^[!-~]{20,72}$/),
  },
  {
    weight: 1,
    arbitrary: fc.string({
      unit: fc.constantFrom(..."ABCDEFGHJKLMNP:/@\"'\\$ ~"),
      minLength: 8,
      maxLength: 90,
    }),
  },
  { weight: 1, arbitrary: fc.string({ unit: "grapheme", minLength: 12, maxLength: 40 }) },
);

/** Text that is right somewhere, or nearly so. */
const plausible = fc.constantFrom(
  ..."localhost 0.0.0.0 :: ::1 127.0.0.1 192.168.1.1 8.8.8.8 255.255.255.255 0.0.0.0:5012".split(
    " ",
  ),
  ..."localhost:5012 127.0.0.1:5012 127.0.0.2:5002 [::1]:5012 [::]:5012 ::1:5012 :5012".split(" "),
  ..."10.1.2.3:5012 127.0.0.1:0 127.0.0.1:65535 127.0.0.1:5011 127.0.0.1:5001 127.1:80".split(" "),
  ..."nginx nginx:latest nginx:1.28 a/b/c:1 example.edu 1.2.3.4 a_b.example xn--a.example".split(
    " ",
  ),
  ..."0 1 007 5012 5002 65535 65536 1e3 true false yes null generated acme".split(" "),
  ..."2026-12-31 2026-02-30 2026-13-01 Collector ANALYST".split(" "),
  ..."__proto__ constructor toString password none both collector analyst".split(" "),
  "",
  " ",
  "\u0000",
  "a:b",
);

const scalar = fc.oneof(
  plausible,
  fc.string({ unit: "binary", maxLength: 100 }),
  fc.integer({ min: -2, max: 70_000 }),
  fc.double(),
  fc.boolean(),
  fc.constantFrom(null, undefined, NaN, Infinity, -0, 5012, 5011, 5002, 5001, 5006),
);

const junk = fc.oneof(
  { weight: 4, arbitrary: scalar },
  { weight: 1, arbitrary: fc.anything({ maxDepth: 4, withNullPrototype: true, withBigInt: true }) },
  { weight: 1, arbitrary: fc.array(scalar, { maxLength: 4 }) },
  { weight: 1, arbitrary: fc.dictionary(fc.oneof(plausible, fc.string()), scalar, { maxKeys: 4 }) },
);

type Mutation = (values: Values, password: string) => void;

/** The map or list that holds what a path leads to; undefined where an earlier mutation took it away. */
function holderOf(values: Values, path: readonly Step[]): Values | undefined {
  let place: unknown = values;
  for (const step of path.slice(0, -1)) {
    place =
      typeof place === "object" && place !== null ? (place as Values)[String(step)] : undefined;
  }
  return typeof place === "object" && place !== null && Object.isExtensible(place)
    ? (place as Values)
    : undefined;
}

function put(holder: Values | undefined, key: Step, value: unknown): void {
  if (holder !== undefined && !(Array.isArray(holder) && typeof key === "string")) {
    Object.defineProperty(holder, key, {
      value,
      enumerable: true,
      writable: true,
      configurable: true,
    });
  }
}

const anyPath = fc.constantFrom(...paths);

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  // One value replaced by another.
  fc.tuple(anyPath, junk).map(([path, value]): Mutation => (values) => {
    put(holderOf(values, path), path.at(-1) ?? "", value);
  }),
  // A key taken away.
  anyPath.map((path): Mutation => (values) => {
    const holder = holderOf(values, path);
    if (holder !== undefined) {
      Reflect.deleteProperty(holder, path.at(-1) ?? "");
    }
  }),
  // A key added beside another.
  fc
    .tuple(
      anyPath,
      fc.oneof(plausible, fc.string(), fc.constantFrom("imgae", "lisen", "pasword")),
      junk,
    )
    .map(([path, key, value]): Mutation => (values) => {
      put(holderOf(values, path), key, value);
    }),
  // A value in the place of another.
  fc.tuple(anyPath, anyPath).map(([from, to]): Mutation => (values) => {
    const value = holderOf(values, from)?.[String(from.at(-1))];
    put(holderOf(values, to), to.at(-1) ?? "", structuredCloneOr(value));
  }),
  // The password in a wrong place, alone, in other text, or as a key.
  fc
    .tuple(anyPath, fc.constantFrom("", "x:", "nginx:1.0"), fc.boolean())
    .map(([path, before, asKey]): Mutation => (values, secret) => {
      put(holderOf(values, path), asKey ? secret : (path.at(-1) ?? ""), before + secret);
    }),
);

function structuredCloneOr(value: unknown): unknown {
  try {
    return structuredClone(value);
  } catch {
    return value; // A function or symbol of an earlier mutation.
  }
}

interface Generated {
  readonly values: Values;
  /** Undefined where the mutations left it no user's password: then nothing tells it from other text. */
  readonly password: string | undefined;
}

const configuration = fc
  .tuple(password, fc.array(mutation, { maxLength: 5 }))
  .map(([password, mutations]): Generated => {
    const values = complete(password);
    for (const mutate of mutations) {
      mutate(values, password);
    }
    const users: unknown[] = Array.isArray(values["users"]) ? values["users"] : [];
    const supplied = users.some((user) => (user as Values | null)?.["password"] === password);
    return { values, password: supplied ? password : undefined };
  });

/** What must hold of every configuration that was taken. */
function assertSafe(settings: Settings): void {
  const { kms, backend, database, proxy, certificates } = settings;
  const published = Object.values<Endpoint>(database.publish);
  const internal = [kms.bind, backend.bind, ...published];
  for (const { address } of internal) {
    assert.ok(isLoopback(address), address);
  }
  const listeners = [
    ...internal,
    { address: proxy.address, port: kms.listen },
    { address: proxy.address, port: backend.listen },
  ];
  listeners.forEach((one, index) => {
    assert.ok(Number.isInteger(one.port) && one.port >= 1 && one.port <= 65535, String(one.port));
    for (const other of listeners.slice(index + 1)) {
      const sameAddress =
        one.address === other.address || isUnspecified(one.address) || isUnspecified(other.address);
      assert.ok(one.port !== other.port || !sameAddress, `two listeners at port ${one.port}`);
    }
  });
  for (const image of [
    kms.image,
    backend.image,
    database.image ?? assert.fail("an image for the databases"),
    proxy.image,
  ]) {
    assert.match(image, /^[^\s:@]+(:\d+\/[^\s:@]+)?(:[\w.-]+)?(@sha256:[0-9a-f]{64})?$/);
    assert.match(image, /:[^/]+$/);
    assert.doesNotMatch(image, /:latest$/);
  }
  assert.match(proxy.serverName, /^(?=.{1,253}$)[a-z0-9-]+(\.[a-z0-9-]+)*$/);
  assert.ok(proxy.readTimeout > 35 && proxy.readTimeout <= 3600);
  assert.ok(certificates.renewBeforeDays < certificates.validityDays);
  assert.ok(certificates.validityDays < certificates.caValidityDays);
  assert.ok(certificates.renewBeforeDays < certificates.clientValidityDays);
  assert.ok(certificates.clientValidityDays < certificates.caValidityDays);
  assert.ok(settings.users.length >= 1);
  const names = settings.users.map(({ name }) => name.toLowerCase());
  assert.equal(new Set(names).size, names.length);
  for (const user of settings.users) {
    assert.match(user.name, /^[A-Za-z0-9._@-]{1,64}$/);
    assertCounters(user.generation, user.retired, user.retireBy);
    assert.ok(user.password === undefined || /^[\x20-\x7e]{20,72}$/.test(user.password));
  }
  const clients = settings.clients.map(({ name }) => name.toLowerCase());
  assert.equal(new Set(clients).size, clients.length);
  for (const client of settings.clients) {
    assert.match(client.name, /^[A-Za-z0-9._@-]{1,64}$/);
    assert.ok(
      settings.users.every(
        ({ name }) => name === client.name || name.toLowerCase() !== client.name.toLowerCase(),
      ),
    );
    assertCounters(client.generation, client.retired, client.retireBy);
    assert.ok(client.csr === undefined || client.csr === CSR);
  }
  const { rotation } = settings;
  assertCounters(rotation.clientCa, rotation.clientCaRetired, rotation.clientCaRetireBy);
  assertCounters(rotation.serverCa, rotation.serverCaRetired, rotation.serverCaRetireBy);
  for (const number of [rotation.kmsJwtKey, rotation.kmsDatabase, rotation.backendDatabase]) {
    assertCounters(number);
  }
  assert.ok(proxy.shutdownTimeout >= 1 && proxy.shutdownTimeout <= 3600);
  assert.ok(proxy.guesses.burst >= 1 && proxy.guesses.burst <= proxy.guesses.perMinute);
  assert.notEqual(kms.config["FLASK_DEBUG"], true);
  assert.ok(!Object.hasOwn(kms.config, "FLASK_JWT_SECRET_KEY"));
  assert.ok(settings.throwaway || backend.config["print_response"] !== true);
}

/** What is in use is never retired. */
function assertCounters(current: number, retired = 0, retireBy = "2000-01-01"): void {
  assert.ok(Number.isInteger(current) && current >= 1);
  assert.ok(Number.isInteger(retired) && retired >= 0 && retired < current);
  assert.match(retireBy, /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/);
}

/** What must hold of every report. */
function assertReport(error: unknown, secret: string | undefined): void {
  assert.ok(error instanceof SettingsError, String(error));
  assert.ok(error.problems.length >= 1);
  assert.doesNotMatch(error.message, /\[object|NaN days|undefined(?!")/);
  assert.doesNotMatch(error.message, /[^\P{C}\n]/u, "no control characters but line ends");
  if (secret !== undefined) {
    assert.ok(!error.message.includes(secret), "the password is in the report");
  }
  for (const { path, value, reason, remedy } of error.problems) {
    assert.match(path, /^cybexp:./);
    assert.notEqual(value, "");
    assert.ok(reason.endsWith(".") && reason.length < 300, reason);
    assert.ok(remedy.length > 0 && remedy.length < 300, remedy);
  }
}

describe("a thousand generated configurations", () => {
  it("are each accepted and safe, or refused with a report without secrets", () => {
    const seen = { taken: 0, refused: 0 };
    fc.assert(
      fc.property(configuration, fc.nat(4), ({ values, password }, marking) => {
        let settings: Settings;
        try {
          settings = readSettings({
            stack: "dev",
            values,
            secretKeys: new Set(marking > 0 ? ["users"] : []),
          });
        } catch (error) {
          seen.refused++;
          assertReport(error, password);
          return;
        }
        seen.taken++;
        assertSafe(settings);
      }),
      { numRuns: RUNS },
    );
    // Neither side of the property may be empty.
    assert.ok(seen.taken >= RUNS / 100 && seen.refused >= RUNS / 4, JSON.stringify(seen));
  });

  it("made of nothing but junk are refused", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.oneof(plausible, fc.string()), junk), (values) => {
        assert.throws(() => readSettings({ stack: "dev", values, secretKeys: new Set() }), {
          name: "SettingsError",
        });
      }),
      { numRuns: RUNS },
    );
  });

  it("give the same report each time, whatever the order of their keys", () => {
    const report = (values: Values) => {
      try {
        return JSON.stringify(readSettings({ stack: "dev", values, secretKeys: new Set() }));
      } catch (error) {
        return (error as Error).message;
      }
    };
    fc.assert(
      fc.property(configuration, ({ values }) => {
        const backwards = Object.fromEntries(Object.entries(values).toReversed());
        assert.equal(report(backwards), report(values));
      }),
      { numRuns: RUNS / 5 },
    );
  });
});

describe("any text as a stack's file", () => {
  it("gives paths of passwords, and never fails", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(..."config: cybexp:users\n -[]{}&*!|>'\"") }),
        (text) => {
          for (const path of plainSecrets(text)) {
            assert.match(path, /^cybexp:users\[\d+\]\.password$/);
          }
        },
      ),
      { numRuns: RUNS },
    );
  });
});
