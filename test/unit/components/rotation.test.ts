/** What a raised number makes, keeps and lets go, on a stand-in for the engine that has a state. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import fc from "fast-check";
import * as pulumi from "@pulumi/pulumi";
import { RANDOM_PASSWORD as PASSWORD } from "../../../names/types.ts";
import { backdated } from "../../../render/backdate.ts";
import { RotatedPassword } from "../../../components/rotatedPassword.ts";
import { RotationGuard } from "../../../components/rotationGuard.ts";
import { type Credential, type PasswordCheck, UserList } from "../../../components/userList.ts";
import { overlaps } from "../../../settings/overlaps.ts";
import { readSettings } from "../../../settings/read.ts";
import type { UserSettings } from "../../../settings/types.ts";
import {
  build,
  type Build,
  COMMAND,
  deployment,
  type Memory,
  names,
  type Registered,
  datedOf,
  pemOf,
  run,
  the,
  valueOf,
} from "./mocks.ts";
import { authority, kmsDatabase, serverCertificate } from "./parts.ts";

const GENERATED = { length: 32, special: false };
const OWN = "chosen by the operator";

/** A resource without its place, which is the same for all of them here. */
const own = ({ type, name, inputs, secrets, options }: Registered) => ({
  type,
  name,
  inputs,
  secrets,
  options,
});

describe("a rotated password", () => {
  const make = (args: ConstructorParameters<typeof RotatedPassword>[1], memory?: Memory) =>
    build(() => new RotatedPassword("p", args), memory && { memory });
  const passwords = (built: Build<RotatedPassword>) =>
    built.resources.filter(({ type }) => type === PASSWORD).map(own);

  it("is one resource without an overlap", async () => {
    const built = await make({ generation: 3, withPrevious: false });
    assert.deepEqual(passwords(built), [
      { type: PASSWORD, name: "p-3", inputs: GENERATED, secrets: [], options: {} },
    ]);
    assert.equal(built.result.previous, undefined);
    assert.equal(await pulumi.isSecret(built.result.current), true);
  });

  it("is two resources in an overlap, and the previous one stays the same", async () => {
    const built = await make({ generation: 3, withPrevious: true });
    assert.deepEqual(passwords(built), [
      {
        type: PASSWORD,
        name: "p-2",
        inputs: GENERATED,
        secrets: [],
        options: { ignoreChanges: ["keepers"] },
      },
      { type: PASSWORD, name: "p-3", inputs: GENERATED, secrets: [], options: {} },
    ]);
    assert.ok(built.result.previous);
    assert.equal(await pulumi.isSecret(built.result.previous), true);
  });

  it("is the operator's if one is supplied, kept as a secret", async () => {
    const built = await make({ generation: 1, withPrevious: false, supplied: OWN });
    assert.deepEqual(passwords(built), [
      {
        type: PASSWORD,
        name: "p-1",
        inputs: { ...GENERATED, keepers: { password: OWN } },
        secrets: ["keepers"],
        options: {},
      },
    ]);
    assert.equal(await valueOf(built.result.current), OWN);
    assert.equal(await pulumi.isSecret(built.result.current), true);
  });

  it("is protected only in its own generation, so that the next but one can remove it", async () => {
    const { resources } = await make({ generation: 2, withPrevious: true, protect: true });
    assert.deepEqual(
      resources.filter(({ options }) => options.protect).map(({ name }) => name),
      ["p-2"],
    );
  });

  const kinds = { "a generated one": "", "a supplied one": OWN } as const;
  for (const [before, first] of Object.entries(kinds)) {
    for (const [after, second] of Object.entries(kinds)) {
      it(`changes from ${before} to ${after}, and keeps the first for the overlap`, async () => {
        const memory: Memory = new Map();
        const supplied = (text: string, suffix: string) => ({
          supplied: text && `${text} ${suffix}`,
        });
        const one = await make(
          { generation: 1, withPrevious: false, ...supplied(first, "first") },
          memory,
        );
        const old = await valueOf(one.result.current);

        const two = await make(
          { generation: 2, withPrevious: true, ...supplied(second, "second") },
          memory,
        );
        assert.equal(await valueOf(two.result.previous ?? one.result.current), old);
        const fresh = await valueOf(two.result.current);
        assert.notEqual(fresh, old);
        assert.equal(await pulumi.isSecret(two.result.previous ?? pulumi.output("")), true);

        const three = await make(
          { generation: 2, withPrevious: false, ...supplied(second, "second") },
          memory,
        );
        assert.equal(await valueOf(three.result.current), fresh);
        assert.equal(three.result.previous, undefined);
        assert.deepEqual(
          passwords(three).map(({ name }) => name),
          ["p-2"],
        );
      });
    }
  }
});

