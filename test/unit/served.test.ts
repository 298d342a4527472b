/** What a caller is shown: the end of the certificate, whoever vouches for it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { createServer, type TlsOptions } from "node:tls";
import type { Outside } from "../../programs/smoke/outside.ts";
import { servedCertificates } from "../../programs/smoke/served.ts";
import { certificateEnd } from "../../render/certificateEnds.ts";
import { issue, makeAuthority } from "./pki.ts";

const authority = await makeAuthority("ca");
const leaf = (notAfter: Date) => issue(authority, "localhost", { usage: "server", notAfter });

async function serve(t: TestContext, options: TlsOptions): Promise<number> {
  const server = createServer(options, (socket) => socket.end());
  server.on("tlsClientError", () => undefined);
  t.after(() => server.close());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

const input = (changes: Partial<Outside>): Outside => ({
  deployment: "0123",
  labels: "cybexp",
  serverName: "localhost",
  serverNames: [],
  serverCa: authority.certificate,
  credential: { user: "u", password: "p" },
  doors: [],
  databases: [],
  listeners: [],
  ...changes,
});
const door = (port: number) => ({ name: "kms", port, access: "password" as const });

describe("the certificate that is served", () => {
  it("is seen although it has ended, and though nobody trusts it", async (t) => {
    const pair = await leaf(new Date(Date.now() - 60_000));
    const port = await serve(t, { cert: pair.certificate, key: pair.privateKey });
    const [one, ...more] = await servedCertificates(input({ doors: [door(port)] }), undefined);
    assert.deepEqual(more, []);
    assert.equal(one?.name, "proxy");
    assert.equal(one.listener, `localhost:${port}`);
    assert.equal(one.notAfter, certificateEnd(pair.certificate));
  });

  it("is seen where a client's certificate is asked for, at Kapow!'s own port too", async (t) => {
    const pair = await leaf(new Date(Date.now() + 60_000));
    const port = await serve(t, {
      cert: pair.certificate,
      key: pair.privateKey,
      ca: authority.certificate,
      requestCert: true,
      rejectUnauthorized: true,
    });
    const listeners = [{ role: "kapow", address: "127.0.0.1", port }];
    const served = await servedCertificates(input({ listeners }), "localhost");
    assert.deepEqual(
      served.map(({ name, notAfter }) => [name, notAfter]),
      [["kapow", certificateEnd(pair.certificate)]],
    );
    assert.deepEqual(await servedCertificates(input({ listeners }), undefined), []);
  });

  it("is asked for by the name, at the proxy's own address where the name leads nowhere", async (t) => {
    const pair = await leaf(new Date(Date.now() + 60_000));
    const port = await serve(t, { cert: pair.certificate, key: pair.privateKey });
    const serverName = "nowhere.invalid";
    const listeners = [{ role: "proxy", address: "127.0.0.1", port }];
    const doors = [door(port)];
    const near = await servedCertificates(input({ serverName, doors, listeners }), undefined);
    assert.deepEqual(
      near.map(({ listener }) => listener),
      [`nowhere.invalid:${port}`],
    );
    const far = { serverName, doors, listeners, dockerHost: "ssh://a@b" };
    assert.deepEqual(await servedCertificates(input(far), undefined), []);
  });

  it("is left out where nobody answers", async (t) => {
    const closed = createServer().listen(0, "127.0.0.1");
    await once(closed, "listening");
    const { port } = closed.address() as AddressInfo;
    closed.close();
    await once(closed, "close");
    t.diagnostic(`port ${port}`);
    assert.deepEqual(await servedCertificates(input({ doors: [door(port)] }), undefined), []);
  });
});
