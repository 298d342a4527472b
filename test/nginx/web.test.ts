/** An ordinary web application behind a door: its headers, redirects, streams, WebSockets and uploads. */
import assert from "node:assert/strict";
import { request } from "node:https";
import { after, before, beforeEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { renderCrls } from "../../render/crl.ts";
import { type Answer, call, type Door, handshake, raw } from "./client.ts";
import { makeAuthority, makeClient } from "./clientPki.ts";
import { COLLECTOR, Proxy, SERVER_NAME } from "./proxy.ts";
import { WebSocketClient } from "./webSocket.ts";
import { EVENT_MS, WebUpstream } from "./webUpstream.ts";

const BASIC = `Basic ${Buffer.from(COLLECTOR).toString("base64")}`;
const WEB = { profile: "web", maxBody: "20m" } as const;

/** An answer piece by piece, each with the milliseconds since it was asked for. */
function pieces(door: Door, path: string): Promise<[text: string, ms: number][]> {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const got: [string, number][] = [];
    request({
      ...{ host: "127.0.0.1", port: door.port, servername: door.serverName, ca: door.ca, path },
      ...{ headers: { Host: door.serverName }, auth: COLLECTOR, agent: false },
    })
      .on("error", reject)
      .on("response", (response) => {
        response.on("data", (chunk: Buffer) =>
          got.push([chunk.toString("utf8"), performance.now() - start]),
        );
        response.on("end", () => resolve(got));
      })
      .end();
  });
}

/** Headers that do not differ each time, and not those of the transfer. */
function headersOf({ headers }: Answer) {
  const { date, connection, "x-request-id": id, ...rest } = headers;
  assert.ok(date && connection);
  assert.match(String(id), /^[0-9a-f]{32}$/);
  return rest;
}

let web: WebUpstream;
const behind = async (host: string) => (web = await WebUpstream.start(host));
const SECURITY = {
  server: "nginx",
  "strict-transport-security": "max-age=63072000",
  "x-content-type-options": "nosniff",
};

