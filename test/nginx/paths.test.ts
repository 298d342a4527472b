/** Doors that share a port by their names, and paths of a door that lead to other services. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { renderCrls } from "../../render/crl.ts";
import type { NginxOptions } from "../../render/nginx.ts";
import { call, type Door, handshake, raw } from "./client.ts";
import { makeAuthority, makeClient } from "./clientPki.ts";
import { docker } from "./docker.ts";
import { COLLECTOR, Proxy } from "./proxy.ts";
import { WebSocketClient } from "./webSocket.ts";
import { WebUpstream } from "./webUpstream.ts";

const BASIC = `Basic ${Buffer.from(COLLECTOR).toString("base64")}`;

interface Told {
  readonly from: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Starts a proxy, and gives it the doors that the services behind it make possible. */
async function start(
  doors: (at: (service: string) => string) => NginxOptions["doors"],
  services: readonly string[],
  options: Parameters<typeof Proxy.start>[0] = {},
) {
  const proxy = await Proxy.start(options);
  const gateway = proxy.at(proxy.upstream).split(":")[0] ?? "";
  const behind = new Map<string, WebUpstream>();
  for (const name of services) {
    behind.set(name, await WebUpstream.start(gateway, name));
  }
  const at = (name: string) => {
    const service = behind.get(name);
    assert.ok(service);
    return proxy.at(service);
  };
  proxy.writeRelease("doors", { doors: doors(at) });
  await proxy.reload("doors");
  const stop = async () => {
    await proxy.stop();
    await Promise.all([...behind.values()].map((service) => service.stop()));
  };
  return { proxy, behind, stop };
}

describe("doors that share a port", () => {
  let running: Awaited<ReturnType<typeof start>>;
  let ann: Awaited<ReturnType<typeof makeClient>>;
  let one: Door;
  before(async () => {
    const authority = await makeAuthority("client CA 1");
    ann = await makeClient(authority, "ann");
    const revocations = await renderCrls({
      ...{ authorities: [authority], revoked: [], previous: "", now: new Date() },
    });
    const port = 8441;
    running = await start(
      (at) => [
        {
          ...{ name: "wiki", port, names: ["wiki.example.org", "*.wiki.example.org"] },
          ...{ upstream: at("wiki"), maxBody: "1m", profile: "web" },
        },
        {
          ...{ name: "shop", port, names: ["shop.example.org", "old.wiki.example.org"] },
          ...{ upstream: at("shop"), maxBody: "1k", access: "certificate" },
        },
        {
          ...{ name: "either", port, names: ["either.example.org", "127.0.0.1"] },
          ...{ upstream: at("either"), maxBody: "1m", access: "either" },
        },
      ],
      ["wiki", "shop", "either"],
      {
        serverNames: [
          ...["wiki.example.org", "*.wiki.example.org", "shop.example.org"],
          ...["old.wiki.example.org", "either.example.org", "127.0.0.1"],
        ],
        clients: [ann.listed],
        clientFiles: { "client-ca.crt": authority.certificate, "client-ca.crl": revocations },
      },
    );
    one = running.proxy.kms;
  });
  after(() => running.stop());
  beforeEach(() => running.behind.forEach((service) => service.requests.splice(0)));

  const asked = () =>
    [...running.behind].flatMap(([name, { requests }]) => requests.map(() => name));

  it("lead to the service of the name, with what that door asks for", async () => {
    for (const [name, options, from, user] of [
      ["wiki.example.org", { auth: COLLECTOR }, "wiki", "collector"],
      ["any.wiki.example.org", { auth: COLLECTOR }, "wiki", "collector"],
      ["old.wiki.example.org", { client: ann }, "shop", "ann"],
      ["shop.example.org", { client: ann }, "shop", "ann"],
      ["either.example.org", { auth: COLLECTOR }, "either", "collector"],
      ["either.example.org", { client: ann }, "either", "ann"],
    ] as const) {
      const answer = await call({ ...one, serverName: name }, { path: "/x", ...options });
      assert.equal(answer.status, 200, name);
      const told = JSON.parse(answer.body) as Told;
      assert.deepEqual([told.from, told.headers["x-cybexp-user"]], [from, user], name);
      const line = await running.proxy.logged(answer.headers["x-request-id"]);
      assert.deepEqual([line.door, line.user], [from, user]);
    }
  });

  it("refuse what that door doesn't let in, though the one beside it would", async () => {
    for (const [name, options, status, door] of [
      ["wiki.example.org", { client: ann }, 401, "wiki"],
      ["shop.example.org", { auth: COLLECTOR }, 403, "shop"],
      ["old.wiki.example.org", { auth: COLLECTOR }, 403, "shop"],
      ["either.example.org", {}, 401, "either"],
    ] as const) {
      const answer = await call({ ...one, serverName: name }, options);
      assert.equal(answer.status, status, name);
      assert.equal((JSON.parse(answer.body) as { door: string }).door, door);
    }
    assert.deepEqual(asked(), []);
  });

  it("have their own limits and headers", async () => {
    const body = Buffer.alloc(2000);
    const wiki = { ...one, serverName: "wiki.example.org" };
    const shop = { ...one, serverName: "shop.example.org" };
    const large = await call(wiki, { method: "POST", path: "/x", body, auth: COLLECTOR });
    assert.deepEqual([large.status, large.headers["x-frame-options"]], [200, "SAMEORIGIN"]);
    const refused = await call(shop, { method: "POST", path: "/x", body, client: ann });
    assert.deepEqual([refused.status, refused.headers["x-frame-options"]], [413, "DENY"]);
  });

  it("are not entered by one name and left by another", async () => {
    for (const [sni, host, due] of [
      ["wiki.example.org", "shop.example.org", 421],
      ["wiki.example.org", "old.wiki.example.org", 421],
      ["wiki.example.org", "either.example.org", 421],
      ["either.example.org", "shop.example.org", 421],
      ["wiki.example.org", "evil.example.org", 421],
      // Without a certificate in the handshake.
      ["", "shop.example.org", 403],
    ] as const) {
      const text = `GET /x HTTP/1.1\r\nHost: ${host}\r\nAuthorization: ${BASIC}\r\nConnection: close\r\n\r\n`;
      const answer = await raw(one, text, { servername: sni });
      assert.match(answer, new RegExp(`^HTTP/1\\.1 ${due} `), `${sni} ${host}`);
    }
    assert.deepEqual(asked(), []);
  });

  it("take a request without a Host for none of theirs", async () => {
    // HTTP/1.0 needs no Host; a certificate's door would not look at the password.
    for (const servername of ["shop.example.org", "old.wiki.example.org", "wiki.example.org"]) {
      const answer = await raw(one, `GET /x HTTP/1.0\r\nAuthorization: ${BASIC}\r\n\r\n`, {
        ...{ servername, cert: ann.certificate, key: ann.privateKey },
      });
      assert.match(answer, /^HTTP\/1\.1 421 /, servername);
    }
    assert.deepEqual(asked(), []);
  });

  it("have one for callers that send no name", async () => {
    const text = `GET /x HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: ${BASIC}\r\nConnection: close\r\n\r\n`;
    const answer = await raw(one, text, { servername: "" });
    assert.match(answer, /^HTTP\/1\.1 200 [^]*"from":"either"/);
  });

  it("refuse the handshake under any other name", async () => {
    for (const serverName of ["evil.example.org", "a.b.wiki.example.org"]) {
      await assert.rejects(handshake({ ...one, serverName }), /unrecognized name/);
    }
  });
});

