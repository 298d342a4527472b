/** Doors that ask for more than the services of CYBEX-P need. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import fc from "fast-check";
import { OWN_CALLER_HEADERS, OWN_REALM } from "../../names/own.ts";
import { checkCovered, checkRenewed } from "../../render/doorNames.ts";
import { type NginxDoor, type NginxOptions, renderNginx } from "../../render/nginx.ts";
import { commonDialect, nginxDialect } from "../../render/nginxDialect.ts";
import { proxyRelease, type ReleaseDoor } from "../../render/proxyRelease.ts";
import { roleOfStandIn } from "../../render/standIn.ts";

const digest = "0123456789abcdef0123456789abcdef";
const current = nginxDialect("nginx version: nginx/1.30.6\nbuilt with OpenSSL 3.6.5\n");

const door = { name: "site", port: 8441, upstream: "site:8000", maxBody: "20m" } as const;

const options: NginxOptions = {
  serverNames: ["cybexp.example.org"],
  doors: [door],
  readTimeout: 60,
  shutdownTimeout: 90,
  statusPort: 8081,
  releaseDir: `/release/releases/${digest}`,
  passwords: { salt: "0123456789abcdefABCDEF", digests: { ann: "AAAAAAAAAAAAAAAAAAAAAA" } },
  resolver: "127.0.0.11",
  release: digest,
};

/** One of each kind. */
const doors: readonly NginxDoor[] = [
  {
    ...door,
    ...{ standIn: "site-handover:8000", access: "either", profile: "web", keepAlive: 16 },
    headers: { "Permissions-Policy": 'camera=(self "https://a.example")', "Referrer-Policy": "" },
    paths: [
      {
        ...{ path: "/app/v1.0/", upstream: "app:80", standIn: "app-handover:80" },
        stripPrefix: true,
      },
      { path: "/tls/", upstream: "tls:443", tls: { serverName: "tls.example.org" } },
    ],
  },
  {
    ...{ name: "files", port: 8441, names: ["files.example.org", "*.files.example.org"] },
    ...{ upstream: "files:9000", maxBody: "1g", buffersUploads: false, streaming: true },
  },
  { ...{ name: "data", port: 8442, names: ["127.0.0.1"] }, upstream: "data:5000", maxBody: "1m" },
];

const fixture = (name: string) => readFileSync(join(import.meta.dirname, "fixtures", name), "utf8");
const rendered = (change: Partial<NginxDoor>, dialect = current) =>
  renderNginx({ ...options, doors: [{ ...door, ...change }], dialect });