describe("a door for pages", () => {
  let proxy: Proxy;
  before(async () => {
    proxy = await Proxy.start({ behind, doorChanges: { kms: WEB } });
  });
  after(() => proxy.stop());
  beforeEach(() => void web.requests.splice(0));

  const get = (path: string, door = proxy.kms, host = `${SERVER_NAME}:${door.port}`) =>
    call(door, { path, auth: COLLECTOR, headers: { Host: host } });

  it("lets a page have its style sheet and script", async () => {
    const page = await get("/");
    assert.deepEqual(headersOf(page), {
      ...SECURITY,
      "content-type": "text/html; charset=utf-8",
      "transfer-encoding": "chunked",
      "x-frame-options": "SAMEORIGIN",
      "referrer-policy": "same-origin",
    });
    assert.equal((await get("/style.css")).headers["content-type"], "text/css");
  });

  it("passes the application's own headers, none of them twice", async () => {
    const answer = await raw(
      proxy.kms,
      `GET /own HTTP/1.1\r\nHost: ${SERVER_NAME}\r\nAuthorization: ${BASIC}\r\nConnection: close\r\n\r\n`,
    );
    const [head = "", body = ""] = answer.split("\r\n\r\n");
    const lines = head.split("\r\n").filter((line) => !/^(date|x-request-id):/i.test(line));
    assert.deepEqual(lines.toSorted(), [
      "Cache-Control: private, max-age=60",
      "Connection: close",
      "Content-Security-Policy: default-src 'self'",
      "Content-Type: text/html",
      "HTTP/1.1 200 OK",
      "Permissions-Policy: camera=()",
      "Referrer-Policy: no-referrer",
      "Server: nginx",
      "Set-Cookie: a=1; Path=/; HttpOnly",
      "Set-Cookie: b=2",
      "Set-Cookie: c=3; Path=/app/deep",
      "Set-Cookie: d=4; Path=/app",
      "Strict-Transport-Security: max-age=63072000",
      "Transfer-Encoding: chunked",
      "X-Content-Type-Options: nosniff",
      "X-Frame-Options: DENY",
    ]);
    assert.match(body, /own\n/);
  });

  it("has headers of its own on the proxy's refusals, which nobody keeps", async () => {
    const answer = await call(proxy.kms, { path: "/" });
    const { "content-length": length, ...rest } = headersOf(answer);
    assert.equal(length, String(answer.bytes));
    assert.deepEqual(rest, {
      ...SECURITY,
      "content-type": "application/json",
      "cache-control": "no-store",
      "referrer-policy": "same-origin",
      "www-authenticate": 'Basic realm="CYBEX-P", charset="UTF-8"',
      "x-frame-options": "SAMEORIGIN",
    });
  });

  it("tells the application where the caller came in, whatever the caller says", async () => {
    const { port } = proxy.kms;
    for (const [host, forwardedPort] of [
      [`${SERVER_NAME}:${port}`, String(port)],
      [SERVER_NAME, "443"],
      [`${SERVER_NAME.toUpperCase()}:8443`, "8443"],
    ] as const) {
      const { body } = await call(proxy.kms, {
        path: "/headers",
        auth: COLLECTOR,
        headers: {
          Host: host,
          "X-Forwarded-Host": "evil.example",
          "X-Forwarded-Port": "1",
          "X-Forwarded-Proto": "http",
          "X-Forwarded-Prefix": "/evil",
          "X-Cybexp-User": "root",
          X_Cybexp_User: "root",
        },
      });
      const { headers } = JSON.parse(body) as { headers: Record<string, string> };
      const { "x-request-id": id, "x-real-ip": address, ...rest } = headers;
      assert.ok(id && address);
      assert.deepEqual(rest, {
        host: host.toLowerCase(),
        "x-cybexp-user": "collector",
        "x-cybexp-door": "password",
        "x-forwarded-for": address,
        "x-forwarded-host": host.toLowerCase(),
        "x-forwarded-port": forwardedPort,
        "x-forwarded-proto": "https",
        connection: "close",
      });
    }
  });

  it("takes the host of an absolute request line, not that of a header beside it", async () => {
    const answer = await raw(
      proxy.kms,
      `GET https://${SERVER_NAME}/headers HTTP/1.1\r\nHost: evil.example:99\r\nAuthorization: ${BASIC}\r\nConnection: close\r\n\r\n`,
    );
    assert.match(answer, new RegExp(`"host":"${SERVER_NAME}:99"`));
    assert.doesNotMatch(answer, /evil/);
  });

  it("leads redirects back to where the caller came in", async () => {
    const { port } = proxy.kms;
    const here = `https://${SERVER_NAME}:${port}`;
    for (const [to, location] of [
      ["/login", "/login"],
      ["login?next=%2F", "login?next=%2F"],
      ["http://HOST/login?a=b", `${here}/login?a=b`],
      ["http://HOST//evil.example/", `${here}//evil.example/`],
      ["https://HOST/login", `${here}/login`],
      ["http://OWN/login", `${here}/login`],
      ["https://elsewhere.example/x", "https://elsewhere.example/x"],
      [`http://${SERVER_NAME}.evil.example/x`, `http://${SERVER_NAME}.evil.example/x`],
    ] as const) {
      const { status, headers } = await get(`/redirect?to=${encodeURIComponent(to)}`);
      assert.deepEqual([status, headers.location], [302, location], to);
    }
    const standard = await get("/redirect?to=http://HOST/x", proxy.kms, SERVER_NAME);
    assert.equal(standard.headers.location, `https://${SERVER_NAME}/x`);
  });

  it("leaves redirects at a door for data as they are", async () => {
    const { headers } = await get("/redirect?to=http://HOST/x", proxy.backend);
    assert.equal(headers.location, `http://${SERVER_NAME}/x`);
  });

  for (const path of ["/events10", "/events11"]) {
    it(`passes events as they come, from HTTP/1.${path.at(-1)}`, async () => {
      const got = await pieces(proxy.kms, path);
      assert.deepEqual(
        got.map(([text]) => text),
        ["data: 1\n\n", "data: 2\n\n", "data: 3\n\n"],
      );
      const [first = 0, second = 0, third = 0] = got.map(([, ms]) => ms);
      assert.ok(first < EVENT_MS, `the first came after ${first} ms`);
      for (const gap of [second - first, third - second]) {
        assert.ok(gap > EVENT_MS / 2, `the gap is ${gap} ms`);
      }
    });
  }

  it("holds them back at a door for data, from HTTP/1.0", async () => {
    const got = await pieces(proxy.backend, "/events10");
    assert.deepEqual(
      got.map(([text]) => text),
      ["data: 1\n\ndata: 2\n\ndata: 3\n\n"],
    );
  });

  it("opens a WebSocket for whom it lets in, and tells who that is", async () => {
    const forged = {
      "X-Cybexp-User": "root",
      X_Cybexp_User: "root",
      "X-Cybexp-Client": "root",
      "X-Forwarded-For": "6.6.6.6",
      Origin: "https://elsewhere.example",
    };
    const socket = await WebSocketClient.open(proxy.kms, { auth: COLLECTOR, headers: forged });
    assert.match(socket.head, /^HTTP\/1\.1 101 /);
    for (const text of ["a", "b".repeat(30_000)]) {
      const { said, headers } = await socket.say(text);
      assert.equal(said, text);
      assert.deepEqual(
        [headers["x-cybexp-user"], headers["x-cybexp-door"], headers["x-cybexp-client"]],
        ["collector", "password", undefined],
      );
      assert.deepEqual(
        [headers["upgrade"], headers["connection"], headers["authorization"], headers["origin"]],
        ["websocket", "upgrade", undefined, "https://elsewhere.example"],
      );
      assert.doesNotMatch(headers["x-forwarded-for"] ?? "", /6\.6/);
    }
    socket.close();
  });

  it("opens none without the right password, and asks nobody", async () => {
    for (const auth of [undefined, "collector:wrong"]) {
      const { head } = await WebSocketClient.open(proxy.kms, { ...(auth && { auth }) });
      assert.match(head, /^HTTP\/1\.1 401 /);
    }
    assert.deepEqual(web.requests, []);
  });

  it("changes to no other protocol, and to none at a door for data", async () => {
    for (const [door, upgrade] of [
      [proxy.kms, "h2c"],
      [proxy.kms, "websocket, h2c"],
      [proxy.backend, "websocket"],
    ] as const) {
      const { head } = await WebSocketClient.open(door, { auth: COLLECTOR, upgrade });
      assert.match(head, /^HTTP\/1\.1 200 /);
      const headers = web.requests.at(-1)?.headers;
      assert.deepEqual([headers?.upgrade, headers?.connection], [undefined, "close"]);
    }
  });

  it("closes a WebSocket on which the application says nothing for the read time-out", async () => {
    const socket = await WebSocketClient.open(proxy.kms, { auth: COLLECTOR });
    await socket.say("now");
    const start = performance.now();
    await socket.closed;
    const took = performance.now() - start;
    assert.ok(took > 1500 && took < 5000, `after ${took} ms`);
  });
});

