import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { describe, it } from "node:test";
import { rootCertificates } from "node:tls";
import { parse } from "yaml";
import { call, callHttp2, handshake } from "../client.ts";
import type { Deployed, Door } from "./deployed.ts";

const DOORS: readonly Door[] = ["kms", "backend"];
const MIB = 1024 * 1024;
/** With the field names around it, a document of MongoDB's 16 MiB. */
const LARGEST = 16 * MIB - 1024;

export function passwords(the: () => Deployed): void {
  for (const door of DOORS) {
    it(`${door}: up, for every user with the password`, async () => {
      assert.deepEqual(Object.keys(the().outputs.users).sort(), ["analyst", "collector"]);
      for (const name of Object.keys(the().outputs.users)) {
        const credential = the().user(name);
        assert.equal(credential.user, name);
        assert.match(credential.password, /^[A-Za-z0-9]{32}$/);
        const answer = await the().call(door, "/", { credential });
        assert.equal(answer.status, 200);
        assert.equal(answer.text.trim(), "up");
      }
    });

    it(`${door}: 401 without a password and with a wrong one`, async () => {
      const { user, password } = the().user("collector");
      const strangers = [
        undefined,
        { user, password: "" },
        { user, password: `${password}x` },
        { user, password: password.slice(0, -1) },
        { user, password: the().user("analyst").password },
        { user: "nobody", password },
      ];
      for (const credential of strangers) {
        const answer = await the().call(door, "/", { credential });
        assert.equal(answer.status, 401);
        assert.equal(answer.headers["www-authenticate"], 'Basic realm="CYBEX-P", charset="UTF-8"');
        assert.doesNotMatch(answer.text, /up/);
      }
    });
  }
}

export function tls(the: () => Deployed): void {
  const port = (door: Door) => the().project.ports[door];

  it("shows a certificate that nothing but serverCa vouches for", async () => {
    for (const door of DOORS) {
      const credential = the().user("collector");
      for (const ca of [rootCertificates[0], undefined]) {
        await assert.rejects(call(the().url(door), { ...(ca && { ca }), credential }), {
          code: /^(SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT_LOCALLY)$/,
        });
      }
    }
  });

  it("speaks TLS 1.2 and 1.3, and nothing older", async () => {
    for (const door of DOORS) {
      const attempt = (version: "TLSv1" | "TLSv1.1" | "TLSv1.2" | "TLSv1.3") =>
        handshake(port(door), {
          ca: the().outputs.serverCa,
          servername: "localhost",
          minVersion: version,
          maxVersion: version,
          // This side would refuse to offer the old ones otherwise.
          ciphers: "DEFAULT:@SECLEVEL=0",
        });
      assert.equal((await attempt("TLSv1.3")).protocol, "TLSv1.3");
      assert.equal((await attempt("TLSv1.2")).protocol, "TLSv1.2");
      const refusal = "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION";
      assert.equal((await attempt("TLSv1.1")).error, refusal);
      assert.equal((await attempt("TLSv1")).error, refusal);
    }
  });

  it("refuses every host name but its own", async () => {
    for (const door of DOORS) {
      for (const servername of ["example.org", "localhost.example.org", ""]) {
        const { error } = await handshake(port(door), { servername, rejectUnauthorized: false });
        assert.equal(error, "ERR_SSL_TLSV1_UNRECOGNIZED_NAME", servername);
      }
    }
  });

  it("refuses a Host that is not the name of the handshake", async () => {
    const answer = await the().call("kms", "/", { headers: { Host: "example.org" } });
    assert.equal(answer.status, 421);
  });

  it("speaks HTTP/2 and HTTP/1.1", async () => {
    const { serverCa } = the().outputs;
    for (const door of DOORS) {
      const offer = (...ALPNProtocols: string[]) =>
        handshake(port(door), { ca: serverCa, servername: "localhost", ALPNProtocols });
      assert.equal((await offer("h2", "http/1.1")).alpn, "h2");
      assert.equal((await offer("http/1.1")).alpn, "http/1.1");
      assert.equal(await callHttp2(the().url(door), serverCa, the().user("analyst")), 200);
    }
  });

  it("answers plain HTTP with an error, and never with a redirect, which loses a POST's body", async () => {
    for (const door of DOORS) {
      const answer = await call(`http://localhost:${port(door)}/`, { body: "record" });
      assert.equal(answer.status, 400);
      assert.equal(answer.headers["location"], undefined);
    }
  });
}