describe("doors in nginx.conf", () => {
  for (const [name, dialect] of [
    ["nginx-1.22-doors.conf", commonDialect],
    ["nginx-1.30-doors.conf", current],
  ] as const) {
    it(`are written as in ${name}`, () => {
      assert.equal(renderNginx({ ...options, doors, dialect }), fixture(name));
    });
  }

  it("say the same with the defaults written out", () => {
    const plain = renderNginx(options);
    assert.equal(rendered({}, commonDialect), plain);
    const spelled: Partial<NginxDoor> = {
      ...{ profile: "api", headers: {}, streaming: false, websocket: false, buffersUploads: true },
      ...{ keepAlive: 0, names: options.serverNames, paths: [] },
    };
    assert.equal(rendered(spelled, commonDialect), plain);
  });

  it("keep connections only where Nginx can look a name up on and on", () => {
    assert.equal(rendered({ keepAlive: 8 }, commonDialect), rendered({}, commonDialect));
    const text = rendered({ keepAlive: 8 });
    assert.match(text, /^ {4}upstream kept_8441 \{\n {8}zone kept_8441 128k;$/m);
    assert.match(text, /^ {8}server site:8000 resolve max_fails=0;\n {8}keepalive 2;$/m);
    assert.match(text, /^ {8}proxy_next_upstream error;$/m);
    assert.match(text, /^ {8}proxy_set_header Connection "";$/m);
    assert.match(text, /^ {12}proxy_pass http:\/\/\$target\$request_uri;$/m);
  });

  it("share kept connections out among the workers, at least one each", () => {
    const kept = (keepAlive: number, workers: number) =>
      /keepalive (\d+);/.exec(
        renderNginx({
          ...options,
          ...{ doors: [{ ...door, keepAlive }], dialect: current },
          room: { workers, connections: 1024, largeBodies: 10 },
        }),
      )?.[1];
    assert.deepEqual([kept(8, 4), kept(9, 4), kept(1, 4), kept(5, 1)], ["2", "3", "1", "5"]);
  });

  it("tell services the same in every list of headers", () => {
    const lists = renderNginx({ ...options, doors, dialect: current })
      .split(/^ {4}server \{$/m)
      .map((part) => [...part.matchAll(/^ +proxy_set_header (\S+) /gm)].map(([, name]) => name));
    const full = lists[0] ?? [];
    assert.equal(full.length, 18);
    // Once for all, and once more for the door with other ones.
    assert.deepEqual(
      lists.slice(1).map((list) => list.filter((name) => name !== "Upgrade")),
      [full, [], [], [], [], []],
    );
  });

  it("hide the same of a service's headers, except what a page may say", () => {
    const hidden = (change: Partial<NginxDoor>) => {
      const [, server = ""] = rendered(change).split(/^ {4}server \{$/m);
      return [...server.matchAll(/proxy_hide_header (\S+);/g)].map(([, name]) => name);
    };
    assert.deepEqual(hidden({}), []);
    assert.deepEqual(hidden({ profile: "web" }), [
      ...["Strict-Transport-Security", "X-Content-Type-Options", "X-Request-Id", "Server"],
      "X-Powered-By",
    ]);
    assert.deepEqual(hidden({ headers: { "X-Robots-Tag": "none", "Cache-Control": "" } }), [
      ...["Strict-Transport-Security", "X-Content-Type-Options", "Content-Security-Policy"],
      ...["X-Frame-Options", "Referrer-Policy", "X-Robots-Tag", "Cache-Control", "X-Request-Id"],
      ...["Server", "X-Powered-By"],
    ]);
  });

  const at = (name: string, port: number, names?: readonly string[]): NginxDoor => ({
    ...{ name, port, upstream: "a:1", maxBody: "1k" },
    ...(names && { names }),
  });
  const path = (one: string) => ({ path: one, upstream: "a:1" });
  const refused: [string, readonly NginxDoor[], RegExp][] = [
    [
      "two doors at one port",
      [at("wiki", 8441), at("shop", 8441)],
      /^the doors wiki and shop both answer to cybexp\.example\.org at port 8441: give each of them names of its own, or another port$/,
    ],
    [
      "one name of two doors at one port, however it is spelled",
      [at("wiki", 1, ["a.example.org", "*.b.c"]), at("shop", 1, ["*.B.c"])],
      /^the doors wiki and shop both answer to \*\.b\.c at port 1:/,
    ],
    ["a name that isn't one", [at("wiki", 1, ["a b"])], /a server name is "a b"/],
    ["a door without a name", [at("wiki", 1, [])], /at least one server name/],
    ["the status port", [at("wiki", 8081)], /the port 8081 is used twice/],
    [
      "a path twice",
      [{ ...door, paths: [path("/a/"), path("/b/"), path("/a/")] }],
      /^the path \/a\/ of site leads to two services: leave one of them out$/,
    ],
    ...["", "/", "//", "app/", "/app", "/a//b/", "/a/../b/", "/./", "/a b/", "/$host/", "/a;/"]
      .concat(["/a{/", "/%61/", "/a\n/", `/${"a".repeat(200)}/`])
      .map((one): [string, readonly NginxDoor[], RegExp] => [
        `the path ${JSON.stringify(one.slice(0, 20))}`,
        [{ ...door, paths: [path(one)] }],
        /^a path of site is .*, but must begin and end with \/ /,
      ]),
    [
      "a service of a path that is no address",
      [{ ...door, paths: [{ path: "/a/", upstream: "a" }] }],
      /^the upstream of site\/a\/ is "a", but must be host:port$/,
    ],
    [
      "a stand-in of a path that is nobody's",
      [{ ...door, paths: [{ ...path("/a/"), standIn: "b:1" }] }],
      /^b:1 must be the host name of a stand-in, such as app-handover:80$/,
    ],
    ["a header with a space", [{ ...door, headers: { "X Y": "z" } }], /a header of site is "X Y"/],
    [
      "a header twice",
      [{ ...door, headers: { "X-Y": "1", "x-y": "2" } }],
      /^a header of site, x-y, is there twice$/,
    ],
    ...[
      "Strict-Transport-Security",
      "set-cookie",
      "X-Request-Id",
      "X-Accel-Redirect",
      "Location",
    ].map((name): [string, readonly NginxDoor[], RegExp] => [
      `the header ${name}`,
      [{ ...door, headers: { [name]: "x" } }],
      /which is not a door's to set$/,
    ]),
    ...["$host", "a\nb", "a\\b", " a", "a ", "ä"].map(
      (value): [string, readonly NginxDoor[], RegExp] => [
        `the value ${JSON.stringify(value)}`,
        [{ ...door, headers: { "X-Y": value } }],
        /^the header X-Y of site is .*, but must be printable ASCII/,
      ],
    ),
    ["too many kept connections", [{ ...door, keepAlive: 5000 }], /from 0 to 1024/],
    ["half a connection", [{ ...door, keepAlive: 0.5 }], /kept connections of site is 0.5/],
    [
      "another profile",
      [{ ...door, profile: "spa" as "web" }],
      /^the profile of site is "spa", but must be api or web$/,
    ],
  ];
  for (const [what, some, message] of refused) {
    it(`refuse ${what}`, () => {
      assert.throws(() => renderNginx({ ...options, doors: some }), {
        name: "RangeError",
        message,
      });
    });
  }

  it("never let a header's value escape its place", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary-ascii", maxLength: 30 }), (value) => {
        let text: string;
        try {
          text = rendered({ headers: { "X-Y": value } });
        } catch (error) {
          return error instanceof RangeError;
        }
        const escaped = value.replaceAll('"', '\\"');
        return (
          /^[ -~]*$/.test(value) &&
          !/[$\\]/.test(value) &&
          (value === "") !== text.includes(`add_header X-Y "${escaped}" always;\n`)
        );
      }),
      { numRuns: 1000 },
    );
  });

  it("never let a path escape its place", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary-ascii", maxLength: 12 }), (text) => {
        const one = `/${text}/`;
        try {
          rendered({ paths: [{ path: one, upstream: "a:1", stripPrefix: true }] });
        } catch (error) {
          return error instanceof RangeError;
        }
        return /^(\/[A-Za-z0-9._~-]+)+\/$/.test(one) && !/\/\.{1,2}\//.test(one);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("the release of the proxy", () => {
  const input = {
    ...{ serverNames: ["cybexp.example.edu"], readTimeout: 300, shutdownTimeout: 60 },
    dialect: commonDialect,
    pairs: [{ certificate: "certificate", privateKey: "key" }],
    check: { ...options.passwords, htpasswd: "" },
    clients: { authorities: "", revocations: "", listed: [] },
    metrics: "",
  };
  const tls = (name: string) => ({
    serverName: `${name}.example.org`,
    ...{ authorities: `${name} ca`, certificate: `${name} crt`, privateKey: `${name} key` },
  });

  it("of a stack that was deployed before has the same digest", () => {
    // Of the commit that limits wrong passwords. If it differs, the upgrade reloads every proxy: CHANGELOG.md says so.
    const service = (name: string, port: number, maxBody: string): ReleaseDoor => ({
      ...{ name, port, maxBody, upstream: `${name}:5000`, standIn: `${name}-handover:5000` },
      access: "password",
      room: { requests: 480, largeBodies: 4 },
    });
    const own = { ...input, realm: OWN_REALM, callerHeaders: OWN_CALLER_HEADERS };
    const stack = [service("kms", 8441, "64k"), service("backend", 8442, "17m")];
    assert.equal(proxyRelease({ ...own, doors: stack }).digest, "d31ae744f5ebac8108f1db3a7c9cbdf4");
    const kapow: ReleaseDoor = {
      ...{ name: "kapow", port: 8443, maxBody: "16m", upstream: "kapow:8080", tls: tls("kapow") },
      access: "both",
      room: { requests: 240, largeBodies: 7 },
    };
    assert.equal(
      proxyRelease({ ...own, dialect: current, doors: [...stack, kapow] }).digest,
      "856d03b57e114ba7e3e57bdf48c0c8b1",
    );
  });

  it("has what is needed to call each service with TLS, of paths, too", () => {
    const { files } = proxyRelease({
      ...input,
      doors: [
        {
          ...{ ...door, tls: tls("own") },
          paths: [
            { path: "/plain/", upstream: "a:1" },
            { path: "/tls/", upstream: "b:1", tls: tls("other") },
          ],
        },
      ],
    });
    assert.deepEqual(
      Object.keys(files).filter((name) => name.startsWith("site")),
      [
        ...["site-upstream-ca.crt", "site-upstream.crt", "site-upstream.key"],
        ...["site.2-upstream-ca.crt", "site.2-upstream.crt", "site.2-upstream.key"],
      ],
    );
    assert.equal(files["site.2-upstream.key"]?.content, "other key");
    const conf = String(files["nginx.conf"]?.content);
    assert.match(conf, /^ {12}proxy_ssl_certificate_key \S+\/site\.2-upstream\.key;$/m);
    assert.match(conf, /^ {12}proxy_pass https:\/\/\$upstream\$request_uri;$/m);
  });

  it("has no door with a name that the certificate is not for", () => {
    const folder = mkdtempSync(join(tmpdir(), "cybexp-test-names-"));
    const [key, file] = [join(folder, "key"), join(folder, "crt")];
    execFileSync(
      "openssl",
      [
        ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
        ...["-keyout", key, "-out", file, "-subj", "/CN=x", "-addext"],
        "subjectAltName=DNS:a.example.org,DNS:*.b.example.org,IP:192.0.2.1,IP:2001:db8::5",
      ],
      { stdio: "ignore" },
    );
    const certificate = readFileSync(file, "utf8");
    rmSync(folder, { recursive: true });
    const named = (...names: string[]) =>
      proxyRelease({
        ...input,
        pairs: [{ certificate, privateKey: "key" }],
        doors: [{ ...door, names }],
      });
    named("a.example.org", "x.b.example.org", "*.b.example.org", "192.0.2.1", "2001:db8::5");
    for (const missing of ["c.example.org", "*.a.example.org", "x.y.b.example.org", "192.0.2.2"]) {
      assert.throws(() => named("a.example.org", missing), {
        name: "RangeError",
        message: `the proxy's certificate is not for ${missing}, a name of the door site: add it to the certificate's serverNames`,
      });
    }
    checkCovered("site", [], "no certificate");
    checkRenewed("site", ["A.example.org", "x.b.org", "*.b.org"], ["a.example.org", "*.b.org"]);
    assert.throws(() => checkRenewed("site", ["b.org"], ["*.b.org"]), /is not for b\.org, /);
    assert.throws(() => checkRenewed("site", ["*.c.org"], ["a.c.org"]), /is not for \*\.c\.org, /);
  });
});

describe("the role of a stand-in", () => {
  it("is that of its service", () => {
    assert.equal(roleOfStandIn("my-app-handover:8000"), "my-app");
    for (const text of ["app:80", "-handover:80", "handover:80", ""]) {
      assert.throws(() => roleOfStandIn(text), RangeError);
    }
  });
});