/** Whether Nginx lets a password in: by its digest, else by the first line of the name in the file. */
function letsIn(check: PasswordCheck, { user, password }: Credential): boolean {
  const header = Buffer.from(`${user}:${password}`).toString("base64");
  const digest = createHash("md5").update(`${check.salt} ${header}`).digest("base64url");
  if (check.digests[user] === digest) {
    return true;
  }
  const line = check.htpasswd.split("\n").find((text) => text.startsWith(`${user}:`)) ?? "";
  const bytes = Buffer.from(line.slice(`${user}:{SSHA}`.length), "base64");
  const hash = createHash("sha1").update(password).update(bytes.subarray(20)).digest();
  return bytes.length > 20 && hash.equals(bytes.subarray(0, 20));
}

describe("the user list over many ups", () => {
  const listOf = async (users: readonly UserSettings[], memory: Memory) => {
    const { result, resources } = await build(() => new UserList("user", { users }), { memory });
    return {
      credentials: await valueOf(result.credentials),
      check: await valueOf(result.check),
      names: names(resources).filter((name) => name.includes("RandomPassword user-collector")),
    };
  };
  const user = (generation: number, retired = 0, password?: string): UserSettings => ({
    name: "collector",
    generation,
    retired,
    ...(password !== undefined && { password }),
  });

  it("lets both passwords in under one name in an overlap, and the new one alone after it", async () => {
    const memory: Memory = new Map();
    const first = await listOf([user(1)], memory);
    const second = await listOf([user(2)], memory);
    const third = await listOf([user(2, 1)], memory);
    const old = first.credentials["collector"] as Credential;
    const fresh = second.credentials["collector"] as Credential;
    assert.notEqual(fresh.password, old.password);
    assert.deepEqual(third.credentials, second.credentials);
    assert.deepEqual(
      [first, second, third].map(({ check }) => [letsIn(check, old), letsIn(check, fresh)]),
      [
        [true, false],
        [true, true],
        [false, true],
      ],
    );
    const salt = `${PASSWORD} user-salt`;
    const named = (generation: number) => `${PASSWORD} user-collector-${generation}`;
    assert.deepEqual(
      [first, second, third].map((list) => list.names),
      [[named(1)], [named(1), named(2)], [named(2)]],
    );
    assert.ok(memory.has(salt));
  });

  it("shuts a removed user out and touches nobody else", async () => {
    const memory: Memory = new Map();
    const other: UserSettings = { name: "analyst", generation: 1, retired: 0 };
    const before = await listOf([user(1), other], memory);
    const after = await listOf([other], memory);
    assert.equal(letsIn(after.check, before.credentials["collector"] as Credential), false);
    assert.equal(letsIn(after.check, before.credentials["analyst"] as Credential), true);
    assert.deepEqual(after.check.digests["analyst"], before.check.digests["analyst"]);
    assert.deepEqual(Object.keys(after.credentials), ["analyst"]);
  });

  it("never drops the password of the previous up, whatever is done one step at a time", async () => {
    const action = fc.oneof(
      fc.constant("up"),
      fc.constant("raise"),
      fc.constant("retire"),
      fc.record({ raiseTo: fc.option(fc.stringMatching(/^[!-~]{20,30}$/), { nil: undefined }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 1, maxLength: 8 }), async (actions) => {
        const memory: Memory = new Map();
        let now = user(1);
        let last = await listOf([now], memory);
        for (const step of actions) {
          if (step === "retire") {
            now = { ...now, retired: now.generation - 1 };
          } else if (step === "raise") {
            now = { ...now, generation: now.generation + 1 };
          } else if (step !== "up") {
            now = user(now.generation + 1, now.retired, step.raiseTo);
          }
          const next = await listOf([now], memory);
          const old = last.credentials["collector"] as Credential;
          const fresh = next.credentials["collector"] as Credential;
          assert.ok(letsIn(next.check, old), "the password of the up before is refused");
          assert.ok(letsIn(next.check, fresh), "the password in use is refused");
          last = next;
        }
      }),
      { numRuns: 20 },
    );
  });
});

