/** Doors that ask for client certificates, in a real Nginx. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { Agent } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { type Authority, SIGNING, signingKey } from "../../render/authorityKey.ts";
import { renderCrls } from "../../render/crl.ts";
import type { NginxAccess } from "../../render/nginxClients.ts";
import { X509Certificate, X509CrlGenerator } from "../../render/x509.ts";
import { type Answer, call, type Call, type ClientKey, type Door, raw } from "./client.ts";
import { makeAuthority, makeClient, type MadeClient } from "./clientPki.ts";
import { COLLECTOR, Proxy, SERVER_NAME } from "./proxy.ts";

const BASIC = `Basic ${Buffer.from(COLLECTOR).toString("base64")}`;

const authority = await makeAuthority("client CA 1");
const make = (name: string, options?: Parameters<typeof makeClient>[2]) =>
  makeClient(authority, name, options);

const ann = await make("ann");
const rob = await make("rob", { revoked: true });
const lists = (authorities: readonly Authority[], revoked: readonly MadeClient[]) =>
  renderCrls({
    authorities,
    revoked: revoked.map(({ certificate }) => certificate),
    previous: "",
    now: new Date(),
  });

/** Every kind of certificate that a caller may come with. */
const presented = {
  missing: undefined,
  good: ann,
  // The one before it of the same key and name, as after a renewal, or by another `up`.
  renewed: await make("ann", { keyPair: ann.keyPair }),
  expired: await make("ann", { keyPair: ann.keyPair, begins: -5 }),
  early: await make("ann", { keyPair: ann.keyPair, begins: 1 }),
  foreign: await makeClient(await makeAuthority("another CA"), "ann", { keyPair: ann.keyPair }),
  // By an authority that calls itself as ours does.
  forged: await makeClient(await makeAuthority("client CA 1"), "ann", { keyPair: ann.keyPair }),
  revoked: rob,
  // Signed before or after the one that is on the revocation list.
  "revoked by name": await make("rob", { keyPair: rob.keyPair }),
  "revoked and expired": await make("rob", { keyPair: rob.keyPair, begins: -5 }),
  unlisted: await make("uma"),
  // The same name with another key, and with the number of another generation.
  "unlisted key": await make("ann"),
  "unlisted generation": await make("ann", { keyPair: ann.keyPair, generation: 2 }),
} as const;
type Presented = keyof typeof presented;

const clients = [ann.listed, rob.listed];
const clientFiles = {
  "client-ca.crt": authority.certificate,
  "client-ca.crl": await lists([authority], [rob]),
};

/** What an answer comes to: who came in, by which door and with whose certificate; or why not. */
type Outcome = string;

const BY_PASSWORD = "in: collector, password, ";
const BY_CERTIFICATE = "in: ann, certificate, ann";
const ASKED = "401: password";

/** What is due without a password, with a wrong one and with a right one. */
const due: Record<NginxAccess, Record<Presented, readonly [Outcome, Outcome, Outcome]>> = {
  password: every(() => [ASKED, ASKED, BY_PASSWORD]),
  certificate: every((kind) =>
    isGood(kind)
      ? [BY_CERTIFICATE, BY_CERTIFICATE, BY_CERTIFICATE]
      : [refused(kind), refused(kind), refused(kind)],
  ),
  either: every((kind) => {
    if (isGood(kind)) {
      return [BY_CERTIFICATE, BY_CERTIFICATE, BY_CERTIFICATE];
    }
    return wordOf(kind) === "revoked"
      ? [refused(kind), refused(kind), refused(kind)]
      : [ASKED, ASKED, BY_PASSWORD];
  }),
  both: every((kind) =>
    isGood(kind)
      ? [ASKED, ASKED, "in: collector, both, ann"]
      : [refused(kind), refused(kind), refused(kind)],
  ),
};

function every<T>(value: (kind: Presented) => T): Record<Presented, T> {
  const kinds = Object.keys(presented) as Presented[];
  return Object.fromEntries(kinds.map((kind) => [kind, value(kind)])) as Record<Presented, T>;
}

function isGood(kind: Presented): boolean {
  return kind === "good" || kind === "renewed";
}

function wordOf(kind: Presented): string {
  return kind === "forged" ? "foreign" : (kind.split(" ")[0] ?? "");
}

function refused(kind: Presented): Outcome {
  return `403: ${wordOf(kind)}`;
}

const causes: Readonly<Record<string, string>> = {
  missing: "none was presented",
  expired: "the one presented has expired",
  early: "the one presented is not valid yet",
  foreign: "the one presented is not by an authority that is trusted here",
  unlisted: "the one presented is not listed: its client was removed, or has a newer one",
  revoked: "the one presented is revoked",
  unverifiable: "the proxy's revocation list is out of date, which its operator must mend",
};

