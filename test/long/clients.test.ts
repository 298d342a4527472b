/**
 * Client certificates of one stack: whom each door lets in, what a revocation and a new authority
 * change, and that no private key shows anywhere. The tests depend on their order.
 */
import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { ClientKey, Credential } from "../integration/client.ts";
import { Deployed, type Door } from "../integration/deployed/deployed.ts";
import { assertHidden } from "../integration/deployed/secrecy.ts";
import { assertNothingToChange } from "../integration/deployed/unchanged.ts";
import { dockerOutput, Project } from "../integration/project.ts";
import { makeAuthority, makeClient } from "../nginx/clientPki.ts";
import {
  BusyCaller,
  openEndless,
  openHttp2,
  openIdle,
  type OpenConnection,
} from "./clients/openConnections.ts";
import { OpensslClient, VERSIONS } from "./clients/openssl.ts";
import { needPrograms } from "./clients/packages.ts";
import { Kept } from "./clients/kept.ts";
import { enterRequest } from "./clients/request.ts";
import { Witness } from "./clients/witness.ts";
import { rotate, setRotation } from "./rotating/changes.ts";

const DOORS: readonly Door[] = ["kms", "backend"];

const GUARD = "update Command rotation-guard";
const REVOCATIONS = "update Command client-revocations";
const RELEASE = ["update Command proxy-release-delivery", "update Command smoke"];

/** How long a request that is under way may go on after a revocation, in this stack. */
const SHUTDOWN_SECONDS = 5;

/** How long an idle connection may be kept for the request that is on its way. */
const IDLE_SECONDS = 5;

const causes = {
  missing: "none was presented",
  expired: "the one presented has expired",
  foreign: "the one presented is not by an authority that is trusted here",
  unlisted: "the one presented is not listed: its client was removed, or has a newer one",
  revoked: "the one presented is revoked",
} as const;

