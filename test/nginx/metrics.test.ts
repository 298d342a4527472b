/** The metrics: what is served of them, and to whom. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { certificateMetrics } from "../../render/certificateMetrics.ts";
import { INCLUDED_RENEWAL_METRICS } from "../../render/nginx.ts";
import { docker } from "./docker.ts";
import { Proxy, STATUS_PORT } from "./proxy.ts";

const PORT = 8082;
const METRICS = certificateMetrics("cybexp", "test", [
  { name: "proxy", kind: "server", source: "generated", notAfter: "2027-01-31T12:00:00Z" },
]);

describe("the metrics of a certificate that is renewed beside the proxy", () => {
  let proxy: Proxy;
  const metrics = METRICS + INCLUDED_RENEWAL_METRICS;
  before(async () => {
    proxy = await Proxy.start({ metrics, metricsPort: PORT, renewed: true });
  });
  after(() => proxy.stop());

  it("follow those of the release, once there are any", async () => {
    assert.equal(await proxy.status("metrics"), METRICS.trim());
    const renewal = 'cybexp_acme_certificate_not_after_timestamp_seconds{certificate="proxy"} 1\n';
    writeFileSync(join(proxy.served, "metrics.prom"), renewal);
    assert.equal(await proxy.status("metrics"), `${METRICS}${renewal}`.trim());
    assert.equal(await proxy.status(".renewal-metrics"), "", "it is served by itself");
  });
});

describe("the metrics", () => {
  let proxy: Proxy;
  let host: string;
  before(async () => {
    proxy = await Proxy.start({ metrics: METRICS, metricsPort: PORT });
    const format = `--format={{(index .NetworkSettings.Networks "${proxy.network}").IPAddress}}`;
    host = docker(["container", "inspect", proxy.container, format]);
  });
  after(() => proxy.stop());

  const ask = (path: string, init?: RequestInit) => fetch(`http://${host}:${PORT}${path}`, init);

  it("are in the container at the status port", async () => {
    assert.equal(await proxy.status("metrics"), METRICS.trim());
  });

  it("are served in Prometheus' format at a port of their own", async () => {
    const answer = await ask("/metrics");
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert.equal(answer.headers.get("cache-control"), "no-store");
    assert.equal(await answer.text(), METRICS);
  });

  it("are all that is there", async () => {
    for (const path of ["/", "/healthz", "/release", "/idle", "/metrics/", "/metrics.prom"]) {
      const answer = await ask(path);
      assert.equal(answer.status, 404, path);
      assert.equal(((await answer.json()) as { status: number }).status, 404);
    }
    assert.equal((await ask("/metrics", { method: "POST", body: "x" })).status, 405);
    assert.equal((await ask("/metrics", { method: "HEAD" })).status, 200);
  });

  it("leave the status port on the container's own loopback", async () => {
    const code = await new Promise((resolve) => {
      const socket = connect({ host, port: STATUS_PORT }, () => resolve("connected"));
      socket.on("error", ({ code }: NodeJS.ErrnoException) => resolve(code));
    });
    assert.equal(code, "ECONNREFUSED");
  });

  it("are the next release's after a reload, and no line in the log", async () => {
    const next = METRICS.replace("proxy", "other");
    proxy.writeRelease("two", { metrics: next });
    await proxy.reload("two");
    assert.equal(await (await ask("/metrics")).text(), next);
    assert.deepEqual(
      proxy.accessLog().filter(({ path }) => path === "/metrics"),
      [],
    );
    assert.doesNotMatch(proxy.errorLog(), /could not find named location/);
  });

  it("can't be read from outside where nobody asked for it", async () => {
    proxy.writeRelease("three", { metrics: METRICS, metricsPort: undefined });
    await proxy.reload("three");
    await assert.rejects(ask("/metrics"));
    assert.equal(await proxy.status("metrics"), METRICS.trim());
  });
});