const passwords = { none: undefined, wrong: "collector:wrong", right: COLLECTOR } as const;

for (const access of [
  { kms: "password", backend: "certificate" },
  { kms: "either", backend: "both" },
] as const) {
  describe(`doors of ${access.kms} and ${access.backend}`, () => {
    let proxy: Proxy;
    before(async () => (proxy = await Proxy.start({ access, clients, clientFiles })));
    after(() => proxy.stop());
    beforeEach(() => void proxy.upstream.take());

    const outcome = (answer: Answer, name: "kms" | "backend"): Outcome => {
      const received = proxy.upstream.take();
      if (answer.status === 200) {
        const [{ headers } = { headers: [] }, ...more] = received;
        assert.deepEqual([answer.body, more], ["up\n", []]);
        const told = Object.fromEntries(headers) as Record<string, string>;
        return `in: ${["User", "Door", "Client"].map((what) => told[`X-Cybexp-${what}`] ?? "").join(", ")}`;
      }
      assert.deepEqual(received, [], "nothing reaches the service");
      assert.equal(answer.headers["content-type"], "application/json");
      assert.equal(answer.headers["strict-transport-security"], "max-age=63072000");
      const body = JSON.parse(answer.body) as Record<string, string>;
      assert.deepEqual(
        [body["status"], body["door"], body["request"]],
        [answer.status, name, answer.headers["x-request-id"]],
      );
      if (answer.status === 401) {
        assert.equal(answer.headers["www-authenticate"], 'Basic realm="CYBEX-P", charset="UTF-8"');
        return ASKED;
      }
      assert.equal(answer.headers["www-authenticate"], undefined);
      const word = body["certificate"] ?? "";
      assert.equal(body["error"], `The proxy asks for a client certificate: ${causes[word]}.`);
      return `${answer.status}: ${word}`;
    };

    for (const name of ["kms", "backend"] as const) {
      for (const [kind, outcomes] of Object.entries(due[access[name]])) {
        it(`${access[name]}: ${kind} certificate`, async () => {
          const client = presented[kind as Presented];
          for (const [index, auth] of Object.values(passwords).entries()) {
            const answer = await call(proxy[name], {
              ...(client && { client }),
              ...(auth !== undefined && { auth }),
              method: "POST",
              body: "x",
            });
            assert.equal(outcome(answer, name), outcomes[index], `password ${index}`);
          }
        });
      }
    }

    it("log who came in, and how, as they tell the service", async () => {
      for (const name of ["kms", "backend"] as const) {
        const answer = await call(proxy[name], { auth: COLLECTOR, client: ann, path: "/log" });
        const [user, door, client] = outcome(answer, name).replace("in: ", "").split(", ");
        const line = await proxy.logged(answer.headers["x-request-id"]);
        assert.deepEqual(
          [line["user"], line["entered_by"], line["client"], line["door"], line["status"]],
          [user, door, client, name, "200"],
        );
        if (access[name] !== "password") {
          const { serialNumber } = new X509Certificate(ann.certificate);
          assert.deepEqual(
            [line["certificate"], String(line["certificate_serial"]).toLowerCase()],
            ["good", serialNumber],
          );
        }
      }
    });

    it("tell the service nothing that the caller made up", async () => {
      const forged = {
        "X-Cybexp-User": ["root", "admin"],
        "x-cybexp-door": ["both", "both"],
        "X-Cybexp-Client": "root",
        X_Cybexp_User: "root",
        X_Cybexp_Door: "both",
        "X-Cybexp_Client": "root",
        "X-Ssl-Client-Verify": "SUCCESS",
        "Ssl-Client-S-Dn": ann.listed.subject,
        Connection: "close, X-Cybexp-User, X-Cybexp-Door, X-Cybexp-Client",
      };
      for (const name of ["kms", "backend"] as const) {
        const answer = await call(proxy[name], { headers: forged, auth: COLLECTOR, client: ann });
        assert.equal(answer.status, 200);
        const [received] = proxy.upstream.take();
        const identity = (received?.headers ?? [])
          .map(([key, value]) => [key.toLowerCase().replaceAll("_", "-"), value])
          .filter(([key]) => key?.startsWith("x-cybexp-"));
        const [user, door, client = ""] = (due[access[name]].good[2] ?? "").slice(4).split(", ");
        assert.deepEqual(identity.sort(), [
          ...(client === "" ? [] : [["x-cybexp-client", client]]),
          ["x-cybexp-door", door],
          ["x-cybexp-user", user],
        ]);
        // And a name in the headers opens nothing.
        const { status } = await call(proxy[name], { headers: forged });
        assert.ok([401, 403].includes(status));
        assert.deepEqual(proxy.upstream.take(), []);
      }
    });
  });
}

