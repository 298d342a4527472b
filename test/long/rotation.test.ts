/**
 * Every secret of one stack is rotated by its number: what changes, who gets in before, during and
 * after, what a run that is killed leaves, and that no secret shows anywhere. The tests depend on
 * their order.
 */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { connect } from "node:tls";
import { withMongo } from "../../programs/database/mongo.ts";
import type { Credential } from "../integration/client.ts";
import { Deployed, type Role } from "../integration/deployed/deployed.ts";
import { assertStored } from "../integration/deployed/http.ts";
import { assertHidden } from "../integration/deployed/secrecy.ts";
import { assertNothingToChange } from "../integration/deployed/unchanged.ts";
import { docker, Project, type Result } from "../integration/project.ts";
import { preview, rotate, setRotation, things } from "./rotating/changes.ts";
import { ended, isAway, killUp, type Moment, runs } from "./rotating/interrupt.ts";
import { Prober } from "./rotating/prober.ts";

const GUARD = "update Command rotation-guard";
const RELEASE = ["update Command proxy-release-delivery", "update Command smoke"];

/** A service that gets a new configuration. */
const replaced = (role: Role) => [
  `update Command ${role}-config-delivery`,
  `update Command ${role}-handover`,
  `replace Container ${role}`,
  `update Command ${role}-limits`,
  `update Command ${role}-handback`,
  "update Command smoke",
];

/** A database whose passwords go from one number to the next, for the first time. */
const databaseRotated = (role: "kms" | "backend") => [
  GUARD,
  `create RandomPassword ${role}-db-admin-password-2`,
  `create RandomPassword ${role}-db-password-2`,
  `delete RandomPassword ${role}-db-password-1`,
  `update Command ${role}-db-secrets-delivery`,
  `update Command ${role}-db-users`,
  `update Command ${role}-db-retired-users`,
  ...replaced(role),
];

interface User {
  name: string;
  generation?: number;
  retired?: number;
  retireBy?: string;
}

