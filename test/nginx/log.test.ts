import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { call } from "./client.ts";
import { docker } from "./docker.ts";
import { COLLECTOR, Proxy, SERVER_NAME } from "./proxy.ts";

describe("the access log", () => {
  let proxy: Proxy;
  before(async () => (proxy = await Proxy.start()));
  after(() => proxy.stop());

  it("has a JSON line with who asked for what and how it went", async () => {
    const answer = await call(proxy.backend, {
      method: "POST",
      path: "/add/enc-data?secret-in-query=1",
      auth: COLLECTOR,
      headers: { "X-Authorization": "Bearer secret-token" },
      body: "secret-body",
    });
    const { time, remote, received, sent, seconds, upstream_seconds, cipher, ...line } =
      await proxy.logged(answer.headers["x-request-id"]);
    assert.deepEqual(line, {
      request: answer.headers["x-request-id"],
      user: "collector",
      entered_by: "password",
      door: "backend",
      host: SERVER_NAME,
      protocol: "HTTP/1.1",
      method: "POST",
      path: "/add/enc-data",
      status: "200",
      refused: "",
      upstream_status: "200",
      tls: "TLSv1.3",
    });
    assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+\d\d:\d\d$/);
    assert.match(String(remote), /^\d+\.\d+\.\d+\.\d+$/);
    assert.match(String(cipher), /^TLS_AES_/);
    assert.match(String(upstream_seconds), /^\d+\.\d{3}$/);
    assert.ok(typeof received === "number" && received > 100);
    assert.ok(typeof sent === "number" && sent > 100);
    assert.ok(typeof seconds === "number" && seconds < 2);
  });

  it("keeps the path and the claimed name of a request that was refused", async () => {
    const answer = await call(proxy.kms, { path: "/get/key/de?x=1", auth: "mallory:secret-guess" });
    const line = await proxy.logged(answer.headers["x-request-id"]);
    assert.deepEqual(
      [line.status, line.user, line.door, line.path, line["upstream_status"]],
      ["401", "mallory", "kms", "/get/key/de", ""],
    );
  });

  it("stays JSON whatever a caller sends", async () => {
    const answer = await call(proxy.kms, { path: '/a%22b%5C%0a"\\', auth: 'q"\\\u0001:x' });
    const line = await proxy.logged(answer.headers["x-request-id"]);
    assert.deepEqual([line.path, line.user], ['/a"b\\\n"\\', 'q"\\\u0001']);
  });

  it("holds no password, token, body or query string, of any request so far", () => {
    const text = docker(["logs", proxy.container]);
    assert.doesNotMatch(text, /secret/);
    assert.doesNotMatch(text, new RegExp(COLLECTOR.split(":")[1] ?? ""));
    assert.doesNotMatch(text, new RegExp(btoa(COLLECTOR)));
  });

  it("leaves out the health check", async () => {
    assert.equal(await proxy.status("healthz"), "ok");
    assert.deepEqual(
      proxy.accessLog().filter(({ path }) => path === "/healthz"),
      [],
    );
  });
});