describe("a door that takes either", () => {
  let proxy: Proxy;
  before(
    async () =>
      (proxy = await Proxy.start({
        access: { kms: "either", backend: "certificate" },
        clients,
        clientFiles,
      })),
  );
  after(() => proxy.stop());
  beforeEach(() => void proxy.upstream.take());

  const request: Call = { auth: COLLECTOR, client: presented.expired };

  for (const [what, client] of [
    ["a good certificate", ann],
    ["an expired one and a password", presented.expired],
    ["none and a password", undefined],
  ] as const) {
    it(`passes on the very request with ${what}`, async () => {
      const body = Buffer.alloc(60_000, "0123456789");
      const answer = await call(proxy.kms, {
        auth: COLLECTOR,
        ...(client && { client }),
        method: "PUT",
        path: "/a//b%2Fc%3Fd/../e%20?x=1%20&y=%2F",
        headers: { "X-Authorization": "Bearer token", Expect: "100-continue" },
        body,
      });
      assert.equal(answer.status, 200);
      const [received] = proxy.upstream.take();
      assert.ok(received);
      assert.deepEqual(
        [received.method, received.url, received.sha256],
        [
          "PUT",
          "/a//b%2Fc%3Fd/../e%20?x=1%20&y=%2F",
          createHash("sha256").update(body).digest("hex"),
        ],
      );
      const headers = Object.fromEntries(received.headers);
      assert.equal(headers["X-Authorization"], "Bearer token");
      assert.equal(headers["Authorization"], undefined);
    });

    it(`looks at the body's size with ${what}`, async () => {
      const large = await call(proxy.kms, {
        auth: COLLECTOR,
        ...(client && { client }),
        method: "POST",
        body: Buffer.alloc(65_537),
      });
      assert.deepEqual(
        [large.status, (JSON.parse(large.body) as { error: string }).error],
        [413, "The body is larger than the proxy takes for this service."],
      );
      assert.deepEqual(proxy.upstream.take(), []);
    });
  }

  it("says what is wrong with the certificate where it asks for a password", async () => {
    for (const [kind, word] of [
      ["missing", "missing"],
      ["expired", "expired"],
      ["early", "early"],
      ["foreign", "foreign"],
      ["unlisted", "unlisted"],
    ] as const) {
      const client = presented[kind];
      const answer = await call(proxy.kms, { ...(client && { client }) });
      assert.equal(
        (JSON.parse(answer.body) as { error: string }).error,
        `The proxy asks for a user name and password (HTTP basic authentication) or a client certificate: ${causes[word]}.`,
      );
    }
  });

  it("refuses everything else in JSON as the other doors do, whatever the certificate", async () => {
    for (const client of [ann, presented.expired]) {
      for (const [path, status, headers] of [
        ["/.refused", 404, {}],
        ["/die", 502, {}],
        [`/${"x".repeat(40_000)}`, 414, {}],
        ["/", 431, { "X-Authorization": "x".repeat(40_000) }],
        ["/", 421, { Host: "evil.example.org" }],
      ] as const) {
        const answer = await call(proxy.kms, { ...request, client, path, headers });
        // A caller with a password gets the text of a page that only Nginx itself may lead to.
        const expected = path === "/.refused" && client !== ann ? 200 : status;
        assert.equal(answer.status, expected, path.slice(0, 20));
        assert.equal(answer.headers["content-type"], "application/json");
        assert.equal((JSON.parse(answer.body) as { door: string }).door, "kms");
      }
    }
  });

  it("passes the service's own refusal on", async () => {
    for (const client of [ann, presented.expired]) {
      const answer = await call(proxy.kms, { ...request, client, path: "/401" });
      assert.deepEqual(
        [answer.status, answer.body, answer.headers["www-authenticate"]],
        [401, '{"msg":"Missing X-Authorization Header"}', undefined],
      );
    }
  });

  it("takes no password twice, and no second request on what a certificate opened", async () => {
    const head = `GET / HTTP/1.1\r\nHost: ${SERVER_NAME}\r\n`;
    const twice = `${head}Authorization: ${BASIC}\r\nAuthorization: ${BASIC}\r\nConnection: close\r\n\r\n`;
    assert.match(await raw(proxy.kms, twice), /^HTTP\/1\.1 400 /);
    const { certificate: cert, privateKey: key } = presented.expired;
    // Nginx refuses the certificate on each request, and closes the connection with the first.
    const answers = await raw(proxy.kms, `${head}\r\n${head}\r\n`, { cert, key });
    assert.equal(answers.match(/^HTTP\/1\.1 /gm)?.length, 1);
    assert.match(answers, /^HTTP\/1\.1 401 /);
  });

  it("does the same over HTTP/2", async () => {
    const ask = (client: ClientKey | undefined, headers: Record<string, string>) =>
      new Promise<number>((resolve, reject) => {
        const session = connectHttp2(`https://${SERVER_NAME}:${proxy.kms.port}`, {
          ca: proxy.ca,
          ...(client && { cert: client.certificate, key: client.privateKey }),
          lookup: (_name, _options, found) => found(null, [{ address: "127.0.0.1", family: 4 }]),
        });
        session.on("error", reject);
        const stream = session.request({ ":authority": SERVER_NAME, ...headers });
        stream.on("response", (received) => {
          session.close();
          resolve(Number(received[":status"]));
        });
        stream.on("error", reject);
        stream.resume().end();
      });
    const password = { authorization: BASIC, "x-cybexp-user": "root", "x-cybexp-door": "both" };
    const told = () => {
      const headers = proxy.upstream.take()[0]?.headers ?? [];
      return headers
        .filter(([key]) => /^x.cybexp/i.test(key))
        .map(([key, value]) => `${key.toLowerCase()}: ${value}`)
        .sort();
    };
    assert.equal(await ask(ann, password), 200);
    assert.deepEqual(told(), [
      "x-cybexp-client: ann",
      "x-cybexp-door: certificate",
      "x-cybexp-user: ann",
    ]);
    assert.equal(await ask(presented.expired, password), 200);
    assert.deepEqual(told(), ["x-cybexp-door: password", "x-cybexp-user: collector"]);
    assert.equal(await ask(presented.expired, {}), 401);
    assert.equal(await ask(rob, password), 403);
    assert.deepEqual(told(), []);
  });
});

