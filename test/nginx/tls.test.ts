import assert from "node:assert/strict";
import { connect as connectHttp2, type IncomingHttpHeaders } from "node:http2";
import { request as plainRequest } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { after, before, beforeEach, describe, it } from "node:test";
import { type ConnectionOptions, type TLSSocket } from "node:tls";
import { AUTHORITY, make, read, server } from "../authority.ts";
import { call, handshake, raw } from "./client.ts";
import { COLLECTOR, Proxy, SERVER_NAME } from "./proxy.ts";

const BASIC = `Basic ${Buffer.from(COLLECTOR).toString("base64")}`;

describe("TLS at the proxy's doors", () => {
  let proxy: Proxy;
  before(async () => (proxy = await Proxy.start()));
  after(() => proxy.stop());
  beforeEach(() => void proxy.upstream.take());

  /** What a handshake agrees on. */
  const agreed = async (options: ConnectionOptions) => {
    const socket = await handshake(proxy.kms, options);
    const result = { protocol: socket.getProtocol(), cipher: socket.getCipher().standardName };
    socket.destroy();
    return result;
  };
  /** The client offers anything, so that a refusal is the server's. */
  const anything = { minVersion: "TLSv1", ciphers: "ALL:@SECLEVEL=0" } as const;

  describe("protocols and ciphers", () => {
    it("are TLS 1.2 and 1.3", async () => {
      for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
        assert.equal(
          (await agreed({ minVersion: version, maxVersion: version })).protocol,
          version,
        );
      }
      for (const version of ["TLSv1", "TLSv1.1"] as const) {
        await assert.rejects(
          agreed({ ...anything, minVersion: version, maxVersion: version }),
          /alert protocol version/,
        );
      }
    });

    it("are Mozilla's intermediate ones for TLS 1.2", async () => {
      const offer = (ciphers: string) =>
        agreed({ ...anything, maxVersion: "TLSv1.2", ciphers: `${ciphers}:@SECLEVEL=0` });
      for (const [name, standardName] of [
        ["ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"],
        ["ECDHE-ECDSA-AES256-GCM-SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"],
        ["ECDHE-ECDSA-CHACHA20-POLY1305", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"],
      ] as const) {
        assert.equal((await offer(name)).cipher, standardName);
      }
      for (const name of [
        "ECDHE-ECDSA-AES128-SHA256",
        "ECDHE-ECDSA-AES256-SHA",
        "ECDHE-ECDSA-AES128-CCM",
        "AES128-GCM-SHA256",
        "DHE-RSA-AES128-GCM-SHA256",
      ]) {
        await assert.rejects(offer(name), /alert handshake failure/, name);
      }
    });

    it("leave the choice to the client", async () => {
      const [first, second] = ["ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-GCM-SHA256"];
      for (const [ciphers, chosen] of [
        [`${first}:${second}`, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"],
        [`${second}:${first}`, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"],
      ] as const) {
        assert.equal((await agreed({ maxVersion: "TLSv1.2", ciphers })).cipher, chosen);
      }
    });

    it("use the curves that this Nginx was rendered for, and no other", async () => {
      for (const ecdhCurve of proxy.dialect.curves.split(":")) {
        assert.equal((await agreed({ ecdhCurve })).protocol, "TLSv1.3", ecdhCurve);
      }
      for (const ecdhCurve of ["X448", "secp521r1"]) {
        await assert.rejects(agreed({ ecdhCurve }), /alert handshake failure/);
      }
    });

    it("never resume a session, which would outlive a revoked certificate", async () => {
      for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
        const once = async (session?: Buffer) => {
          const socket = await handshake(proxy.kms, {
            minVersion: version,
            maxVersion: version,
            ...(session && { session }),
          });
          let ticket: Buffer | undefined;
          socket.on("session", (data: Buffer) => (ticket = data));
          const state = { reused: socket.isSessionReused(), session: socket.getSession() };
          await exchange(socket);
          return { ...state, ...(ticket && { session: ticket }) };
        };
        const { session } = await once();
        assert.equal((await once(session)).reused, false, version);
      }
    });
  });

  describe("an unknown host name", () => {
    it("gets no handshake, and no certificate", async () => {
      for (const servername of ["evil.example.org", `sub.${SERVER_NAME}`, "localhost"]) {
        await assert.rejects(agreed({ servername }), /unrecognized name/);
      }
    });

    it("gets none either when there is no name at all", async () => {
      const unnamed = { servername: "", checkServerIdentity: () => undefined };
      await assert.rejects(agreed(unnamed), /unrecognized name/);
    });

    it("leaves a line in the log, with the caller's address and the port", async () => {
      // The engine hands out what Nginx wrote a moment later.
      await sleep(500);
      const before = proxy.errorLog();
      await assert.rejects(agreed({ servername: "evil.example.org" }), /unrecognized name/);
      await assert.rejects(agreed({ servername: "", checkServerIdentity: () => undefined }));
      const lines = await proxy.errorLines(before.length, /while SSL handshaking/, 2);
      assert.equal(lines.length, 2, lines.join("\n"));
      for (const line of lines) {
        // By the name of the first listener; another Nginx has other words.
        assert.match(
          line,
          /\[info\].*(handshake rejected|SSL_do_handshake\(\) failed).* while SSL handshaking, client: [\d.]+, server: 0\.0\.0\.0:8441/,
        );
      }
    });

    it("gets 421 in a Host header that differs from the handshake's name", async () => {
      for (const host of ["evil.example.org", `sub.${SERVER_NAME}`, "127.0.0.1"]) {
        const answer = await call(proxy.backend, { auth: COLLECTOR, headers: { Host: host } });
        assert.equal(answer.status, 421);
        assert.deepEqual(
          { ...(JSON.parse(answer.body) as object), request: "" },
          {
            status: 421,
            door: "backend",
            error: "The proxy does not serve this host name.",
            request: "",
          },
        );
      }
      assert.deepEqual(proxy.upstream.take(), []);
    });

    it("does not include the known name with a port, in capitals or in the request line", async () => {
      for (const host of [`${SERVER_NAME}:5002`, SERVER_NAME.toUpperCase()]) {
        assert.equal(
          (await call(proxy.kms, { auth: COLLECTOR, headers: { Host: host } })).status,
          200,
        );
      }
      const head = `Authorization: ${BASIC}\r\nConnection: close\r\n`;
      const absolute = (host: string) =>
        raw(proxy.kms, `GET https://${host}/ HTTP/1.1\r\nHost: ${SERVER_NAME}\r\n${head}\r\n`);
      assert.match(await absolute(SERVER_NAME), /^HTTP\/1\.1 200 /);
      assert.match(await absolute("evil.example.org"), /^HTTP\/1\.1 421 /);
    });
  });

  it("refuses plain HTTP, and redirects nobody: a redirected POST would lose its body", async () => {
    const answer = await new Promise<{ status: number | undefined; location: string | undefined }>(
      (resolve, reject) => {
        plainRequest(
          {
            host: "127.0.0.1",
            port: proxy.kms.port,
            method: "POST",
            headers: { Host: SERVER_NAME },
          },
          (response) => {
            response.resume();
            resolve({ status: response.statusCode, location: response.headers.location });
          },
        )
          .on("error", reject)
          .end("x");
      },
    );
    assert.deepEqual(answer, { status: 400, location: undefined });
    assert.deepEqual(proxy.upstream.take(), []);
  });

  describe("HTTP/2", () => {
    const http2 = (headers: Record<string, string | string[]>, body?: string) =>
      new Promise<{ headers: IncomingHttpHeaders; body: string }>((resolve, reject) => {
        const session = connectHttp2(`https://${SERVER_NAME}:${proxy.kms.port}`, {
          ca: proxy.ca,
          lookup: (_name, _options, found) => found(null, [{ address: "127.0.0.1", family: 4 }]),
        });
        session.on("error", reject);
        const stream = session.request({
          ":method": body === undefined ? "GET" : "POST",
          ":authority": SERVER_NAME,
          ...headers,
        });
        let answer: IncomingHttpHeaders;
        let text = "";
        stream.on("response", (received) => (answer = received));
        stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
        stream.on("error", reject);
        stream.on("end", () => {
          session.close();
          resolve({ headers: answer, body: text });
        });
        stream.end(body);
      });

    it("is served with the same rules", async () => {
      const answer = await http2(
        {
          authorization: BASIC,
          "x-authorization": "Bearer token",
          "x-cybexp-user": "root",
          x_cybexp_user: "root",
        },
        "x".repeat(15_000),
      );
      assert.deepEqual([answer.headers[":status"], answer.body], [200, "up\n"]);
      assert.equal(answer.headers["strict-transport-security"], "max-age=63072000");
      const [received] = proxy.upstream.take();
      assert.ok(received);
      assert.deepEqual([received.method, received.bytes], ["POST", 15_000]);
      const names = received.headers.map(([name, value]) => `${name.toLowerCase()}: ${value}`);
      assert.deepEqual(names.filter((line) => /user|door|authorization|^host/.test(line)).sort(), [
        `host: ${SERVER_NAME}`,
        "x-authorization: Bearer token",
        "x-cybexp-door: password",
        "x-cybexp-user: collector",
      ]);
    });

    it("asks for the password", async () => {
      const answer = await http2({});
      assert.equal(answer.headers[":status"], 401);
      assert.equal((JSON.parse(answer.body) as { status: number }).status, 401);
    });

    it("refuses another authority than the handshake's", async () => {
      const answer = await http2({ authorization: BASIC, ":authority": "evil.example.org" });
      assert.equal(answer.headers[":status"], 421);
      assert.deepEqual(proxy.upstream.take(), []);
    });
  });
});

describe("an RSA and an ECDSA certificate at once", () => {
  const RSA = ["-newkey", "rsa:2048"];
  const NAMES = server(`DNS:${SERVER_NAME}`);
  make("rsa-root", { key: RSA, extensions: AUTHORITY });
  make("ecdsa-root", { extensions: AUTHORITY });
  make("rsa", { by: "rsa-root", key: RSA, extensions: NAMES });
  make("ecdsa", { by: "ecdsa-root", extensions: NAMES });
  const pair = (name: string) => ({
    certificate: read(`${name}.pem`),
    privateKey: read(`${name}.key`),
  });

  /** TLS 1.2 has the kind in the cipher's name, 1.3 in the signature. */
  const CLIENTS: readonly [client: string, offers: ConnectionOptions, shown: "rsa" | "ecdsa"][] = [
    ["an old one that knows RSA only", only12("ECDHE-RSA-AES128-GCM-SHA256"), "rsa"],
    ["an old one that knows ECDSA only", only12("ECDHE-ECDSA-AES128-GCM-SHA256"), "ecdsa"],
    ["one of TLS 1.3 that knows RSA only", only13("rsa_pss_rsae_sha256"), "rsa"],
    ["one of TLS 1.3 that knows ECDSA only", only13("ecdsa_secp256r1_sha256"), "ecdsa"],
    [
      "one that takes both, and ECDSA first",
      only13("ecdsa_secp256r1_sha256:rsa_pss_rsae_sha256"),
      "ecdsa",
    ],
    [
      "one that takes both, and RSA first",
      only13("rsa_pss_rsae_sha256:ecdsa_secp256r1_sha256"),
      "rsa",
    ],
  ];

  for (const order of [
    ["ecdsa", "rsa"],
    ["rsa", "ecdsa"],
  ]) {
    describe(`in the order ${order.join(", ")}`, () => {
      let proxy: Proxy;
      before(async () => (proxy = await Proxy.start({ pairs: order.map(pair) })));
      after(() => proxy.stop());

      for (const [client, offers, shown] of CLIENTS) {
        it(`show ${client} the ${shown.toUpperCase()} one, with its chain`, async () => {
          // It trusts the authority of this kind alone.
          const door = { ...proxy.kms, ca: read(`${shown}-root.pem`) };
          const socket = await handshake(door, offers);
          assert.equal(socket.authorized, true);
          assert.equal(socket.getPeerX509Certificate()?.publicKey.asymmetricKeyType, TYPES[shown]);
          socket.destroy();
        });
      }
    });
  }
});

const TYPES = { rsa: "rsa", ecdsa: "ec" } as const;

function only12(ciphers: string): ConnectionOptions {
  return { maxVersion: "TLSv1.2", ciphers };
}

function only13(sigalgs: string): ConnectionOptions {
  return { minVersion: "TLSv1.3", sigalgs };
}

/** One request, so that whatever the server sends after the handshake has come. */
function exchange(socket: TLSSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.on("error", reject);
    socket.on("data", () => undefined);
    socket.on("close", () => resolve());
    socket.write(`GET / HTTP/1.1\r\nHost: ${SERVER_NAME}\r\nConnection: close\r\n\r\n`);
  });
}