describe("a rotated authority", () => {
  const make = (generation: number, overlap: boolean, memory?: Memory) =>
    build(
      () => serverCertificate({ authority: authority("ca", { generation, overlap }) }),
      memory && { memory },
    );
  const subject = (generation: number) => ({
    commonName: `the CA ${generation}`,
    organization: "CYBEX-P",
  });
  const bundleOf = (built: Build<unknown>) =>
    built.outputs.get("cybexp:tls:RotatedAuthority ca")?.values["bundle"];

  it("is one key and certificate without an overlap", async () => {
    const built = await make(2, false);
    assert.deepEqual(
      names(built.resources).filter((name) => name.includes(" ca")),
      [
        "cybexp:tls:CertificateAuthority ca-2",
        "cybexp:tls:RotatedAuthority ca",
        "tls:index/privateKey:PrivateKey ca-2-key",
        "tls:index/selfSignedCert:SelfSignedCert ca-2",
      ],
    );
    assert.equal(bundleOf(built), datedOf("ca-2", "ca-2-key"));
    assert.equal(await valueOf(built.result.certificate), datedOf("cert", "ca-2-key"));
  });

  it("is two in an overlap, with the old one's cross certificate for the new", async () => {
    const built = await make(2, true);
    assert.deepEqual(
      names(built.resources).filter((name) => name.includes(" ca")),
      [
        "cybexp:tls:CertificateAuthority ca-1",
        "cybexp:tls:CertificateAuthority ca-2",
        "cybexp:tls:RotatedAuthority ca",
        "tls:index/certRequest:CertRequest ca-cross-2-request",
        "tls:index/locallySignedCert:LocallySignedCert ca-cross-2",
        "tls:index/privateKey:PrivateKey ca-1-key",
        "tls:index/privateKey:PrivateKey ca-2-key",
        "tls:index/selfSignedCert:SelfSignedCert ca-1",
        "tls:index/selfSignedCert:SelfSignedCert ca-2",
      ],
    );
    assert.deepEqual(
      own(the(built, "tls:index/certRequest:CertRequest", "ca-cross-2-request")).inputs,
      { privateKeyPem: pemOf("EC PRIVATE KEY", "ca-2-key"), subject: subject(2) },
    );
    assert.deepEqual(
      own(the(built, "tls:index/locallySignedCert:LocallySignedCert", "ca-cross-2")),
      {
        type: "tls:index/locallySignedCert:LocallySignedCert",
        name: "ca-cross-2",
        inputs: {
          certRequestPem: pemOf("CERTIFICATE REQUEST", "ca-cross-2-request"),
          caPrivateKeyPem: pemOf("EC PRIVATE KEY", "ca-1-key"),
          caCertPem: pemOf("CERTIFICATE", "ca-1"),
          validityPeriodHours: 240,
          isCaCertificate: true,
          setSubjectKeyId: true,
          allowedUses: ["cert_signing", "crl_signing"],
        },
        secrets: ["caPrivateKeyPem"],
        options: {},
      },
    );
    for (const generation of [1, 2]) {
      const { inputs } = the(built, "tls:index/selfSignedCert:SelfSignedCert", `ca-${generation}`);
      assert.deepEqual(inputs["subject"], subject(generation));
    }
    // Clients trust either; the new one signs, and the server sends what leads from it to the old.
    assert.equal(bundleOf(built), datedOf("ca-2", "ca-2-key") + datedOf("ca-1", "ca-1-key"));
    assert.equal(
      await valueOf(built.result.certificate),
      datedOf("cert", "ca-2-key") + datedOf("ca-cross-2", "ca-1-key"),
    );
    const leaf = the(built, "tls:index/locallySignedCert:LocallySignedCert", "cert").inputs;
    assert.equal(leaf["caPrivateKeyPem"], pemOf("EC PRIVATE KEY", "ca-2-key"));
  });

  it("never drops the authority that clients had one up before", async () => {
    const actions = fc.array(fc.constantFrom("up", "raise", "retire"), {
      minLength: 1,
      maxLength: 6,
    });
    await fc.assert(
      fc.asyncProperty(actions, async (steps) => {
        const memory: Memory = new Map();
        let [generation, retired] = [1, 0];
        const current = async () => {
          const built = await make(generation, overlaps(generation, retired), memory);
          const leaf = the(built, "tls:index/locallySignedCert:LocallySignedCert", "cert").inputs;
          const signer = backdated(String(leaf["caCertPem"]), String(leaf["caPrivateKeyPem"]));
          return { bundle: String(bundleOf(built)), signer };
        };
        let last = await current();
        for (const step of steps) {
          generation += step === "raise" ? 1 : 0;
          retired = step === "retire" ? generation - 1 : retired;
          const next = await current();
          assert.ok(next.bundle.includes(last.signer));
          assert.ok(next.bundle.startsWith(next.signer));
          last = next;
        }
      }),
      { numRuns: 8 },
    );
  });
});