describe("a certificate that is revoked", () => {
  let proxy: Proxy;
  let folder: string;
  const fresh = { clients: [ann.listed, { ...rob.listed, revoked: false }] };
  let release = 0;

  /** Lets the client in, or shuts it out, as a delivery does. */
  const deliver = async (revoked: boolean) => {
    const name = `r${(release += 1)}`;
    proxy.writeRelease(name, {
      ...(revoked ? { clients } : fresh),
      clientFiles: {
        ...clientFiles,
        "client-ca.crl": await lists([authority], revoked ? [rob] : []),
      },
    });
    await proxy.reload(name);
  };
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "cybexp-test-sessions-"));
    for (const [name, content] of Object.entries({
      "rob.crt": rob.certificate,
      "rob.key": rob.privateKey,
    })) {
      writeFileSync(join(folder, name), content, { mode: 0o600 });
    }
    proxy = await Proxy.start({
      access: { kms: "certificate", backend: "either" },
      ...fresh,
      clientFiles: { ...clientFiles, "client-ca.crl": await lists([authority], []) },
    });
    writeFileSync(join(folder, "ca.crt"), proxy.ca);
  });
  after(async () => {
    await proxy.stop();
    rmSync(folder, { recursive: true });
  });

  /** A request by OpenSSL, which keeps its session in a file, or comes with one that it kept. */
  const openssl = async (door: Door, version: string, session: string[]) => {
    const running = promisify(execFile)(
      "openssl",
      [
        ...["s_client", "-connect", `127.0.0.1:${door.port}`, "-servername", SERVER_NAME, version],
        ...["-CAfile", join(folder, "ca.crt"), "-verify_return_error", "-ign_eof"],
        ...["-cert", join(folder, "rob.crt"), "-key", join(folder, "rob.key"), ...session],
      ],
      { timeout: 20_000 },
    );
    running.child.stdin?.end(
      `GET / HTTP/1.1\r\nHost: ${SERVER_NAME}\r\nAuthorization: ${BASIC}\r\nConnection: close\r\n\r\n`,
    );
    const { stdout } = await running;
    return {
      handshake: /^(New|Reused), /m.exec(stdout)?.[1],
      status: /HTTP\/1\.1 (\d+)/.exec(stdout)?.[1],
      body: stdout,
    };
  };

  for (const version of ["-tls1_2", "-tls1_3"]) {
    it(`is refused with a saved session as well: ${version.slice(1)}`, async () => {
      await deliver(false);
      for (const name of ["kms", "backend"] as const) {
        const file = join(folder, `session${version}-${name}`);
        const first = await openssl(proxy[name], version, ["-sess_out", file]);
        assert.deepEqual([first.handshake, first.status], ["New", "200"]);
      }
      await deliver(true);
      for (const name of ["kms", "backend"] as const) {
        const file = join(folder, `session${version}-${name}`);
        // TLS 1.3 gives none where there are no tickets: then there is nothing to come back with.
        const saved = existsSync(file) ? ["-sess_in", file] : [];
        const replay = await openssl(proxy[name], version, saved);
        assert.deepEqual([replay.handshake, replay.status], ["New", "403"]);
        assert.match(replay.body, /"certificate":"revoked"/);
      }
    });
  }

  it("is shut out of open connections by the reload", async () => {
    await deliver(false);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ask = () => call(proxy.kms, { agent, client: rob }).then(({ status }) => status);
    assert.deepEqual([await ask(), await ask()], [200, 200]);

    // It goes on calling all the while, on the connection that it has.
    const answers: { at: number; status: number | string }[] = [];
    let calling = true;
    const caller = (async () => {
      while (calling) {
        const at = performance.now();
        answers.push({ at, status: await ask().catch((error: Error) => error.message) });
        await sleep(20);
      }
    })();
    await deliver(true);
    const delivered = performance.now();
    await sleep(1000);
    calling = false;
    await caller;
    agent.destroy();
    const late = answers.filter(({ at, status }) => at > delivered + 500 && status !== 403);
    assert.deepEqual(late, []);
    assert.equal(answers.at(-1)?.status, 403);
    assert.equal(answers[0]?.status, 200);
  });

  it("leaves every other client's valid", async () => {
    await deliver(true);
    assert.equal((await call(proxy.kms, { client: ann })).status, 200);
    assert.equal((await call(proxy.backend, { client: ann })).status, 200);
  });
});