describe("a door with switches", () => {
  let proxy: Proxy;
  before(async () => {
    proxy = await Proxy.start({
      behind,
      doorChanges: {
        kms: {
          ...WEB,
          ...{ streaming: false, websocket: false, buffersUploads: false },
          headers: {
            "Permissions-Policy": 'camera=(self "https://a.example"), microphone=()',
            "x-frame-options": "",
            "Cache-Control": "no-cache",
          },
        },
        backend: { streaming: true, websocket: true, headers: { "X-Robots-Tag": "noindex" } },
      },
    });
  });
  after(() => proxy.stop());

  it("sets its own headers in place of the profile's and the application's", async () => {
    const { headers } = await call(proxy.kms, { path: "/own", auth: COLLECTOR });
    assert.deepEqual(
      [headers["permissions-policy"], headers["x-frame-options"], headers["cache-control"]],
      ['camera=(self "https://a.example"), microphone=()', undefined, "no-cache"],
    );
    const refused = await call(proxy.kms, { path: "/own" });
    assert.deepEqual(
      [refused.headers["x-frame-options"], refused.headers["cache-control"]],
      [undefined, "no-cache"],
    );
  });

  it("keeps the profile's headers beside them", async () => {
    const { headers } = await call(proxy.backend, { path: "/own", auth: COLLECTOR });
    assert.deepEqual(
      [headers["x-robots-tag"], headers["cache-control"], headers["content-security-policy"]],
      ["noindex", "no-store", "default-src 'none'; frame-ancestors 'none'"],
    );
  });

  it("streams and upgrades at a door for data, if asked to, and not at one for pages, if not", async () => {
    assert.equal((await pieces(proxy.backend, "/events10")).length, 3);
    assert.equal((await pieces(proxy.kms, "/events10")).length, 1);
    const socket = await WebSocketClient.open(proxy.backend, { auth: COLLECTOR });
    const { headers } = await socket.say("x");
    assert.deepEqual([headers["x-cybexp-user"], headers["host"]], ["collector", SERVER_NAME]);
    socket.close();
    const { head } = await WebSocketClient.open(proxy.kms, { auth: COLLECTOR });
    assert.match(head, /^HTTP\/1\.1 200 /);
  });

  const HALF = 200_000;
  /** Sends one half of a body, waits, and sends the other; gives the status and what the application saw. */
  async function slowly(door: Door, chunked: boolean, waitMs: number) {
    web.uploads.splice(0);
    const sent = performance.now();
    const upload = request({
      ...{ host: "127.0.0.1", port: door.port, servername: door.serverName, ca: door.ca },
      ...{ method: "POST", path: "/upload", auth: COLLECTOR, agent: false },
      headers: {
        Host: door.serverName,
        ...(chunked ? { "Transfer-Encoding": "chunked" } : { "Content-Length": 2 * HALF }),
      },
    });
    const status = new Promise<number | undefined>((resolve, reject) => {
      upload.on("response", (response) => resolve(response.resume().statusCode));
      upload.on("error", reject);
    });
    upload.write(Buffer.alloc(HALF, "x"));
    await sleep(waitMs);
    upload.end(Buffer.alloc(HALF, "y"));
    assert.equal(await status, 200);
    const [seen] = web.uploads;
    assert.equal(seen?.bytes, 2 * HALF);
    return { first: seen.first - sent, last: seen.last - sent };
  }

  for (const [what, chunked] of [
    ["with a length", false],
    ["in chunks", true],
  ] as const) {
    it(`passes an upload ${what} as it arrives where it isn't to wait`, async (t) => {
      const passed = await slowly(proxy.kms, chunked, 1000);
      const waited = await slowly(proxy.backend, chunked, 1000);
      t.diagnostic(
        `first byte after ${passed.first.toFixed()} ms; kept until whole: ${waited.first.toFixed()} ms`,
      );
      assert.ok(passed.first < 700 && passed.last >= 1000, JSON.stringify(passed));
      assert.ok(waited.first >= 1000, JSON.stringify(waited));
    });
  }

  it("lets uploads that aren't to wait pass beside each other, however many", async () => {
    // The door for data lets four through at a time.
    const start = performance.now();
    await Promise.all(
      Array.from({ length: 8 }, () => slowly(proxy.kms, false, 1000)).map((one) =>
        one.catch(() => undefined),
      ),
    );
    assert.ok(performance.now() - start < 2500);
    assert.equal(web.uploads.length, 8);
  });

  it("refuses a body that is too large before the application is asked", async () => {
    web.requests.splice(0);
    const socket = await handshake(proxy.kms);
    const answer = new Promise<string>((resolve) =>
      socket.once("data", (chunk: Buffer) => resolve(chunk.toString("latin1"))),
    );
    socket.write(
      `POST /upload HTTP/1.1\r\nHost: ${SERVER_NAME}\r\nAuthorization: ${BASIC}\r\nContent-Length: 30000000\r\n\r\n`,
    );
    assert.match(await answer, /^HTTP\/1\.1 413 /);
    socket.destroy();
    assert.deepEqual(web.requests, []);
  });
});