describe("a database over many ups", () => {
  const make = (generation: number, memory: Memory) =>
    build(
      () => {
        const database = kmsDatabase({ generation });
        database.retireOthers("kms-db-retired-users", database);
        return database;
      },
      { memory },
    );
  const adminOf = (built: Build<unknown>) =>
    (the(built, COMMAND, "kms-db-users").inputs["stdin"] as Users).admin;
  interface Users {
    readonly admin: { readonly password: string; readonly previous?: string };
    readonly user: { readonly name: string; readonly password: string };
  }

  it("has its own user for each generation, and keeps the administrator's previous password", async () => {
    const memory: Memory = new Map();
    const first = await make(1, memory);
    const second = await make(2, memory);
    const users = (built: Build<unknown>) =>
      the(built, COMMAND, "kms-db-users").inputs["stdin"] as Users;
    assert.equal(users(first).user.name, "KMS_db-1");
    assert.equal(users(second).user.name, "KMS_db-2");
    assert.notEqual(users(second).user.password, users(first).user.password);
    assert.equal(adminOf(first).previous, undefined);
    assert.equal(adminOf(second).previous, adminOf(first).password);
    assert.deepEqual(the(second, COMMAND, "kms-db-users").inputs["environment"], {
      USER: "KMS_db-2",
    });
    const { stdin, environment } = the(second, COMMAND, "kms-db-retired-users").inputs;
    assert.deepEqual(environment, { USER: "KMS_db-2" });
    assert.equal((stdin as { user: string }).user, "KMS_db-2");
    assert.match(await valueOf(second.result.uri), /^mongodb:\/\/KMS_db-2:\w{32}@kms-db:27017\//);
  });

  it("keeps its container and volumes, whatever the number", async () => {
    const memory: Memory = new Map();
    const untouched = (built: Build<unknown>) =>
      built.resources.filter(({ type }) => type.startsWith("docker:"));
    const first = untouched(await make(1, memory));
    assert.equal(first.length, 5);
    for (const generation of [2, 3, 4]) {
      assert.deepEqual(untouched(await make(generation, memory)), first);
    }
  });

  it("never needs a password from two ups before", async () => {
    const memory: Memory = new Map();
    let last = adminOf(await make(1, memory));
    for (let generation = 2; generation < 6; generation++) {
      const next = adminOf(await make(generation, memory));
      assert.equal(next.previous, last.password);
      last = next;
    }
  });
});

describe("the guard before rotations", () => {
  const settings = readSettings({
    stack: "test",
    values: {
      kms: { image: "cybexp-demo/kms:1", bind: "127.0.0.1:5012", listen: 5002 },
      backend: { image: "cybexp-demo/backend:1", bind: "127.0.0.1:5011", listen: 5001 },
      database: { image: "cybexp-demo/mongo:1" },
      proxy: { image: "cybexp-demo/nginx:1", serverName: "localhost", address: "127.0.0.1" },
      users: [{ name: "collector", generation: 2, password: "chosen by the operator" }],
      rotation: { kmsJwtKey: 4 },
    },
    secretKeys: new Set(["users"]),
  });
  const make = (changes = {}) =>
    build(() => new RotationGuard("guard", { settings: { ...settings, ...changes } }));

  it("gets the numbers and no secret, and remembers what it printed", async () => {
    const { resources } = await make();
    assert.deepEqual(resources.map(own), [
      {
        type: COMMAND,
        name: "guard",
        inputs: {
          ...run("rotation-guard"),
          addPreviousOutputInEnv: true,
          logging: "stderr",
          environment: {},
          stdin: {
            numbers: {
              "user collector": 2,
              kmsJwtKey: 4,
              serverCertificate: 1,
              serverCa: 1,
              clientCa: 1,
              kmsDatabase: 1,
              backendDatabase: 1,
            },
          },
        },
        secrets: [],
        options: {},
      },
      {
        type: "cybexp:index:RotationGuard",
        name: "guard",
        inputs: {},
        secrets: [],
        options: {},
      },
    ]);
  });

  it("holds back what waits for it", async () => {
    const { dependencies } = await build(() => {
      const guard = new RotationGuard("guard", { settings });
      const id = guard.after(pulumi.output("0123456789abcdef"));
      kmsDatabase({ deployment: deployment({ id }) });
    });
    const held = [...dependencies].filter(([name]) => /^docker:|deliver/.test(name));
    assert.equal(held.length, 6);
    for (const [name, before] of held.filter(([name]) => !name.includes("RemoteImage"))) {
      assert.ok(before.includes(`${COMMAND} guard`), name);
    }
  });
});
