import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { type Answer, call, type Call, type Door, raw } from "./client.ts";
import { ANALYST, COLLECTOR, Proxy, SERVER_NAME } from "./proxy.ts";

const BASIC = `Basic ${Buffer.from(COLLECTOR).toString("base64")}`;

describe("a door of the proxy", () => {
  let proxy: Proxy;
  before(async () => (proxy = await Proxy.start()));
  after(() => proxy.stop());
  beforeEach(() => void proxy.upstream.take());

  const withPassword = (request: Call = {}, door: Door = proxy.kms) =>
    call(door, { auth: COLLECTOR, ...request });

  /** The values of a header as the service got them. */
  const seen = (name: string) =>
    (proxy.upstream.received.at(-1)?.headers ?? [])
      .filter(([key]) => key.toLowerCase().replaceAll("_", "-") === name)
      .map(([, value]) => value);

  const refusal = (answer: Answer) => {
    assert.equal(answer.headers["content-type"], "application/json");
    const body = JSON.parse(answer.body) as Record<string, unknown>;
    assert.equal(body["request"], answer.headers["x-request-id"]);
    return [answer.status, body["status"], body["door"], body["error"]];
  };

  describe("the password", () => {
    it("lets each user in at both doors", async () => {
      for (const door of [proxy.kms, proxy.backend]) {
        for (const [auth, name] of [
          [COLLECTOR, "collector"],
          [ANALYST, "analyst"],
        ] as const) {
          const answer = await call(door, { auth });
          assert.deepEqual([answer.status, answer.body], [200, "up\n"]);
          assert.deepEqual(seen("x-cybexp-user"), [name]);
        }
      }
    });

    it("accepts both passwords, however the scheme is spelled", async () => {
      for (const scheme of ["Basic ", "basic ", "BASIC ", "bAsIc  ", "Basic    "]) {
        for (const credential of [COLLECTOR, ANALYST]) {
          const token = Buffer.from(credential).toString("base64");
          const headers = { Authorization: `${scheme}${token}` };
          const { status } = await call(proxy.backend, { headers });
          assert.equal(status, 200, `${scheme}of ${credential.split(":")[0]}`);
        }
      }
    });

    const wrong: [string, Record<string, string>][] = [
      ["no password", {}],
      ["a wrong password", { Authorization: `Basic ${btoa("collector:wrong")}` }],
      [
        "another user's password",
        { Authorization: `Basic ${btoa(`analyst:${COLLECTOR.split(":")[1]}`)}` },
      ],
      ["an unknown user", { Authorization: `Basic ${btoa("nobody:0123456789abcdefABCDEF")}` }],
      ["an empty user", { Authorization: `Basic ${btoa(":")}` }],
      ["an empty password", { Authorization: `Basic ${btoa("collector:")}` }],
      ["the hash for a password", { Authorization: `Basic ${btoa("collector:{SSHA}x")}` }],
      ["no credentials after Basic", { Authorization: "Basic" }],
      ["a token", { Authorization: "Bearer abc" }],
      ["the password under another scheme", { Authorization: BASIC.replace("Basic", "Basics") }],
      ["a wrong password in another spelling", { Authorization: `BASIC  ${btoa("collector:no")}` }],
      ["the password in another header", { "X-Authorization": BASIC }],
    ];
    for (const [what, headers] of wrong) {
      it(`refuses ${what} at both doors, without asking the service`, async () => {
        for (const [name, door] of [
          ["kms", proxy.kms],
          ["backend", proxy.backend],
        ] as const) {
          const answer = await call(door, { headers, method: "POST", body: "x" });
          assert.deepEqual(refusal(answer), [
            401,
            401,
            name,
            "The proxy asks for a user name and password (HTTP basic authentication).",
          ]);
          assert.equal(
            answer.headers["www-authenticate"],
            'Basic realm="CYBEX-P", charset="UTF-8"',
          );
        }
        assert.deepEqual(proxy.upstream.take(), []);
      });
    }

    it("is asked for with every method and path", async () => {
      for (const method of [
        "GET",
        "HEAD",
        "POST",
        "PUT",
        "PATCH",
        "DELETE",
        "OPTIONS",
        "PROPFIND",
      ]) {
        for (const path of [
          "/",
          "/get/key/de",
          "//get/key/de",
          "/healthz",
          "/release",
          "/../x",
          "/%2e%2e/x",
        ]) {
          const answer = await call(proxy.kms, { method, path });
          assert.ok([400, 401].includes(answer.status), `${method} ${path}: ${answer.status}`);
        }
      }
      assert.deepEqual(proxy.upstream.take(), []);
    });

    it("is refused when it comes twice", async () => {
      const answer = await raw(
        proxy.kms,
        `GET / HTTP/1.1\r\nHost: ${SERVER_NAME}\r\nAuthorization: ${BASIC}\r\nAuthorization: ${BASIC}\r\nConnection: close\r\n\r\n`,
      );
      assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/);
      assert.deepEqual(proxy.upstream.take(), []);
    });
  });

  describe("what the service sees", () => {
    it("is the request with the caller's name and without the password", async () => {
      const answer = await withPassword({
        path: "//user/me?x=1%20&y=%2F",
        headers: { "X-Authorization": "Bearer token", Accept: "*/*" },
      });
      const [received] = proxy.upstream.take();
      assert.ok(received);
      assert.deepEqual(
        [received.method, received.url, received.httpVersion],
        ["GET", "//user/me?x=1%20&y=%2F", "1.1"],
      );
      const headers = Object.fromEntries(received.headers);
      assert.match(headers["X-Forwarded-For"] ?? "", /^\d+\.\d+\.\d+\.\d+$/);
      assert.deepEqual(headers, {
        Host: SERVER_NAME,
        "X-Cybexp-User": "collector",
        "X-Cybexp-Door": "password",
        "X-Request-Id": answer.headers["x-request-id"],
        "X-Real-IP": headers["X-Forwarded-For"],
        "X-Forwarded-For": headers["X-Forwarded-For"],
        "X-Forwarded-Host": SERVER_NAME,
        "X-Forwarded-Proto": "https",
        Connection: "close",
        "X-Authorization": "Bearer token",
        Accept: "*/*",
      });
    });

    it("can't be forged, by whatever spelling", async () => {
      const forged = {
        "X-Cybexp-User": ["root", "admin"],
        "x-cybexp-user": "root",
        X_Cybexp_User: "root",
        "X-Cybexp_User": "root",
        "X-Forwarded-For": "6.6.6.6",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Port": "1",
        "X-Forwarded-Prefix": "/evil",
        "X-Real-IP": "6.6.6.6",
        "X-Request-Id": "forged",
        Forwarded: "for=6.6.6.6",
        Proxy: "http://evil.example",
        "Proxy-Authorization": BASIC,
        Trailer: "X-Cybexp-User",
        "Transfer-Encoding": "chunked",
        TE: "trailers",
        Connection: "close, X-Cybexp-User, X-Forwarded-For",
      };
      const { headers } = await withPassword({ method: "POST", headers: forged });
      assert.deepEqual(seen("x-cybexp-user"), ["collector"]);
      assert.deepEqual(seen("x-forwarded-host"), [SERVER_NAME]);
      assert.deepEqual(seen("x-forwarded-proto"), ["https"]);
      assert.deepEqual(seen("x-request-id"), [headers["x-request-id"]]);
      assert.deepEqual(seen("connection"), ["close"]);
      for (const name of [
        "x-forwarded-port",
        "x-forwarded-prefix",
        "forwarded",
        "proxy",
        "proxy-authorization",
        "authorization",
        "trailer",
        "te",
        "transfer-encoding",
      ]) {
        assert.deepEqual(seen(name), [], name);
      }
      for (const name of ["x-forwarded-for", "x-real-ip"]) {
        assert.equal(seen(name).length, 1);
        assert.doesNotMatch(seen(name)[0] ?? "", /6\.6\.6\.6/);
      }
    });
  });

  describe("what the caller sees", () => {
    const security = {
      "strict-transport-security": "max-age=63072000",
      "x-content-type-options": "nosniff",
      "cache-control": "no-store",
      "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
      "x-frame-options": "DENY",
      "referrer-policy": "no-referrer",
    };

    /** All headers but those that differ each time. */
    const steady = ({ headers }: Answer) => {
      const { date, "x-request-id": id, ...rest } = headers;
      assert.ok(date);
      assert.match(String(id), /^[0-9a-f]{32}$/);
      return rest;
    };

    it("has the security headers and the service's content", async () => {
      const answer = await withPassword({ path: "/http10" });
      assert.equal(answer.body, "up\n");
      assert.deepEqual(steady(answer), {
        server: "nginx",
        "content-type": "text/html; charset=utf-8",
        "content-length": "3",
        connection: "close",
        ...security,
      });
    });

    it("has them on the proxy's own refusals", async () => {
      const answer = await call(proxy.kms);
      const { "content-length": length, ...rest } = steady(answer);
      assert.equal(length, String(answer.bytes));
      assert.deepEqual(rest, {
        server: "nginx",
        "content-type": "application/json",
        connection: "close",
        "www-authenticate": 'Basic realm="CYBEX-P", charset="UTF-8"',
        ...security,
      });
    });

    it("does not let a hostile service control what the caller sees or does", async () => {
      const answer = await withPassword({ path: "/hostile" });
      assert.deepEqual([answer.status, answer.body], [200, "hostile\n"]);
      assert.deepEqual(steady(answer), {
        server: "nginx",
        "content-type": "text/plain",
        "transfer-encoding": "chunked",
        connection: "close",
        ...security,
      });
      assert.notEqual(answer.headers["x-request-id"], "forged");
    });

    it("is the service's own refusal, unchanged", async () => {
      const answer = await withPassword({ path: "/401" });
      assert.deepEqual(
        [answer.status, answer.body, answer.headers["www-authenticate"]],
        [401, '{"msg":"Missing X-Authorization Header"}', undefined],
      );
    });
  });

  describe("methods", () => {
    it("passes HEAD and OPTIONS to the service", async () => {
      const head = await withPassword({ method: "HEAD" });
      assert.deepEqual(
        [head.status, head.body, head.headers["content-type"]],
        [200, "", "text/plain"],
      );
      const options = await withPassword({ method: "OPTIONS" });
      assert.deepEqual([options.status, options.body], [200, "up\n"]);
      assert.deepEqual(
        proxy.upstream.take().map(({ method }) => method),
        ["HEAD", "OPTIONS"],
      );
      const refused = await call(proxy.kms, { method: "HEAD" });
      assert.deepEqual([refused.status, refused.body], [401, ""]);
    });

    it("does not pass TRACE, which would show the caller what it sent", async () => {
      assert.equal((await withPassword({ method: "TRACE" })).status, 405);
      assert.deepEqual(proxy.upstream.take(), []);
    });
  });

  describe("a request that two readers may take differently", () => {
    const head = `POST / HTTP/1.1\r\nHost: ${SERVER_NAME}\r\nAuthorization: ${BASIC}\r\n`;
    const ambiguous: [string, string][] = [
      ["both lengths", `${head}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX`],
      ["two content lengths", `${head}Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx`],
      ["a negative content length", `${head}Content-Length: -1\r\n\r\n`],
      [
        "a space before the colon",
        `${head}Transfer-Encoding : chunked\r\nContent-Length: 1\r\n\r\nx`,
      ],
      ["no host", `GET / HTTP/1.1\r\nAuthorization: ${BASIC}\r\n\r\n`],
      [
        "two hosts",
        `GET / HTTP/1.1\r\nHost: ${SERVER_NAME}\r\nHost: evil\r\nAuthorization: ${BASIC}\r\n\r\n`,
      ],
      ["no HTTP at all", "\u0016\u0003\u0001\r\n\r\n"],
      ["an unknown transfer encoding", `${head}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`],
    ];
    for (const [what, bytes] of ambiguous) {
      it(`is refused and not passed on: ${what}`, async () => {
        const answer = await raw(proxy.kms, bytes);
        assert.match(answer, /^HTTP\/1\.1 (400 Bad Request|501 Not Implemented)\r\n/);
        assert.equal(
          answer.match(/^HTTP\/1\.1 /gm)?.length,
          1,
          "one answer, and the connection ends",
        );
        assert.deepEqual(proxy.upstream.take(), []);
      });
    }

    it("gets the reason in JSON", async () => {
      const answer = await raw(proxy.kms, "\u0016\u0003\u0001\r\n\r\n");
      const [, body = ""] = answer.split("\r\n\r\n");
      assert.deepEqual(
        { ...(JSON.parse(body) as object), request: "" },
        {
          status: 400,
          door: "kms",
          error: "The request is malformed, or plain HTTP on a TLS port.",
          request: "",
        },
      );
    });

    it("is refused with 431 when its header is too long, 414 when its line is", async () => {
      const long = "x".repeat(40_000);
      const header = await withPassword({ headers: { "X-Authorization": long } });
      assert.deepEqual(refusal(header), [
        431,
        431,
        "kms",
        "The header is longer than the proxy takes.",
      ]);
      const line = await withPassword({ path: `/${long}` });
      assert.deepEqual(refusal(line), [
        414,
        414,
        "kms",
        "The request line is longer than the proxy takes.",
      ]);
    });
  });

  it("does not serve its own refusal as a page", async () => {
    assert.deepEqual(refusal(await withPassword({ path: "/.refused" })), [
      404,
      404,
      "kms",
      "The proxy has nothing at this path.",
    ]);
  });

  it("reports health and release only inside the container", async () => {
    assert.equal(await proxy.status("healthz"), "ok");
    assert.equal(await proxy.status("release"), "one");
    assert.equal((await call(proxy.kms, { path: "/release" })).status, 401);
  });
});
