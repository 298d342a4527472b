/** What the release before let in, once a reload to the next is said to be done. */
import assert from "node:assert/strict";
import { Agent } from "node:https";
import { after, before, describe, it } from "node:test";
import { nginxRoom } from "../../render/nginxRoom.ts";
import { Docker } from "../../programs/docker/docker.ts";
import { reloadProxy } from "../../programs/release/reload.ts";
import { call, handshake } from "./client.ts";
import { makeAuthority, makeClient } from "./clientPki.ts";
import { Proxy, STATUS_PORT } from "./proxy.ts";
import { renderCrls } from "../../render/crl.ts";

const authority = await makeAuthority("client CA");
const ann = await makeClient(authority, "ann");

/** How long a caller tries after the reload. */
const TRIES_MS = 300;

describe("a client that is revoked", () => {
  let proxy: Proxy;
  let releases = 0;
  before(async () => {
    proxy = await Proxy.start({
      access: { kms: "certificate", backend: "password" },
      clients: [ann.listed],
      clientFiles: {
        "client-ca.crt": authority.certificate,
        "client-ca.crl": await renderCrls({
          authorities: [authority],
          revoked: [],
          previous: "",
          now: new Date(),
        }),
      },
      // The more there are the later the last one hears that it is to go.
      room: { ...nginxRoom, workers: 16 },
    });
  });
  after(() => proxy.stop());

  const deliver = async (revoked: boolean) => {
    const release = `r${++releases}`;
    proxy.writeRelease(release, { clients: [{ ...ann.listed, revoked }] });
    const { container } = proxy;
    await reloadProxy(new Docker(), { container, statusPort: STATUS_PORT }, release);
  };

  it("gets in on no new connection, however often that is done", async (t) => {
    // Where a reload is announced it takes seconds.
    const rounds = proxy.dialect.keepaliveMinTimeout ? 10 : 2;
    let tries = 0;
    const acceptances: string[] = [];
    for (let round = 1; round <= rounds; round++) {
      await deliver(false);
      assert.equal((await call(proxy.kms, { client: ann })).status, 200);
      await deliver(true);
      const start = performance.now();
      const caller = async () => {
        do {
          const { status } = await call(proxy.kms, { client: ann });
          tries++;
          if (status !== 403) {
            acceptances.push(`${status} in round ${round} after ${performance.now() - start} ms`);
          }
        } while (performance.now() - start < TRIES_MS);
      };
      await Promise.all(Array.from({ length: 8 }, caller));
    }
    t.diagnostic(`${tries} tries in ${rounds} rounds`);
    assert.deepEqual(acceptances, []);
  });

  it("gets in on no earlier connection either, whether it was used or not", async () => {
    await deliver(false);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    assert.equal((await call(proxy.kms, { client: ann, agent })).status, 200);
    const silent = await handshake(proxy.kms, { cert: ann.certificate, key: ann.privateKey });
    const answer = new Promise<string>((resolve) => {
      let text = "";
      silent.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
      silent.on("error", () => undefined);
      silent.on("close", () => resolve(text));
    });
    await deliver(true);

    silent.write(`GET / HTTP/1.1\r\nHost: ${proxy.kms.serverName}\r\nConnection: close\r\n\r\n`);
    assert.doesNotMatch(await answer, /^HTTP\/1.1 200/);
    const again = await call(proxy.kms, { client: ann, agent }).catch(() => undefined);
    agent.destroy();
    assert.notEqual(again?.status, 200);
  });
});