describe("a client authority", () => {
  let proxy: Proxy;
  let next: Authority;
  let annNext: MadeClient;
  before(async () => {
    next = await makeAuthority("client CA 2");
    annNext = await makeClient(next, "ann", { keyPair: ann.keyPair });
    proxy = await Proxy.start({
      access: { kms: "certificate", backend: "either" },
      clients,
      clientFiles,
    });
  });
  after(() => proxy.stop());

  const statuses = async () =>
    Promise.all(
      [ann, annNext, rob].map(async (client) => (await call(proxy.kms, { client })).status),
    );
  const deliver = async (release: string, authorities: readonly Authority[], crl?: string) => {
    proxy.writeRelease(release, {
      clientFiles: {
        "client-ca.crt": authorities.map(({ certificate }) => certificate).join(""),
        "client-ca.crl": crl ?? (await lists(authorities, [rob])),
      },
    });
    await proxy.reload(release);
  };

  it("is followed by the next: both are valid in the overlap, and then only the next", async () => {
    assert.deepEqual(await statuses(), [200, 403, 403]);
    await deliver("both", [next, authority]);
    assert.deepEqual(await statuses(), [200, 200, 403]);
    await deliver("next", [next]);
    assert.deepEqual(await statuses(), [403, 200, 403]);
    const answer = await call(proxy.kms, { client: ann });
    assert.match(answer.body, /"certificate":"foreign"/);
  });

  it("lets no certificate in with yesterday's revocation list, and says so", async () => {
    const certificate = new X509Certificate(authority.certificate);
    const stale = await X509CrlGenerator.create({
      issuer: certificate.subjectName,
      thisUpdate: new Date(Date.now() - 86_400_000),
      nextUpdate: new Date(Date.now() - 3_600_000),
      signingAlgorithm: SIGNING,
      signingKey: await signingKey(authority),
    });
    const pem = `-----BEGIN X509 CRL-----\n${stale.toString("base64")}\n-----END X509 CRL-----\n`;
    await deliver("stale", [authority], pem);
    for (const [door, auth] of [
      [proxy.kms, undefined],
      [proxy.backend, undefined],
      [proxy.backend, COLLECTOR],
    ] as const) {
      const answer = await call(door, { client: ann, ...(auth !== undefined && { auth }) });
      assert.equal(answer.status, 403);
      const { certificate: word, error } = JSON.parse(answer.body) as Record<string, string>;
      assert.deepEqual(
        [word, error],
        ["unverifiable", `The proxy asks for a client certificate: ${causes["unverifiable"]}.`],
      );
    }
    assert.equal((await call(proxy.backend, { auth: COLLECTOR })).status, 200);
  });
});