describe("clients with certificates", () => {
  let deployed: Deployed | undefined;
  let folder: string;
  const the = () => {
    assert.ok(deployed);
    return deployed;
  };
  /** What clients were given, by what it was called here. */
  const given = new Kept<ClientKey>();
  const kept = (name: string) => given.get(name);

  before(async () => {
    await needPrograms("openssl");
    folder = mkdtempSync(join(tmpdir(), "cybexp-test-request-"));
    deployed = new Deployed(await Project.create());
    the().project.configure((config) => {
      Object.assign(config["cybexp:kms"] as object, { access: "either" });
      Object.assign(config["cybexp:backend"] as object, { access: "both" });
      Object.assign(config["cybexp:proxy"] as object, { shutdownTimeout: SHUTDOWN_SECONDS });
      config["cybexp:clients"] = [{ name: "ann" }, { name: "rob" }];
    });
    await enterRequest(the(), folder, "cat");
    await the().up();
    given.set("ann 1", the().client("ann"));
    given.set("rob 1", the().client("rob"));
    given.set("cat 1", { ...ownKey("cat"), certificate: certificateOf("cat") });
  });
  after(async () => {
    await deployed?.project.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  function ownKey(name: string): Pick<ClientKey, "privateKey"> {
    return { privateKey: readFileSync(join(folder, `${name}.key`), "utf8") };
  }

  function certificateOf(name: string): string {
    const found = the().outputs.clients[name]?.certificate;
    assert.ok(found, `there is a client ${name}`);
    return found;
  }

  /** The authority of a number, as the state has it. */
  function authority(number: number) {
    const privateKey = the().secrets.get(`client-ca-${number}-key.privateKeyPem`);
    assert.ok(privateKey);
    return { certificate: the().outputs.clientCa, privateKey };
  }

  /** "up", or the status and what the answer says is wrong with the certificate, or the password. */
  async function answer(door: Door, client?: ClientKey, credential?: Credential): Promise<string> {
    const { status, headers, text } = await the().call(door, "/", { client, credential });
    if (status === 200) {
      return text.trim();
    }
    assert.equal(headers["content-type"], "application/json");
    const body = JSON.parse(text) as { status: number; door: string; error: string };
    assert.deepEqual([body.status, body.door], [status, door]);
    return `${status}: ${/client certificate: (.*)\.$/.exec(body.error)?.[1] ?? body.error}`;
  }

  /** What each door answers, without a password and with one: kms and backend. */
  async function answers(client?: ClientKey): Promise<Record<string, string>> {
    const asked = DOORS.flatMap((door) =>
      [undefined, the().user("collector")].map(
        async (credential) =>
          [
            `${door} with ${credential ? "a" : "no"} password`,
            await answer(door, client, credential),
          ] as const,
      ),
    );
    return Object.fromEntries(await Promise.all(asked));
  }

  const doors = (...[kms, kmsPassword, backend, backendPassword]: readonly string[]) => ({
    "kms with no password": kms,
    "kms with a password": kmsPassword,
    "backend with no password": backend,
    "backend with a password": backendPassword,
  });
  const GOOD = doors(
    "up",
    "up",
    "401: The proxy asks for a user name and password (HTTP basic authentication).",
    "up",
  );
  const REVOKED = doors(...Array<string>(4).fill(`403: ${causes.revoked}`));
  /** Of a certificate that is no good, and no harm beside a password. */
  const useless = (cause: string) => doors(`401: ${cause}`, "up", `403: ${cause}`, `403: ${cause}`);

  const doorAt = (door: Door) => ({
    port: the().project.ports[door],
    serverName: "localhost",
    ca: the().outputs.serverCa,
  });

  describe("a door", () => {
    it("lets in a caller with a certificate from the outputs", async () => {
      assert.deepEqual(Object.keys(the().outputs.clients).sort(), ["ann", "cat", "rob"]);
      assert.deepEqual(await answers(kept("ann 1")), GOOD);
      assert.deepEqual(await answers(kept("rob 1")), GOOD);
    });

    it("lets in a client that made a request, with a key that was never in the stack", async () => {
      assert.equal(the().outputs.clients["cat"]?.privateKey, undefined);
      assert.deepEqual(await answers(kept("cat 1")), GOOD);
      const { subject } = new X509Certificate(kept("cat 1").certificate);
      assert.match(subject, /^CN=cat$/m);
      assert.doesNotMatch(subject, /whatever/);
    });

    it("says of every other certificate what is wrong with it", async () => {
      const privateKey = createPrivateKey(kept("ann 1").privateKey);
      const keyPair = { privateKey, publicKey: createPublicKey(privateKey) };
      const ours = authority(1);
      const bad = {
        missing: undefined,
        expired: await makeClient(ours, "ann", { keyPair, begins: -5 }),
        foreign: await makeClient(await makeAuthority("another CA"), "ann", { keyPair }),
        unlisted: await makeClient(ours, "uma"),
      };
      for (const [kind, client] of Object.entries(bad)) {
        assert.deepEqual(await answers(client), useless(causes[kind as keyof typeof bad]), kind);
      }
    });

    it("tells the service and the log who called, whatever the caller says", async () => {
      const witness = await Witness.start(the().containers().kms, "/who-");
      const forged = { "X-Cybexp-User": "root", "X-Cybexp-Door": "both", X_Cybexp_Client: "root" };
      const credential = the().user("collector");
      const callers = {
        "/who-certificate": { client: kept("ann 1"), credential: undefined },
        "/who-both": { client: kept("ann 1"), credential },
        "/who-password": { credential },
      };
      try {
        for (const [path, caller] of Object.entries(callers)) {
          await the().call("kms", path, { ...caller, headers: forged });
        }
        await sleep(500);
        const ann = [
          ["x-cybexp-client", "ann"],
          ["x-cybexp-door", "certificate"],
          ["x-cybexp-user", "ann"],
        ];
        assert.deepEqual(witness.identities(), {
          "/who-certificate": ann,
          "/who-both": ann,
          "/who-password": [
            ["x-cybexp-door", "password"],
            ["x-cybexp-user", "collector"],
          ],
        });
      } finally {
        await witness.stop();
      }
      await the().call("backend", "/who-backend", { client: kept("ann 1") });
      const serial = new X509Certificate(kept("ann 1").certificate).serialNumber.toLowerCase();
      assert.deepEqual(logged("/who-certificate"), ["ann", "certificate", "ann", "good", serial]);
      assert.deepEqual(logged("/who-password"), ["collector", "password", "", "missing", ""]);
      assert.deepEqual(logged("/who-backend"), ["collector", "both", "ann", "good", serial]);
    });

    /** Who came in, how, as which client, and with which certificate, by the proxy's log. */
    function logged(path: string): (string | undefined)[] {
      const lines = dockerOutput("logs", the().containers().proxy.Id)
        .split("\n")
        .filter((line) => line.includes(`"${path}"`))
        .map((line) => JSON.parse(line) as Record<string, string>);
      assert.equal(lines.length, 1, path);
      const [line] = lines;
      const keys = ["user", "entered_by", "client", "certificate", "certificate_serial"];
      return keys.map((key) => line?.[key]?.toLowerCase());
    }

    it("is what its config says", () => assertNothingToChange(the()));
  });

  describe("a client that is revoked", () => {
    let openssl: OpensslClient;
    let busy: BusyCaller;
    let idle: readonly OpenConnection[];
    let endless: OpenConnection;
    /** When the `up` was done, as of `performance.now()`. */
    let done: number;

    before(async () => {
      openssl = new OpensslClient(the().outputs.serverCa, kept("rob 1"), the().user("collector"));
      for (const door of DOORS) {
        for (const version of VERSIONS) {
          const { handshake, status } = await openssl.save(doorAt(door).port, version);
          assert.deepEqual([handshake, status], ["New", "200"]);
        }
      }
    });
    after(async () => {
      await busy.stop();
      [...idle, endless].forEach((connection) => connection.destroy());
      openssl.remove();
    });

    it("changes the revocation list, the release and no container", async () => {
      busy = new BusyCaller(doorAt("kms"), kept("rob 1"));
      the().project.configure((config) => {
        const clients = config["cybexp:clients"] as { name: string }[];
        config["cybexp:clients"] = clients.map((client) =>
          client.name === "rob" ? { ...client, revoked: true } : client,
        );
      });
      endless = await openEndless(doorAt("kms"), kept("rob 1"));
      idle = await Promise.all(
        [openIdle, openHttp2].map((open) => open(doorAt("kms"), kept("rob 1"))),
      );
      assert.deepEqual(
        idle.map(({ first }) => first),
        [200, 200],
      );
      // The guard keeps in mind that it is for good.
      await rotate(the(), [GUARD, REVOCATIONS, ...RELEASE]);
      done = performance.now();
    });

    it("is refused on fresh connections, also with a good password, and told why", async () => {
      assert.deepEqual(await answers(kept("rob 1")), REVOKED);
    });

    for (const version of VERSIONS) {
      it(`is refused with a session from before: ${version}`, async () => {
        for (const door of DOORS) {
          const { handshake, status, text } = await openssl.replay(doorAt(door).port, version);
          assert.deepEqual([handshake, status], ["New", "403"]);
          assert.match(text, /"certificate":"revoked"/);
        }
      });
    }

    it("is shut out of a connection that it keeps using, before the up is done", async (test) => {
      await busy.stop();
      const { answers } = busy;
      assert.deepEqual([...new Set(answers.map(({ outcome }) => outcome))].slice(0, 1), [200]);
      assert.deepEqual(
        answers.filter(({ at, outcome }) => at > done && outcome !== 403),
        [],
      );
      const last = answers.findLast(({ outcome }) => outcome === 200)?.at ?? Infinity;
      const overlap = last - firstRefused();
      test.diagnostic(`refused ${seconds(done - firstRefused())} before the end of the up`);
      test.diagnostic(`last let in ${seconds(overlap)} after it was refused for the first time`);
      assert.ok(firstRefused() < done);
      // Old workers answer beside new ones for a moment at most.
      assert.ok(overlap < 2000, seconds(overlap));
    });

    const firstRefused = () => busy.answers.find(({ outcome }) => outcome === 403)?.at ?? Infinity;
    const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;

    it("finds its idle connections closed in seconds, also of HTTP/2", async () => {
      const due = firstRefused() + IDLE_SECONDS * 1000;
      for (const { closedAt } of idle) {
        while (closedAt() === undefined && performance.now() < due + 5000) {
          await sleep(100);
        }
        const late = (closedAt() ?? Infinity) - firstRefused();
        // The busy caller may notice a little later than they do.
        assert.ok(late > -2000 && late < IDLE_SECONDS * 1000 + 2000, seconds(late));
      }
    });

    it("has a request in progress cut off after the shutdown timeout", async (test) => {
      const due = firstRefused() + SHUTDOWN_SECONDS * 1000;
      while (endless.closedAt() === undefined && performance.now() < due + 10_000) {
        await sleep(100);
      }
      const late = (endless.closedAt() ?? Infinity) - due;
      test.diagnostic(`cut off ${seconds(late)} after the timeout`);
      assert.ok(late > -3000 && late < 3000, seconds(late));
    });

    it("gets no bundle any more", async () => {
      assert.equal(the().outputs.clients["rob"], undefined);
      const { code, output } = await the().npm("client", "rob");
      assert.notEqual(code, 0);
      assert.match(output, /rob is revoked \(cybexp:clients in Pulumi\.it-[0-9a-f]+\.yaml\)/);
    });

    it("spoils no other client's certificate", async () => {
      assert.deepEqual(await answers(kept("ann 1")), GOOD);
      assert.deepEqual(await answers(kept("cat 1")), GOOD);
    });

    it("leaves nothing to change", () => assertNothingToChange(the()));
  });

  describe("the client authority", () => {
    it("is renewed, and each client gets a new certificate of its key", async () => {
      setRotation(the(), { clientCa: 2 });
      the().watch.start();
      try {
        await rotate(the(), [
          GUARD,
          REVOCATIONS,
          ...RELEASE,
          "create PrivateKey client-ca-2-key",
          "create SelfSignedCert client-ca-2",
          "replace LocallySignedCert client-ann-1",
          "replace LocallySignedCert client-rob-1",
          "update Command client-cat-1",
        ]);
      } finally {
        await the().watch.stop();
      }
      given.set("ann 2", the().client("ann"));
      given.set("cat 2", { ...ownKey("cat"), certificate: certificateOf("cat") });
      for (const name of ["ann", "cat"]) {
        const [old, fresh] = [kept(`${name} 1`), kept(`${name} 2`)].map(
          ({ certificate }) => new X509Certificate(certificate),
        );
        assert.equal(fresh?.subject, old?.subject);
        assert.notEqual(fresh?.fingerprint256, old?.fingerprint256);
        assert.equal(kept(`${name} 1`).privateKey, kept(`${name} 2`).privateKey);
      }
    });

    it("lets old and new certificates in, but none that were revoked", async () => {
      for (const name of ["ann 1", "ann 2", "cat 1", "cat 2"]) {
        assert.deepEqual(await answers(kept(name)), GOOD, name);
      }
      assert.deepEqual(await answers(kept("rob 1")), REVOKED);
      await assertNothingToChange(the());
    });

    it("lets the old ones in no more once it is retired", async () => {
      setRotation(the(), { clientCaRetired: 1 });
      await rotate(the(), [
        REVOCATIONS,
        ...RELEASE,
        "delete PrivateKey client-ca-1-key",
        "delete SelfSignedCert client-ca-1",
      ]);
      for (const name of ["ann", "cat"]) {
        assert.deepEqual(await answers(kept(`${name} 1`)), useless(causes.foreign), name);
        assert.deepEqual(await answers(kept(`${name} 2`)), GOOD, name);
      }
      await assertNothingToChange(the());
    });
  });

  describe("a client's new key", () => {
    const setAnn = (numbers: Readonly<Record<string, number>>) =>
      the().project.configure((config) => {
        config["cybexp:clients"] = (config["cybexp:clients"] as { name: string }[]).map((client) =>
          client.name === "ann" ? { ...client, ...numbers } : client,
        );
      });

    it("comes with a new generation, and the previous one stays valid", async () => {
      setAnn({ generation: 2 });
      await rotate(the(), [
        GUARD,
        ...RELEASE,
        "create PrivateKey client-ann-2-key",
        "create CertRequest client-ann-2-request",
        "create LocallySignedCert client-ann-2",
      ]);
      given.set("ann 3", the().client("ann"));
      assert.notEqual(kept("ann 3").privateKey, kept("ann 2").privateKey);
      for (const name of ["ann 2", "ann 3"]) {
        assert.deepEqual(await answers(kept(name)), GOOD, name);
      }
      await assertNothingToChange(the());
    });

    it("is the only valid one once the previous one is retired", async () => {
      setAnn({ retired: 1 });
      await rotate(the(), [
        GUARD,
        ...RELEASE,
        "delete PrivateKey client-ann-1-key",
        "delete CertRequest client-ann-1-request",
        "delete LocallySignedCert client-ann-1",
      ]);
      assert.deepEqual(await answers(kept("ann 2")), useless(causes.unlisted));
      assert.deepEqual(await answers(kept("ann 3")), GOOD);
      await assertNothingToChange(the());
    });
  });

  it("writes a bundle whose password is nowhere else", async () => {
    // Not into what was heard: it is printed this once.
    const { code, stdout, output } = await the().project.npm("client", "ann");
    assert.equal(code, 0, output);
    const password = /Password of ann\.p12 +(\S+)/.exec(stdout)?.[1];
    assert.match(password ?? "", /^[a-km-np-z2-9]{7}(-[a-km-np-z2-9]{7}){3}$/);
    the().secrets.set("the password of ann.p12", password ?? "");
    const written = join(the().project.dir, "clients", the().project.stack, "ann");
    assert.equal(readFileSync(join(written, "ann.crt"), "utf8"), kept("ann 3").certificate);
    for (const file of ["README.txt", "ann.crt", "ann.key", "ann.pem", "server-ca.crt"]) {
      assert.ok(!readFileSync(join(written, file), "utf8").includes(password ?? ""), file);
    }
    const cat = await the().npm("client", "cat");
    assert.equal(cat.code, 0, cat.output);
    assert.match(cat.output, /It has no cat\.p12:/);
  });

  it("shows no private key anywhere", async () => {
    await the().npm("pulumi", "stack", "output", "--json");
    await the().npm("pulumi", "stack", "export");
    const owners = ["client-ca-1", "client-ca-2", "client-ann-1", "client-rob-1"];
    assertHidden(
      the(),
      owners.map((name) => `${name}-key.privateKeyPem`),
      [["the stack's file", the().project.readStackFile()]],
    );
  });
});