export function tokens(the: () => Deployed): void {
  it("lets the token of a module's configuration in, beside the password", async () => {
    for (const user of ["collector", "analyst"]) {
      const answer = await the().call("kms", "/user/me", {
        credential: the().user(user),
        headers: { "X-Authorization": `Bearer ${the().token(user)}` },
      });
      assert.equal(answer.status, 200, answer.text);
      assert.deepEqual(JSON.parse(answer.text), { logged_in_as: user });
    }
  });

  it("does not take the token for the password, nor the password for the token", async () => {
    const headers = { "X-Authorization": `Bearer ${the().token("collector")}` };
    const withToken = await the().call("kms", "/user/me", { credential: undefined, headers });
    assert.equal(withToken.status, 401);
    assert.match(withToken.text, /The proxy asks for/);
    const withPassword = await the().call("kms", "/user/me");
    assert.equal(withPassword.status, 401);
    assert.match(withPassword.text, /Missing X-Authorization Header/);
  });

  it("gives each user a complete config.yaml", () => {
    const { moduleConfig, kmsUrl, backendUrl } = the().outputs;
    assert.deepEqual(Object.keys(moduleConfig).sort(), ["analyst", "collector"]);
    for (const [user, text] of Object.entries(moduleConfig)) {
      const config = parse(text) as Record<string, unknown>;
      assert.deepEqual(Object.keys(config), [
        "kms_access_key",
        "basic_auth",
        "kms",
        "backend_server",
        "web_conn_listen",
        "enc_worker_threads",
        "policy",
        "debug",
        "key_files",
      ]);
      assert.deepEqual(config["basic_auth"], { user, pass: the().user(user).password });
      assert.deepEqual(config["kms"], { url: kmsUrl });
      assert.deepEqual(config["backend_server"], { url: backendUrl, max_post_retries: 5 });
    }
  });
}

/** Stores the records, for the tests that look for them later. */
export function bodies(the: () => Deployed, stored: Map<string, Buffer>): void {
  describe("bodies", () => {
    const sizes = { "15 kB": 15_000, "16 MiB": LARGEST };
    for (const [name, size] of Object.entries(sizes)) {
      it(`the Backend takes a record of ${name}, and gives it back byte for byte`, async () => {
        const body = randomBytes(size);
        const answer = await the().call("backend", "/add/enc-data", { body });
        assert.equal(answer.status, 201, answer.text);
        stored.set(name, body);
        await assertStored(the(), body);
      });
    }

    it("the Backend takes no record of 18 MiB", async () => {
      const answer = await the().call("backend", "/add/enc-data", { body: randomBytes(18 * MIB) });
      assert.equal(answer.status, 413);
    });

    it("the KMS takes 60 kB, and not 65 kB", async () => {
      const headers = { "Content-Type": "application/json" };
      const login = (size: number) =>
        the().call("kms", "/login", { body: "x".repeat(size), headers });
      assert.equal((await login(60_000)).status, 400);
      assert.equal((await login(66_000)).status, 413);
    });
  });
}

/** The Backend gives a record back by its digest, byte for byte. */
export async function assertStored(the: Deployed, body: Buffer): Promise<void> {
  const sha256 = createHash("sha256").update(body).digest("hex");
  const answer = await the.call("backend", "/query", { body: JSON.stringify({ sha256 }) });
  assert.equal(answer.status, 200, answer.text.slice(0, 200));
  assert.ok(answer.body.equals(body), "the record is the same, byte for byte");
}
