import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { NginxSyntaxError, parseNginx } from "../../../policy/nginx/parse.ts";
import { COMMAND, CONTAINER } from "../../../names/types.ts";
import { UNKNOWN } from "../../../policy/pack/unknown.ts";
import { nginxDoor } from "../../../policy/rules/nginxDoor.ts";
import { tlsFloor } from "../../../policy/rules/tlsFloor.ts";
import { judge, resource } from "./judge.ts";

const delivery = (conf: string, others: object = {}) =>
  resource(COMMAND, "delivery", {
    stdin: JSON.stringify({ files: { "nginx.conf": { content: conf }, ...others } }),
  });

/** A server that asks for a password, with whatever else is in it. */
const server = (inside: string, listen = "8443 ssl") =>
  `http { ssl_protocols TLSv1.2 TLSv1.3; server { listen ${listen}; server_name a.example.org; ${inside} } }`;
const ASKED = 'auth_basic "x"; auth_basic_user_file /htpasswd;';
const PASS = "proxy_pass http://app;";

const fixture = (name: string) =>
  readFileSync(new URL(`../fixtures/${name}.conf`, import.meta.url), "utf8");

/** The locations that let everybody in. */
const open = (conf: string, settings = {}) =>
  judge(nginxDoor, [delivery(conf)], { settings }).map((told) => {
    assert.match(told, /^delivery: its Nginx lets everybody in: /);
    return /from location (.*) without a password/.exec(told)?.[1] ?? told;
  });

describe("the reader of nginx.conf", () => {
  it("knows words, quotes, comments, blocks and variables as Nginx does", () => {
    const text = `a b;# c;\nd "e;{ \\"f" '\\'' { g \${h}i; "" \\j; if (-f /x) { k; } }`;
    assert.deepEqual(parseNginx(text), [
      { name: "a", args: ["b"] },
      {
        name: "d",
        args: ['e;{ "f', "'"],
        block: [
          { name: "g", args: ["${h}i"] },
          { name: "", args: ["\\j"] },
          { name: "if", args: ["(-f", "/x)"], block: [{ name: "k", args: [] }] },
        ],
      },
    ]);
  });

  for (const [text, message] of [
    ["a {", "it ends inside a block"],
    ["a", "it ends inside a directive"],
    ["a;\n}", 'line 2: an extra "}", or no ";" before it'],
    ["a { b }", 'line 1: an extra "}", or no ";" before it'],
    ["a;\n;", 'line 2: nothing before ";"'],
    ['a\n"b', "line 2: a quote that is not closed"],
  ] as const) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(() => parseNginx(text), new NginxSyntaxError(message));
    });
  }
});