for (const access of ["password", "either"] as const) {
  describe(`paths of a door of ${access}`, () => {
    let running: Awaited<ReturnType<typeof start>>;
    let door: Door;
    before(async () => {
      const authority = await makeAuthority("client CA 1");
      const revocations = await renderCrls({
        ...{ authorities: [authority], revoked: [], previous: "", now: new Date() },
      });
      running = await start(
        (at) => [
          {
            ...{ name: "kms", port: 8441, upstream: at("site"), maxBody: "1m", profile: "web" },
            access,
            paths: [
              { path: "/app/", upstream: at("app"), stripPrefix: true },
              { path: "/app/v1.0/", upstream: at("old"), standIn: "old-handover:80" },
              { path: "/plain/", upstream: at("plain") },
            ],
          },
          { name: "backend", port: 8442, upstream: at("site"), maxBody: "1m" },
        ],
        ["site", "app", "old", "plain"],
        { clientFiles: { "client-ca.crt": authority.certificate, "client-ca.crl": revocations } },
      );
      door = running.proxy.kms;
    });
    after(() => running.stop());
    beforeEach(() => running.behind.forEach((service) => service.requests.splice(0)));

    const get = (path: string, auth: string | undefined = COLLECTOR) =>
      call(door, {
        path,
        ...(auth !== "" && { auth }),
        headers: { Host: `${door.serverName}:${door.port}` },
      });
    const told = async (path: string) => {
      const answer = await get(path);
      assert.equal(answer.status, 200, path);
      return JSON.parse(answer.body) as Told;
    };

    it("lead to their services, the longest that fits first", async () => {
      for (const [path, from, url] of [
        ["/x?a=%2F", "site", "/x?a=%2F"],
        ["/app/x%2Fy?a=/app/", "app", "/x%2Fy?a=/app/"],
        ["/app/v1.0/x", "old", "/app/v1.0/x"],
        ["/app/v1x0/x", "app", "/v1x0/x"],
        ["/plain/x//y", "plain", "/plain/x//y"],
        ["/application/x", "site", "/application/x"],
        // What Nginx finds is where the path leads in the end.
        ["/app/../x", "site", "/app/../x"],
        ["/x/../plain/y", "plain", "/x/../plain/y"],
      ] as const) {
        const { from: answered, url: seen, headers } = await told(path);
        assert.deepEqual([answered, seen], [from, url], path);
        assert.equal(headers["x-forwarded-prefix"], from === "app" ? "/app" : undefined, path);
        assert.equal(headers["x-cybexp-user"], "collector");
      }
    });

    it("are not found where they are to be stripped and are spelled in another way", async () => {
      for (const path of ["//app/x", "/%61pp/x", "/x/../app/y", "/./app/x"]) {
        assert.equal((await get(path)).status, 404, path);
      }
      assert.equal(running.behind.get("app")?.requests.length, 0);
    });

    it("ask for the same as the door", async () => {
      for (const path of ["/app/x", "/app", "/app/v1.0/x", "/plain/x"]) {
        assert.equal((await get(path, "")).status, 401, path);
        assert.equal((await get(path, "collector:wrong")).status, 401, path);
      }
      const { head } = await WebSocketClient.open(door, { path: "/app/socket" });
      assert.match(head, /^HTTP\/1\.1 401 /);
      for (const [, { requests }] of running.behind) {
        assert.deepEqual(requests, []);
      }
    });

    it("let a password in beside a certificate that is refused, if the door does", async () => {
      const stranger = await makeClient(await makeAuthority("another CA"), "stranger");
      const options = { path: "/app/x", auth: COLLECTOR, client: stranger };
      const answer = await call(door, options);
      assert.equal(answer.status, 200);
      const { from, url, headers } = JSON.parse(answer.body) as Told;
      assert.deepEqual([from, url, headers["x-cybexp-user"]], ["app", "/x", "collector"]);
    });

    it("lead to their beginning without the last slash, by the same method", async () => {
      const { status, headers } = await get("/app?a=b");
      assert.deepEqual(
        [status, headers.location, headers["cache-control"]],
        [308, `https://${door.serverName}:${door.port}/app/?a=b`, "no-store"],
      );
    });

    it("add what was stripped to redirects and cookies", async () => {
      const here = `https://${door.serverName}:${door.port}/app`;
      for (const [to, location] of [
        ["/login?a=/", `${here}/login?a=/`],
        // It has read X-Forwarded-Prefix.
        ["/app/login?a=/", `${here}/login?a=/`],
        ["/app", here],
        ["/apple", `${here}/apple`],
        ["http://HOST/login", `${here}/login`],
        ["https://HOST/app/login", `${here}/login`],
        ["http://OWN/login", `${here}/login`],
        ["//elsewhere.example/x", "https://elsewhere.example/x"],
        ["https://elsewhere.example/x", "https://elsewhere.example/x"],
        ["relative", "relative"],
      ] as const) {
        const { headers } = await get(`/app/redirect?to=${encodeURIComponent(to)}`);
        assert.equal(headers.location, location, to);
      }
      const { headers } = await get("/app/own");
      assert.deepEqual(headers["set-cookie"], [
        ...["a=1; Path=/app/; HttpOnly", "b=2", "c=3; Path=/app/deep", "d=4; Path=/app"],
      ]);
      const { headers: others } = await get("/plain/own");
      assert.equal(others["set-cookie"]?.[0], "a=1; Path=/; HttpOnly");
      const plain = await get("/plain/redirect?to=http://HOST/x");
      assert.equal(plain.headers.location, `https://${door.serverName}:${door.port}/x`);
    });

    it("have WebSockets and streams as the door has", async () => {
      const socket = await WebSocketClient.open(door, { path: "/app/socket", auth: COLLECTOR });
      const { said, headers } = await socket.say("x");
      assert.deepEqual([said, headers["x-cybexp-user"]], ["x", "collector"]);
      socket.close();
      assert.equal(running.behind.get("app")?.requests.at(-1)?.url, "/socket");
    });

    it("go to their own stand-in while their service is replaced", async () => {
      const { container } = running.proxy;
      docker(["exec", container, "touch", "/tmp/handover-old"]);
      // Nobody has that name here.
      assert.equal((await get("/app/v1.0/x")).status, 502);
      assert.equal((await get("/app/x")).status, 200);
      docker(["exec", container, "rm", "/tmp/handover-old"]);
      assert.equal((await get("/app/v1.0/x")).status, 200);
    });

    it("also pass while answers are the last on their connections", async () => {
      const { container } = running.proxy;
      docker(["exec", container, "touch", "/tmp/closing"]);
      try {
        for (const [path, from] of [
          ["/app/x", "app"],
          ["/plain/x", "plain"],
          ["/x", "site"],
        ] as const) {
          assert.equal((await told(path)).from, from);
        }
        assert.equal((await get("/app/x", "")).status, 401);
      } finally {
        docker(["exec", container, "rm", "/tmp/closing"]);
      }
    });
  });
}