describe("WebSockets at a door that asks for certificates", () => {
  let proxy: Proxy;
  const SHUTDOWN = 3;
  let ann: Awaited<ReturnType<typeof makeClient>>;
  before(async () => {
    const authority = await makeAuthority("client CA 1");
    ann = await makeClient(authority, "ann");
    const revocations = await renderCrls({
      ...{ authorities: [authority], revoked: [], previous: "", now: new Date() },
    });
    proxy = await Proxy.start({
      behind,
      access: { kms: "certificate", backend: "either" },
      doorChanges: { kms: WEB, backend: WEB },
      clients: [ann.listed],
      clientFiles: { "client-ca.crt": authority.certificate, "client-ca.crl": revocations },
      readTimeout: 60,
      shutdownTimeout: SHUTDOWN,
    });
  });
  after(() => proxy.stop());

  const FORGED = { "X-Cybexp-User": "root", "X-Cybexp-Client": "root", "X-Cybexp-Door": "both" };

  it("tell who called, by certificate or by password", async () => {
    for (const [door, options, told] of [
      [proxy.kms, { client: ann }, ["ann", "certificate", "ann"]],
      [proxy.backend, { client: ann }, ["ann", "certificate", "ann"]],
      [proxy.backend, { auth: COLLECTOR }, ["collector", "password", undefined]],
    ] as const) {
      const socket = await WebSocketClient.open(door, { ...options, headers: FORGED });
      const { headers } = await socket.say("who?");
      assert.deepEqual(
        ["x-cybexp-user", "x-cybexp-door", "x-cybexp-client"].map((name) => headers[name]),
        told,
      );
      socket.close();
    }
  });

  it("are not opened without one", async () => {
    const { head } = await WebSocketClient.open(proxy.kms, { auth: COLLECTOR });
    assert.match(head, /^HTTP\/1\.1 403 /);
  });

  it("are closed by a revocation after the shutdown time-out, and go on until then", async (t) => {
    const socket = await WebSocketClient.open(proxy.kms, { client: ann });
    await socket.say("before");
    const start = performance.now();
    proxy.writeRelease("revoked", { clients: [{ ...ann.listed, revoked: true }] });
    const reloaded = proxy.reload("revoked");
    assert.equal((await socket.say("meanwhile")).said, "meanwhile");
    await socket.closed;
    const seconds = (performance.now() - start) / 1000;
    t.diagnostic(`closed after ${seconds.toFixed(1)} s`);
    assert.ok(seconds >= SHUTDOWN - 0.5 && seconds < 30, `after ${seconds} s`);
    await reloaded;
    const { head } = await WebSocketClient.open(proxy.kms, { client: ann });
    assert.match(head, /^HTTP\/1\.1 403 /);
  });
});
