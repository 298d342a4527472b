/** The names of a door: aliases, wildcards and IP addresses, and callers that say none. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { TLSSocket } from "node:tls";
import { call, type Door, handshake, raw } from "./client.ts";
import { renderCrls } from "../../render/crl.ts";
import { makeAuthority, makeClient } from "./clientPki.ts";
import { COLLECTOR, Proxy } from "./proxy.ts";

const BASIC = `Authorization: Basic ${Buffer.from(COLLECTOR).toString("base64")}`;
const HSTS = "max-age=63072000";

/** What a caller by that name gets: as a browser, which says the same in handshake and Host. */
async function by(door: Door, serverName: string, host = serverName) {
  const { status, headers } = await call(
    { ...door, serverName },
    { auth: COLLECTOR, headers: { Host: host } },
  );
  return [status, headers["strict-transport-security"]];
}

/** What a caller gets that says no name in its handshake, by an IP address and the Host that goes with it. */
async function nameless(door: Door, host: string): Promise<string> {
  const text = `GET / HTTP/1.1\r\nHost: ${host}\r\n${BASIC}\r\nConnection: close\r\n\r\n`;
  return raw(door, text, { servername: "", host: "127.0.0.1" });
}

describe("the names of a door", () => {
  let proxy: Proxy;
  before(async () => {
    proxy = await Proxy.start({
      serverNames: [
        ...["cybexp.example.org", "localhost", "*.apps.example.org", "default"],
        ...["127.0.0.1", "2001:db8::5"],
      ],
    });
  });
  after(() => proxy.stop());

  it("are each served, with HSTS where a browser may be held to it", async () => {
    for (const [name, hsts] of [
      ["cybexp.example.org", HSTS],
      ["CYBEXP.example.org", HSTS],
      ["kapow.apps.example.org", HSTS],
      ["default", HSTS],
      ["localhost", undefined],
    ] as const) {
      assert.deepEqual(await by(proxy.kms, name), [200, hsts], name);
      assert.deepEqual(await by(proxy.backend, name, `${name}:5001`), [200, hsts], name);
    }
  });

  it("have wildcards for one label, as a certificate has them", async () => {
    for (const name of ["apps.example.org", "a.b.apps.example.org", "xapps.example.org"]) {
      await assert.rejects(
        handshake({ ...proxy.kms, serverName: name }),
        /unrecognized name/,
        name,
      );
      assert.deepEqual(await by(proxy.kms, "cybexp.example.org", name), [421, undefined], name);
    }
  });

  it("include IP addresses for callers that send no name, verified by the certificate", async () => {
    const socket: TLSSocket = await handshake(proxy.kms, { servername: "" });
    assert.equal(socket.authorized, true);
    socket.destroy();
    for (const host of ["127.0.0.1", "127.0.0.1:5002", "[2001:db8::5]", "[2001:db8::5]:5002"]) {
      const answer = await nameless(proxy.kms, host);
      assert.match(answer, /^HTTP\/1\.1 200 /, host);
      assert.doesNotMatch(answer, /strict-transport/i, host);
    }
    // A health check of a load balancer, which calls an address and says a name.
    assert.match(await nameless(proxy.kms, "cybexp.example.org"), /^HTTP\/1\.1 200 /);
  });

  it("exclude all others, in the handshake and in the request", async () => {
    await assert.rejects(
      handshake({ ...proxy.kms, serverName: "evil.example.org" }),
      /unrecognized name/,
    );
    void proxy.upstream.take();
    for (const host of ["127.0.0.2", "evil.example.org", "[2001:db8::6]"]) {
      assert.match(await nameless(proxy.kms, host), /^HTTP\/1\.1 421 /, host);
    }
    assert.deepEqual(proxy.upstream.take(), []);
  });

  it("leave a line in the log for a caller that uses another one", async () => {
    const { length } = proxy.errorLog();
    await assert.rejects(handshake({ ...proxy.kms, serverName: "evil.example.org" }));
    const lines = await proxy.errorLines(length, /while SSL handshaking/, 1);
    assert.equal(lines.length, 1, lines.join("\n"));
  });
});

describe("the names of a door that asks for certificates", () => {
  let proxy: Proxy;
  before(async () => {
    const authority = await makeAuthority("client CA 1");
    const ann = await makeClient(authority, "ann");
    const revocations = await renderCrls({
      ...{ authorities: [authority], revoked: [], previous: "", now: new Date() },
    });
    proxy = await Proxy.start({
      serverNames: ["cybexp.example.org", "127.0.0.1"],
      access: { kms: "certificate", backend: "both" },
      clients: [ann.listed],
      clientFiles: { "client-ca.crt": authority.certificate, "client-ca.crl": revocations },
    });
  });
  after(() => proxy.stop());

  it("refuse callers without a certificate that send no name", async () => {
    for (const host of ["127.0.0.1", "cybexp.example.org"]) {
      assert.match(await nameless(proxy.kms, host), /^HTTP\/1\.1 403 /, host);
      assert.match(await nameless(proxy.backend, host), /^HTTP\/1\.1 403 /, host);
    }
  });
});

describe("a door without HSTS", () => {
  let proxy: Proxy;
  before(async () => (proxy = await Proxy.start({ hsts: false })));
  after(() => proxy.stop());

  it("sends no HSTS header", async () => {
    assert.deepEqual(await by(proxy.kms, proxy.kms.serverName), [200, undefined]);
  });
});