describe("rotation by numbers in the stack's config", () => {
  let deployed: Deployed | undefined;
  const the = () => {
    assert.ok(deployed);
    return deployed;
  };
  /** What was given to clients, by what it was called here. */
  const kept = { passwords: new Map<string, Credential>(), authority: "", token: "" };
  const keep = (name: string, user: string) => kept.passwords.set(name, the().user(user));
  const password = (name: string): Credential => {
    const found = kept.passwords.get(name);
    assert.ok(found, name);
    return found;
  };
  const record = randomBytes(15_000);

  before(async () => {
    deployed = new Deployed(await Project.create());
    setUsers({ name: "collector" }, { name: "analyst" }, { name: "guest" });
    await deployed.up();
    const stored = await deployed.call("backend", "/add/enc-data", { body: record });
    assert.equal(stored.status, 201);
  });
  after(async () => {
    await deployed?.project.remove();
  });

  function setUsers(...users: readonly User[]): void {
    the().project.configure((config) => {
      const before = config["cybexp:users"] as User[];
      // A supplied password is in the file, encrypted.
      config["cybexp:users"] = users.map((user) => ({
        ...before.find(({ name }) => name === user.name),
        ...user,
      }));
    });
  }

  /** Puts a password of the operator's into the stack's config, as the reference says. */
  async function supply(index: number, text: string): Promise<void> {
    const key = `cybexp:users[${index}].password`;
    const words = ["config", "set", "--secret", "--path", key];
    const { code, output } = await the().project.feed(text, "pulumi", ...words);
    assert.equal(code, 0, output);
    the().secrets.set(`the supplied password ${text.slice(0, 6)}`, text);
  }

  /** The answer of each door to a GET, or why there is none. */
  async function statuses(credential: Credential, ca = the().outputs.serverCa): Promise<string> {
    const answers = (["kms", "backend"] as const).map(async (door) => {
      try {
        return String((await the().call(door, "/", { ca, credential })).status);
      } catch (error) {
        return (error as NodeJS.ErrnoException).code ?? String(error);
      }
    });
    return [...new Set(await Promise.all(answers))].join(" and ");
  }

  describe("passwords", () => {
    it("renews a generated one, and one that becomes the operator's, and shuts a removed user out", async () => {
      for (const name of ["collector", "analyst", "guest"]) {
        keep(`${name} 1`, name);
      }
      setUsers({ name: "collector", generation: 2 }, { name: "analyst", generation: 2 });
      await supply(1, "first password of the analyst's own");
      await rotate(the(), [
        GUARD,
        ...RELEASE,
        "create RandomPassword user-analyst-2",
        "create RandomPassword user-collector-2",
        "delete RandomBytes user-guest-salt",
        "delete RandomPassword user-guest-1",
      ]);
      keep("collector 2", "collector");
      keep("analyst 2", "analyst");
      assert.equal(password("analyst 2").password, "first password of the analyst's own");
      assert.equal(await statuses(password("guest 1")), "401");
    });

    it("lets the previous and the new one in as the same user", async () => {
      for (const name of ["collector", "analyst"]) {
        for (const generation of [1, 2]) {
          const credential = password(`${name} ${generation}`);
          assert.equal(await statuses(credential), "200");
          const path = `/who-is-${name}-${generation}`;
          await the().call("kms", path, { credential });
          assert.deepEqual(usersInLog(path), [name]);
        }
      }
    });

    /** Who, by the proxy's log, called a path. */
    function usersInLog(path: string): string[] {
      const log = docker("logs", the().containers().proxy.Id);
      return log
        .split("\n")
        .filter((line) => line.includes(path))
        .map((line) => (JSON.parse(line) as { user: string }).user);
    }

    it("warns once the day to retire the previous one has passed", async () => {
      setUsers(
        { name: "collector", generation: 2, retireBy: "2026-01-31" },
        { name: "analyst", generation: 2 },
      );
      const { code, output } = await the().npm("preview", "--diff", "--expect-no-changes");
      assert.equal(code, 0, output);
      const expected =
        "warning: the previous password of collector (generation 1) is still valid, although it " +
        "should be retired by 2026-01-31: to retire it, set retired: 1 for that user";
      assert.ok(output.includes(expected), output);
    });

    it("refuses the previous ones once they are retired, also supplied ones", async () => {
      setUsers(
        { name: "collector", generation: 2, retired: 1 },
        { name: "analyst", generation: 3, retired: 1 },
      );
      await supply(1, "second password of the analyst's own");
      await rotate(the(), [
        GUARD,
        ...RELEASE,
        "create RandomPassword user-analyst-3",
        "delete RandomPassword user-analyst-1",
        "delete RandomPassword user-collector-1",
      ]);
      keep("analyst 3", "analyst");
      const all = [...kept.passwords.keys()];
      const seen = await Promise.all(
        all.map(async (name) => [name, await statuses(password(name))] as const),
      );
      assert.deepEqual(Object.fromEntries(seen), {
        "collector 1": "401",
        "analyst 1": "401",
        "guest 1": "401",
        "collector 2": "200",
        "analyst 2": "200",
        "analyst 3": "200",
      });
    });
  });

  describe("certificates", () => {
    it("renews the proxy's certificate and key", async () => {
      const old = await fingerprints();
      setRotation(the(), { serverCertificate: 2 });
      await rotate(the(), [
        GUARD,
        ...RELEASE,
        "replace CertRequest server-certificate-request",
        "replace LocallySignedCert server-certificate",
        "replace PrivateKey server-certificate-key",
      ]);
      const now = await fingerprints();
      assert.ok(now.every((one) => !old.includes(one)));
      assert.equal(await statuses(password("collector 2")), "200");
    });

    it("renews the authority, and serves whoever trusts the old one, the new one or both", async () => {
      kept.authority = the().outputs.serverCa;
      setRotation(the(), { serverCa: 2 });
      await rotate(the(), [
        GUARD,
        ...RELEASE,
        "create CertRequest server-ca-cross-2-request",
        "create LocallySignedCert server-ca-cross-2",
        "create PrivateKey server-ca-2-key",
        "create SelfSignedCert server-ca-2",
        "replace LocallySignedCert server-certificate",
      ]);
      const both = the().outputs.serverCa;
      const [fresh = "", old = "", ...more] = both.split(/(?<=-----END CERTIFICATE-----\n)/);
      assert.deepEqual(more, []);
      assert.equal(old, kept.authority);
      for (const ca of [old, fresh, both]) {
        assert.equal(await statuses(password("collector 2"), ca), "200");
      }
    });

    it("shuts out whoever trusts the old one alone, once that is retired", async () => {
      const [fresh = ""] = the().outputs.serverCa.split(/(?<=-----END CERTIFICATE-----\n)/);
      setRotation(the(), { serverCaRetired: 1 });
      await rotate(the(), [
        ...RELEASE,
        "delete CertRequest server-ca-cross-2-request",
        "delete LocallySignedCert server-ca-cross-2",
        "delete PrivateKey server-ca-1-key",
        "delete SelfSignedCert server-ca-1",
      ]);
      assert.equal(the().outputs.serverCa, fresh);
      assert.equal(await statuses(password("collector 2"), fresh), "200");
      assert.equal(
        await statuses(password("collector 2"), kept.authority),
        "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
      );
    });

    /** What each door shows. */
    function fingerprints(): Promise<string[]> {
      const { kms, backend } = the().project.ports;
      return Promise.all(
        [kms, backend].map(
          (port) =>
            new Promise<string>((resolve, reject) => {
              const ca = the().outputs.serverCa;
              const socket = connect({ port, servername: "localhost", ca }, () => {
                resolve(socket.getPeerCertificate().fingerprint256);
                socket.destroy();
              });
              socket.on("error", reject);
            }),
        ),
      );
    }
  });

  describe("the KMS's token key", () => {
    it("revokes every token, which preview and up say, and replaces the KMS alone", async () => {
      kept.token = the().token("collector");
      const key = await the().kmsKey();
      setRotation(the(), { kmsJwtKey: 2 });
      const { previewed, up } = await rotate(
        the(),
        [GUARD, ...replaced("kms"), "replace RandomBytes kms-jwt-key"],
        ["kms"],
      );
      const words =
        "the KMS gets a new token-signing key: EVERY token is revoked, each module needs its " +
        "new config.yaml (output moduleConfig), and each administrator needs a new token (output administrator, or a login)";
      assert.ok(previewed.includes(`note: ${words}`), previewed);
      assert.ok(up.includes(`note: ${words}`), up);

      const status = async (token: string) =>
        (await the().call("kms", "/user/me", { headers: { "X-Authorization": `Bearer ${token}` } }))
          .status;
      assert.notEqual(the().token("collector"), kept.token);
      // 422: the signature is none of the new key's.
      assert.equal(await status(kept.token), 422);
      assert.equal(await status(the().token("collector")), 200);
      assert.equal(await the().kmsKey(), key);
    });
  });

  describe("database passwords", () => {
    for (const [role, database] of [
      ["kms", "KMS_db"],
      ["backend", "priv_backend"],
    ] as const) {
      it(`changes to new ones in the ${role}'s live database`, async () => {
        const old = databaseUser(role, database, 1);
        const admin = databaseUser(role, "admin", 1);
        await withMongo(old, (client) =>
          client.db(database).collection("probe").insertOne({ from: "before" }),
        );
        setRotation(the(), { [`${role}Database`]: 2 });
        the().watch.start();
        try {
          await rotate(the(), databaseRotated(role), [role]);
        } finally {
          await the().watch.stop();
        }
        await assertStored(the(), record);
        const fresh = databaseUser(role, database, 2);
        const found = await withMongo(fresh, (client) =>
          client.db(database).collection("probe").find().toArray(),
        );
        assert.deepEqual(
          found.map(({ from }) => from as string),
          ["before"],
        );
        for (const gone of [old, admin]) {
          await assert.rejects(
            withMongo(gone, (client) => client.db(database).command({ ping: 1 })),
            { code: 18 },
          );
        }
        assert.deepEqual(await usersOf(role), ["admin", `${database}-2`].sort());
      });
    }
  });

  /** Where and as whom a database's user of a number logs in. */
  function databaseUser(role: "kms" | "backend", user: string, generation: number) {
    const kind = user === "admin" ? "admin-password" : "password";
    const name = `${role}-db-${kind}-${generation}.result`;
    const [, text] = [...the().secrets].findLast(([key]) => key.startsWith(name)) ?? [];
    assert.ok(text, name);
    return {
      dockerHost: undefined,
      container: `cybexp-${the().project.stack}-${role}-db`,
      user: user === "admin" ? user : `${user}-${generation}`,
      password: text,
    };
  }

  async function usersOf(role: "kms" | "backend"): Promise<string[]> {
    const generation = rotationNumber(`${role}Database`);
    const { users } = (await withMongo(databaseUser(role, "admin", generation), (client) =>
      client.db("admin").command({ usersInfo: 1 }),
    )) as { users?: { user: string }[] };
    return (users ?? []).map(({ user }) => user).sort();
  }

  function rotationNumber(key: string): number {
    const numbers = the().project.readConfig()["cybexp:rotation"] as Record<string, number>;
    return numbers[key] ?? 1;
  }

  describe("a number that jumps", () => {
    const sentence =
      "the number of kmsDatabase went from 2 to 4: raise it by one, run up, and repeat; otherwise the one in use is lost at once";
    for (const [what, command] of Object.entries({
      "npm run up": ["up"],
      "npm run preview": ["preview"],
      "plain pulumi up": ["pulumi", "up", "--yes", "--skip-preview"],
    })) {
      it(`is refused by ${what}, before anything is touched`, async () => {
        const before = things(the());
        setRotation(the(), { kmsDatabase: 4 });
        const [name = "", ...args] = command;
        const { code, output } = await the().npm(name, ...args);
        setRotation(the(), { kmsDatabase: 2 });
        assert.notEqual(code, 0, output);
        assert.ok(output.includes(sentence), output);
        assert.deepEqual(things(the()), before);
        assert.equal(await statuses(password("collector 2")), "200");
        assert.deepEqual(await usersOf("kms"), ["KMS_db-2", "admin"]);
      });
    }

    it("leaves nothing behind", async () => {
      await the().up();
      await assertNothingToChange(the());
    });
  });

  describe("a run that is killed", () => {
    const number = (key: string) => () => setRotation(the(), { [key]: rotationNumber(key) + 1 });
    const guarded: Moment = ended("rotation-guard");
    const cases: readonly [
      what: string,
      raise: () => void,
      moment: Moment,
      between?: () => Promise<void>,
    ][] = [
      ["after a database has its new user", number("backendDatabase"), ended("backend-db-users")],
      ["after the delivery of a config", number("kmsDatabase"), ended("kms-config-delivery")],
      ["while the KMS is replaced", number("kmsJwtKey"), isAway("kms")],
      ["while the Backend is replaced", number("backendDatabase"), isAway("backend")],
      [
        "while new passwords are delivered",
        () =>
          setUsers(
            { name: "collector", generation: 3, retired: 1 },
            { name: "analyst", generation: 3, retired: 1 },
          ),
        runs("deliver", guarded),
        refusesTheNextButOne,
      ],
      ["while a new certificate is delivered", number("serverCa"), runs("deliver", guarded)],
      ["before old users of a database go", number("kmsDatabase"), ended("kms-handback")],
      [
        "while old users of a database go",
        number("backendDatabase"),
        runs("database-retire", guarded),
      ],
    ];
    let prober: Prober;
    let first: Record<string, string>;
    before(() => {
      first = things(the());
      prober = new Prober({
        urls: [the().url("kms"), the().url("backend")],
        ca: the().outputs.serverCa,
        credential: password("collector 2"),
      });
    });

    /** What was in use before the run that was killed may still be so. */
    async function refusesTheNextButOne(): Promise<void> {
      setUsers({ name: "collector", generation: 4 }, { name: "analyst", generation: 3 });
      const { code, output } = await the().npm("up");
      setUsers({ name: "collector", generation: 3 }, { name: "analyst", generation: 3 });
      assert.notEqual(code, 0);
      assert.match(output, /the number of user collector went from 2 to 4: raise it by one/);
    }

    cases.forEach(([what, raise, moment, between], index) => {
      const signal = index % 2 === 0 ? "SIGINT" : "SIGKILL";
      it(`is completed by the next: ${signal} ${what}`, async () => {
        raise();
        await killUp(the(), moment, signal);
        await between?.();
        await the().up();
      });
    });

    it("locks out nobody who was let in before", async (test) => {
      const { calls, problems } = await prober.stop();
      test.diagnostic(`${calls} calls`);
      assert.ok(calls > 50);
      assert.deepEqual(problems, []);
    });

    it("has left the databases and the proxy alone, and nothing behind", async () => {
      await assertNothingToChange(the());
      const now = things(the());
      const others = Object.keys(first).filter((name) => first[name] !== now[name]);
      assert.deepEqual(others.sort(), ["backend", "kms"]);
      assert.deepEqual(Object.keys(now), Object.keys(first));
      assert.deepEqual(await usersOf("kms"), ["KMS_db-4", "admin"]);
      assert.deepEqual(await usersOf("backend"), ["admin", "priv_backend-5"]);
      await assertStored(the(), record);
    });

    it("is no way around retirement", async () => {
      const authority = the()
        .outputs.serverCa.split(/(?<=-----END CERTIFICATE-----\n)/)
        .at(1);
      setUsers(
        { name: "collector", generation: 3, retired: 2 },
        { name: "analyst", generation: 3, retired: 2 },
      );
      setRotation(the(), { serverCaRetired: 2 });
      await the().up();
      assert.equal(await statuses(password("collector 2")), "401");
      assert.equal(await statuses(password("analyst 2")), "401");
      assert.equal(
        await statuses(the().user("collector"), authority),
        "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
      );
      assert.equal(await statuses(the().user("collector")), "200");
    });
  });

  it("has nothing to change after all of it, also after a refresh", async () => {
    const { changes } = await preview(the());
    assert.deepEqual(changes, []);
    const refreshed = await the().npm("pulumi", "refresh", "--yes", "--skip-preview");
    assert.equal(refreshed.code, 0, refreshed.output);
    await assertNothingToChange(the());
  });

  it("shows no secret, old or new, anywhere", () => {
    assertHidden(
      the(),
      ["user-collector-1.result", "user-collector-3.result", "server-ca-1-key"],
      [["the stack's file", the().project.readStackFile()]],
    );
  });

  describe("the state's passphrase", () => {
    const file = () => join(the().project.dir, ".cybexp", "passphrase");

    it("is changed with its file, and the next up changes nothing", async () => {
      const old = readFileSync(file(), "utf8");
      const fresh = randomBytes(24).toString("base64url");
      const before = createHash("sha256").update(JSON.stringify(the().outputs)).digest("hex");
      const changed = await changePassphrase(fresh);
      assert.equal(changed.code, 0, changed.output);
      assert.ok(!changed.output.includes(fresh));
      writeFileSync(file(), fresh);

      const { output } = await the().up();
      assert.match(output, /^Nothing changed: /m);
      const now = createHash("sha256").update(JSON.stringify(the().outputs)).digest("hex");
      assert.equal(now, before);

      writeFileSync(file(), old);
      const refused = await the().npm("pulumi", "stack", "output", "users", "--show-secrets");
      writeFileSync(file(), fresh);
      assert.notEqual(refused.code, 0);
      assert.match(refused.output, /incorrect passphrase/);
    });

    /** As an operator does: the new one on standard input. */
    function changePassphrase(fresh: string): Promise<Result> {
      const words = ["stack", "change-secrets-provider", "passphrase"];
      return the().project.feed(`${fresh}\n${fresh}\n`, "pulumi", ...words);
    }
  });
});