describe("nginx-door", () => {
  for (const name of ["nginx-1.22", "nginx-1.30", "nginx-1.22-certificates"]) {
    it(`takes the proxy's own configuration (${name})`, () => {
      assert.deepEqual(open(fixture(name)), []);
    });
  }

  it("reports the proxy's own without its file of passwords", () => {
    const conf = fixture("nginx-1.22");
    assert.deepEqual(open(conf.replace(/auth_basic_user_file [^;]*;/g, "")), [
      "@service",
      "@closing",
      "@service",
      "@closing",
    ]);
  });

  it("reports a location that asks for nothing, however deep it is", () => {
    assert.deepEqual(open(server(`location / { ${PASS} }`)), ["/"]);
    assert.deepEqual(open(server(`location /a { location /a/b { ${PASS} } return 404; }`)), [
      "/a/b",
    ]);
    assert.deepEqual(open(server(`location / { if ($arg_x) { ${PASS} } }`)), ["/"]);
    assert.deepEqual(open(server(`${ASKED} location /a { auth_basic off; uwsgi_pass app; }`)), [
      "/a",
    ]);
  });

  it("accepts a password, a required certificate, a request to another service, and a redirect", () => {
    assert.deepEqual(open(server(`${ASKED} location / { ${PASS} }`)), []);
    assert.deepEqual(open(server(`ssl_verify_client on; location / { ${PASS} }`)), []);
    assert.deepEqual(open(server(`location / { auth_request /ask; ${PASS} }`)), []);
    assert.deepEqual(open(server(`location / { deny all; ${PASS} }`)), []);
    assert.deepEqual(
      open(server(`return 308 https://$host$uri; location / { ${PASS} }`, "80")),
      [],
    );
    assert.deepEqual(open(server(`location / { ${PASS} }`, "127.0.0.1:8081")), []);
  });

  it("treats an optional certificate as none", () => {
    assert.deepEqual(open(server(`ssl_verify_client optional; location / { ${PASS} }`)), ["/"]);
    assert.deepEqual(open(server(`ssl_verify_client optional_no_ca; location / { ${PASS} }`)), [
      "/",
    ]);
  });

  it("leaves what a map decides to tests: a realm from a variable, a location after a certificate", () => {
    const realm = server(`auth_basic $realm; auth_basic_user_file /h; location / { ${PASS} }`);
    assert.deepEqual(open(realm), []);
    const gate = (verify: string) => server(`${verify} location @in { ${PASS} }`);
    assert.deepEqual(open(gate("ssl_verify_client optional;")), []);
    assert.deepEqual(open(gate("")), ["@in"]);
  });

  it("reports `satisfy any` with an address", () => {
    const text = `satisfy any; allow 10.0.0.0/8; deny all; ${ASKED} location / { ${PASS} }`;
    assert.deepEqual(open(server(text)), ["/"]);
  });

  it("reports a stream without certificates", () => {
    const stream = (more: string) =>
      `stream { server { listen 27017; proxy_pass db:27017; ${more} } }`;
    assert.equal(judge(nginxDoor, [delivery(stream(""))]).length, 1);
    assert.deepEqual(judge(nginxDoor, [delivery(stream("ssl_verify_client on;"))]), []);
  });

  it("looks into what is included and delivered with it", () => {
    const conf = `http { include /etc/nginx/app.conf; include mime.types; }`;
    const app = { "app.conf": { content: `server { listen 80; location / { ${PASS} } }` } };
    assert.equal(judge(nginxDoor, [delivery(conf, app)]).length, 1);
    assert.deepEqual(judge(nginxDoor, [delivery(conf)]), []);
  });

  it("looks at what is uploaded to a container", () => {
    const uploads = [{ file: "/etc/nginx/nginx.conf", content: server(`location / { ${PASS} }`) }];
    const [told = "", ...more] = judge(nginxDoor, [resource(CONTAINER, "web", { uploads })]);
    assert.match(told, /^web: its Nginx lets everybody in: the server a\.example\.org at 8443 /);
    assert.deepEqual(more, []);
  });

  it("says where it can't be read, without quoting it", () => {
    const [told] = judge(nginxDoor, [delivery("http {\n hunter2")]);
    assert.equal(told, "delivery: its nginx.conf can't be read: it ends inside a block");
  });

  it("waits for a configuration that is not known yet", () => {
    const unknown = resource(COMMAND, "delivery", { stdin: UNKNOWN });
    assert.deepEqual(judge(nginxDoor, [unknown]), []);
    assert.deepEqual(
      judge(nginxDoor, [resource(COMMAND, "x", { stdin: "no JSON: nginx.conf" })]),
      [],
    );
  });

  it("allows the locations and reads the files that its settings name", () => {
    const conf = server(`location /healthz { ${PASS} } location / { ${PASS} }`);
    const settings = { open: [{ location: "/healthz", reason: "the load balancer asks" }] };
    assert.deepEqual(open(conf, settings), ["/"]);
    assert.deepEqual(judge(nginxDoor, [delivery(conf)], { settings: { file: "site.conf" } }), []);
  });
});

describe("tls-floor", () => {
  const told = (conf: string, settings = {}) => judge(tlsFloor, [delivery(conf)], { settings });

  it("takes the proxy's own configurations, and what only redirects", () => {
    for (const name of ["nginx-1.22", "nginx-1.30", "nginx-1.22-certificates"]) {
      assert.deepEqual(told(fixture(name)), []);
    }
    assert.deepEqual(told(server("return 308 https://$host$uri;", "80")), []);
    assert.deepEqual(told(server("", "127.0.0.1:8081")), []);
    assert.deepEqual(told(server("", "[::1]:8081")), []);
    assert.deepEqual(told(server("", "unix:/run/nginx")), []);
  });

  it("reports old versions, none at all, and plain HTTP", () => {
    assert.deepEqual(told(server("ssl_protocols TLSv1 TLSv1.1 TLSv1.2;")), [
      "delivery: its Nginx speaks TLSv1 and TLSv1.1 for the server a.example.org: remove what is older than TLSv1.2 from ssl_protocols",
    ]);
    assert.deepEqual(told("http { server { listen 443 ssl; } }"), [
      "delivery: its Nginx uses its version's default TLS protocols for a server: set ssl_protocols",
    ]);
    for (const listen of ["80", "0.0.0.0:80", "[::]:80", "*:80", "localhost:80", "10.0.0.1"]) {
      const [one = "", ...more] = told(server("", listen));
      assert.ok(one.includes(`the server a.example.org listens on ${listen} without ssl`), one);
      assert.deepEqual(more, []);
    }
    assert.equal(told("http { server { } }").length, 1);
  });

  it("waits for a configuration that is not known yet", () => {
    assert.deepEqual(judge(tlsFloor, [resource(COMMAND, "delivery", { stdin: UNKNOWN })]), []);
  });

  it("uses the minimum from its settings", () => {
    assert.equal(told(server(""), { minimum: "TLSv1.3" }).length, 1);
    assert.deepEqual(told(server("ssl_protocols TLSv1.3;"), { minimum: "TLSv1.3" }), []);
  });
});
