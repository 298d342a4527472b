/** Certificates that are renewed beside the proxy: its health check has Nginx read them. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { Agent } from "node:https";
import { join } from "node:path";
import { connect } from "node:tls";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Docker } from "../../programs/docker/docker.ts";
import { reloadProxy } from "../../programs/release/reload.ts";
import { call } from "./client.ts";
import { docker } from "./docker.ts";
import { COLLECTOR, Proxy, SERVER_NAME, STATUS_PORT } from "./proxy.ts";

let proxy: Proxy;

/** What a caller is shown, PEM. */
const shownPem = (): Promise<string> =>
  new Promise((resolve, reject) => {
    const { port } = proxy.kms;
    const options = { host: "127.0.0.1", port, servername: SERVER_NAME, rejectUnauthorized: false };
    const socket = connect(options, () => {
      resolve(new X509Certificate(socket.getPeerCertificate().raw).toString());
      socket.destroy();
    });
    socket.on("error", reject);
  });

/** Its serial number. */
const shown = () => shownPem().then(serial);

const serial = (pem: string) => new X509Certificate(pem).serialNumber;

/** Checks, as the engine does, until the proxy has read the certificate. */
async function untilShown(pem: string): Promise<number> {
  for (let count = 1; count < 60; count++) {
    const { code, output } = proxy.check();
    assert.deepEqual({ code, output }, { code: 0, output: "" });
    if ((await shown()) === serial(pem)) {
      return count;
    }
    await sleep(500);
  }
  throw new Error(`not shown: ${proxy.errorLog()}`);
}

/** Checks until the reload is over. */
async function untilQuiet(): Promise<void> {
  for (let count = 0; existsSync(join(proxy.tmp, "renewal")); count++) {
    assert.ok(count < 20, "the announcement is taken away");
    await sleep(500);
    assert.deepEqual(proxy.check(), { code: 0, output: "" });
  }
  assert.equal(closing(), false);
}

const closing = () => existsSync(join(proxy.tmp, "closing"));

describe("a certificate that is renewed", () => {
  before(async () => (proxy = await Proxy.start({ renewed: true })));
  after(() => proxy.stop());

  it("is the interim one at first, and Nginx tells which one it has read", async () => {
    assert.equal(await proxy.status("healthz"), "ok interim-0");
    assert.deepEqual(proxy.check(), { code: 0, output: "" });
  });

  it("is read by the health check, and never before clients know that their connections end", async () => {
    const pem = proxy.renew("20260101000000-00000001");
    assert.notEqual(await shown(), serial(pem));
    const first = proxy.check();
    assert.deepEqual(first, { code: 0, output: "" });
    // Only an Nginx that closes idle connections has them announced.
    assert.equal(closing(), !proxy.dialect.keepaliveMinTimeout);
    await untilShown(pem);
    assert.equal(await proxy.status("healthz"), "ok 20260101000000-00000001");
    await untilQuiet();
  });

  it("costs no request on kept and on new connections", async () => {
    // Each certificate is its own authority.
    let trusted = proxy.renewals.join("");
    const renewed = async (version: string) => {
      const pem = proxy.issue(version);
      trusted += pem;
      // Whoever connects with yesterday's list of authorities has an answer by then.
      await sleep(2000);
      proxy.show(version);
      return untilShown(pem);
    };
    let done = false;
    let answered = 0;
    const failures: string[] = [];
    const clients = Array.from({ length: 20 }, async (_, index) => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      while (!done) {
        try {
          const { status } = await call(
            { ...proxy.kms, ca: trusted },
            { auth: COLLECTOR, ...(index % 2 === 0 && { agent }) },
          );
          if (status === 200) {
            answered++;
          } else {
            failures.push(String(status));
          }
        } catch (error) {
          failures.push((error as NodeJS.ErrnoException).code ?? String(error));
        }
        await sleep(20 + 40 * Math.random());
      }
      agent.destroy();
    });
    await renewed("20260101000000-00000002");
    await renewed("20260101000000-00000003");
    done = true;
    await Promise.all(clients);
    assert.deepEqual(failures, []);
    assert.ok(answered > 100, `only ${answered} requests`);
  });

  it("is read in the midst of another reload, which is announced to its end", async () => {
    const pem = proxy.renew("20260101000000-00000004");
    proxy.writeRelease("two");
    const reload = reloadProxy(
      new Docker(),
      { container: proxy.container, statusPort: STATUS_PORT },
      "two",
    );
    await untilShown(pem);
    await reload;
    assert.equal(await proxy.status("release"), "two");
    await untilShown(pem);
    await untilQuiet();
  });

  it("that Nginx can't read leaves the one before, and the health check says why", async () => {
    const before = await shown();
    const pem = proxy.renew("20260101000000-00000006");
    const key = join(proxy.served, "20260101000000-00000006", "privkey.pem");
    rmSync(key);
    writeFileSync(key, "cut off");
    for (let count = 0; count < 3; count++) {
      const { code, output } = proxy.check();
      assert.equal(code, 1);
      assert.match(
        output,
        /^Nginx can't take the renewed certificate and goes on with the one before: .*privkey\.pem/,
      );
      assert.equal(closing(), false);
    }
    assert.equal(await shown(), before);
    assert.notEqual(serial(pem), before);
    await untilShown(proxy.renew("20260101000000-00000007"));
    await untilQuiet();
  });

  it("that is gone makes the health check fail before the next start does", () => {
    rmSync(join(proxy.served, "current.conf"));
    assert.deepEqual(proxy.check(), {
      code: 1,
      output:
        "/acme/current.conf is gone, so Nginx could not be started again with its certificate\n",
    });
  });

  it("is none of a release that has its own", async () => {
    // In the midst of a renewal.
    proxy.renew("20260101000000-00000008");
    proxy.check();
    proxy.writeRelease("three", { renewed: false });
    await proxy.reload("three");
    assert.equal(await proxy.status("healthz"), "ok");
    assert.deepEqual(proxy.check(), { code: 0, output: "" });
    assert.equal(closing(), false);
  });
});

describe("a proxy that does not answer", () => {
  before(async () => (proxy = await Proxy.start()));
  after(() => proxy.stop());

  it("is not healthy", () => {
    assert.deepEqual(proxy.check(), { code: 0, output: "" });
    docker(["exec", proxy.container, "sh", "-c", "kill -STOP $(cat /tmp/nginx.pid) -1 || true"]);
    const { code, output } = proxy.check();
    assert.equal(code, 1);
    assert.match(output, /^Nginx does not answer at its status port/);
  });
});
