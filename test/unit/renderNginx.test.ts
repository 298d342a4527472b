import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import fc from "fast-check";
import { OWN_CALLER_HEADERS, OWN_REALM } from "../../names/own.ts";
import { type NginxOptions, renderNginx } from "../../render/nginx.ts";
import type { NginxAccess } from "../../render/nginxClients.ts";
import {
  commonDialect,
  curvesWithMlkem,
  curvesWithoutMlkem,
  nginxDialect,
} from "../../render/nginxDialect.ts";

const digest = "0123456789abcdef0123456789abcdef";

const options: NginxOptions = {
  realm: OWN_REALM,
  callerHeaders: OWN_CALLER_HEADERS,
  serverNames: ["cybexp.example.org"],
  doors: [
    { name: "kms", port: 8441, upstream: "kms:5000", standIn: "kms-handover:5000", maxBody: "64k" },
    {
      name: "backend",
      port: 8442,
      upstream: "backend:5000",
      standIn: "backend-handover:5000",
      maxBody: "17m",
    },
  ],
  readTimeout: 60,
  shutdownTimeout: 90,
  statusPort: 8081,
  releaseDir: `/release/releases/${digest}`,
  passwords: {
    salt: "0123456789abcdefABCDEF",
    digests: { collector: "AAAAAAAAAAAAAAAAAAAAAA", analyst: "BBBBBBBBBBBBBBBBBBBBBB" },
  },
  resolver: "127.0.0.11",
  release: digest,
};

const fixture = (name: string) => readFileSync(join(import.meta.dirname, "fixtures", name), "utf8");

describe("renderNginx", () => {
  it("writes the whole file for the oldest Nginx that is supported", () => {
    assert.equal(renderNginx(options), fixture("nginx-1.22.conf"));
  });

  it("writes the whole file for a current Nginx", () => {
    const dialect = {
      curves: curvesWithMlkem,
      http2: "directive",
      keepaliveMinTimeout: true,
      resolvingUpstreams: true,
    } as const;
    assert.equal(renderNginx({ ...options, dialect }), fixture("nginx-1.30.conf"));
  });

  it("shows an RSA and an ECDSA certificate, each with its key", () => {
    const lines = renderNginx({ ...options, certificateCount: 2 })
      .split("\n")
      .filter((line) => line.trim().startsWith("ssl_certificate"));
    assert.deepEqual(
      lines.map((line) => line.trim().replaceAll(options.releaseDir, "DIR")),
      [
        "ssl_certificate DIR/server.crt;",
        "ssl_certificate_key DIR/server.key;",
        "ssl_certificate DIR/server-2.crt;",
        "ssl_certificate_key DIR/server-2.key;",
      ],
    );
    for (const certificateCount of [0, 3]) {
      assert.throws(() => renderNginx({ ...options, certificateCount }), RangeError);
    }
  });

  it("staples OCSP answers at the doors alone, and trusts no authority for it", () => {
    const lines = renderNginx({ ...options, ocspStapling: true }).split("\n");
    const plain = renderNginx({ ...options, ocspStapling: false }).split("\n");
    assert.equal(plain.join("\n"), renderNginx(options));
    assert.deepEqual(
      lines.filter((line) => !plain.includes(line)),
      options.doors.flatMap(() => [
        "        # Without ssl_trusted_certificate, which Nginx would verify clients' certificates by, too.",
        "        ssl_stapling on;",
      ]),
    );
  });

  it("has a server for the metrics alone where they are read from outside", () => {
    const text = renderNginx({ ...options, metricsPort: 8082 });
    const [without, server = ""] = text.split("\n\n    # For Prometheus:");
    assert.equal(`${without}\n}\n`, renderNginx(options));
    assert.equal(
      server,
      ` when certificates end, and nothing else.
    server {
        listen 8082;
        access_log off;
        # In place of those above: they speak of TLS.
        add_header Cache-Control no-store;

        location = /metrics {
            default_type "text/plain; version=0.0.4; charset=utf-8";
            alias /release/releases/${digest}/metrics.prom;
        }
        location / {
            return 404;
        }

        # The status is the one that led here, not 200; a return comes before the password check.
        location @refused {
            return 200 '{"status":$status,"door":"$door","error":"$cause","request":"$request_id"}\\n';
        }
        location = /.refused {
            internal;
            return 200 '{"status":$status,"door":"$door","error":"$cause","request":"$request_id"}\\n';
        }
    }
}
`,
    );
  });

  it("goes to a service with TLS by its name, with a certificate, and verifies it each time", () => {
    const door = {
      name: "kapow",
      port: 8443,
      upstream: "kapow:8080",
      maxBody: "16m",
      tls: { serverName: "routes.example.org" },
    };
    const text = renderNginx({ ...options, doors: [...options.doors, door] });
    const server = text.slice(
      text.indexOf("# The door to the kapow."),
      text.indexOf("# Any other"),
    );
    const folder = `/release/releases/${digest}`;
    assert.equal(
      server.slice(server.indexOf("        set $upstream"), server.indexOf("        location / {")),
      `\
        set $upstream kapow:8080;
        # Nginx would take any certificate, and ask for no name.
        proxy_ssl_verify on;
        proxy_ssl_verify_depth 3;
        proxy_ssl_trusted_certificate ${folder}/kapow-upstream-ca.crt;
        proxy_ssl_name routes.example.org;
        proxy_ssl_server_name on;
        proxy_ssl_protocols TLSv1.2 TLSv1.3;
        proxy_ssl_certificate ${folder}/kapow-upstream.crt;
        proxy_ssl_certificate_key ${folder}/kapow-upstream.key;
        # A resumed session is not verified again.
        proxy_ssl_session_reuse off;

`,
    );
    assert.deepEqual(server.match(/proxy_pass .*/g), [
      "proxy_pass https://$upstream$request_uri;",
      "proxy_pass https://$upstream$request_uri;",
    ]);
    assert.throws(
      () => renderNginx({ ...options, doors: [{ ...door, tls: { serverName: "a b" } }] }),
      { name: "RangeError", message: /^the server name of kapow is "a b"/ },
    );
  });

  const client = {
    name: "ann",
    subject: `serialNumber=2-${digest},CN=ann,O=CYBEX-P`,
    revoked: false,
  };
  const clients = [
    client,
    {
      name: "app.example.edu",
      subject: `serialNumber=1-${digest},CN=app.example.edu,O=CYBEX-P`,
      revoked: true,
    },
  ];
  const doors = (kms: NginxAccess, backend: NginxAccess) =>
    options.doors.map((door) => ({ ...door, access: door.name === "kms" ? kms : backend }));

  it("writes the whole file where certificates are asked for", () => {
    assert.equal(
      renderNginx({ ...options, doors: doors("either", "both"), clients }),
      fixture("nginx-1.22-certificates.conf"),
    );
  });

  it("writes nothing about certificates if no door asks for them, whoever is listed", () => {
    assert.equal(
      renderNginx({ ...options, doors: doors("password", "password"), clients }),
      fixture("nginx-1.22.conf"),
    );
    assert.doesNotMatch(fixture("nginx-1.22.conf"), /ssl_verify|ssl_client|client-ca/);
  });

  it("asks for a certificate at the doors that want one, and resumes no session there", () => {
    for (const access of ["certificate", "both", "either"] as const) {
      const text = renderNginx({ ...options, doors: doors("password", access), clients });
      const [, kms = "", backend = "", ...others] = text.split(/^ {4}server \{$/m);
      assert.doesNotMatch(kms, /ssl_verify_client/);
      assert.match(
        backend,
        new RegExp(`^ {8}ssl_verify_client ${access === "either" ? "optional" : "on"};$`, "m"),
      );
      assert.match(
        backend,
        access === "certificate"
          ? /^(?![^]*auth_basic)/
          : new RegExp(`^ {8}auth_basic \\$${access}_realm;$`, "m"),
      );
      for (const other of others) {
        assert.doesNotMatch(other, /ssl_verify_client|proxy_pass/);
      }
      assert.match(text, /^ {4}ssl_session_cache off;\n {4}ssl_session_tickets off;$/m);
    }
  });

  it("compares exact text except for OpenSSL's words and the scheme, and tests only for our own file", () => {
    const text = renderNginx({ ...options, doors: doors("either", "certificate"), clients })
      // These tell how large a body is, and let nobody in.
      .replaceAll(
        /^ +"(~ \[0-9\]\{6,\}\$" large|~\^\(POST\|PUT\|PATCH\) \$" large|~\^\[0-9\]\{6,\}\$" turns);$/gm,
        "",
      );
    assert.doesNotMatch(text, /^\s*(rewrite|hostnames|location\s+~)/m);
    assert.deepEqual(
      text.match(/^\s*"?~.*$/gm)?.map((line) => line.trim()),
      [
        '"~*^basic +(?<basic_credentials>.+)$" $basic_credentials;',
        '"~*^FAILED:CRL (has expired|is not yet valid)" unverifiable;',
        '"~*^FAILED:certificate (is |was |has been )?revoked" revoked;',
        '"~*^FAILED:certificate (has |is )?expired" expired;',
        '"~*^FAILED:certificate (is )?not yet valid" early;',
      ],
    );
    for (const line of text.match(/^\s*if\b.*$/gm) ?? []) {
      assert.match(line, /^\s*if \(-f \/tmp\/(handover-(kms|backend)|closing)\) \{$/);
    }
  });

  it("answers errors after a refused certificate in JSON, with every build", () => {
    const dialects = [
      commonDialect,
      {
        curves: curvesWithMlkem,
        http2: "directive",
        keepaliveMinTimeout: true,
        resolvingUpstreams: true,
      } as const,
    ];
    for (const dialect of dialects) {
      const text = renderNginx({
        ...options,
        doors: doors("password", "either"),
        clients,
        dialect,
      });
      // For all servers, and contradicted by none.
      assert.deepEqual(text.match(/^.*recursive_error_pages.*$/gm), [
        "    recursive_error_pages on;",
      ]);
    }
  });

  it("lets nobody in by default, whatever the result is", () => {
    const text = renderNginx({ ...options, doors: doors("either", "both"), clients });
    const map = (to: string) =>
      new RegExp(`map [^\\n]+ \\$${to} \\{\\n([^}]*)\\}`).exec(text)?.[1] ?? "";
    for (const way of ["certificate_way", "either_way", "unverified_way"]) {
      assert.match(map(way), /^ +default @certificate-refused;$/m, way);
    }
    // Where no password is asked for, the certificate alone decides, and these are decided.
    assert.deepEqual(map("either_realm").match(/\w+ off;/g), ["good off;", "revoked off;"]);
    assert.deepEqual(map("certificate_way").match(/\w+ @service;/g), ["good @service;"]);
    assert.match(map("both_realm"), /^ +default off;\n +good \$realm;\n +$/);
    assert.doesNotMatch(map("either_way"), /revoked|unverifiable/);
  });

  it("differs between builds in curves, HTTP/2 and keep-alive alone", () => {
    const dialect = {
      curves: curvesWithMlkem,
      http2: "directive",
      keepaliveMinTimeout: true,
      resolvingUpstreams: true,
    } as const;
    const common = renderNginx(options).split("\n");
    const current = renderNginx({ ...options, dialect }).split("\n");
    assert.deepEqual(
      current.filter((line) => !common.includes(line)).map((line) => line.trim()),
      [
        "ssl_ecdh_curve X25519MLKEM768:X25519:prime256v1:secp384r1;",
        "http2 on;",
        "# A stopping worker waits for the request that may be on its way on an idle connection.",
        "keepalive_min_timeout 5s;",
        "listen 8441 ssl;",
        "listen 8442 ssl;",
        "listen 8441 ssl default_server;",
        "listen 8442 ssl default_server;",
      ],
    );
  });

  it("sets nothing in a server or location that would drop what http sets", () => {
    const inheritedWhole =
      /^\s{8,}(add_header|proxy_set_header|proxy_hide_header|error_page|access_log)\b.*$/gm;
    assert.deepEqual(
      [...renderNginx(options).matchAll(inheritedWhole)].map(([line]) => line.trim()),
      // The status port's own, on purpose.
      ["access_log off;", "add_header Cache-Control no-store;"],
    );
  });

  it("asks for the password in every server that reaches a service", () => {
    const servers = renderNginx(options)
      .split(/^ {4}server \{$/m)
      .slice(1);
    const proxying = servers.filter((server) => server.includes("proxy_pass"));
    assert.equal(proxying.length, 2);
    for (const server of proxying) {
      assert.match(server, /^ {8}auth_basic \$realm;$/m);
      assert.match(
        server,
        new RegExp(`^ {8}auth_basic_user_file ${options.releaseDir}/htpasswd;$`, "m"),
      );
      assert.doesNotMatch(server, /satisfy/);
      // But where a refused password ends.
      const [asking, refused = ""] = server.split("location @wrong-password {");
      const [ending = "", rest] = refused.split("}");
      assert.doesNotMatch(`${asking}${rest}`, /auth_basic off/);
      assert.deepEqual(ending.trim().split(/\n\s*/), [
        "auth_basic off;",
        "limit_req zone=guesses burst=5;",
        "try_files /nothing @refused;",
      ]);
      // No other condition than a file of ours.
      assert.deepEqual(
        server.match(/\bif\b.*$/gm)?.map((line) => line.replace(/handover-\w+/, "handover-DOOR")),
        ["if (-f /tmp/handover-DOOR) {", "if (-f /tmp/closing) {"],
      );
    }
    assert.match(
      renderNginx(options),
      /^ {4}map \$secure_link \$realm \{\n {8}1 off;\n.*\n {8}default 'CYBEX-P", charset="UTF-8';\n {4}\}$/m,
    );
  });

  const refused: [string, Partial<NginxOptions>, RegExp][] = [
    [
      "a client's name with a directive",
      { clients: [{ ...client, name: "ann; return 200" }] },
      /a client's name is "ann; return 200"/,
    ],
    [
      "a subject that ends its place",
      { clients: [{ ...client, subject: `${client.subject}" good; "x` }] },
      /the subject of ann is /,
    ],
    [
      "another authority's kind of subject",
      { clients: [{ ...client, subject: "CN=ann" }] },
      /the subject of ann is "CN=ann"/,
    ],
    ["a subject twice", { clients: [client, client] }, /is listed twice/],
    [
      "a server name with a directive",
      { serverNames: ["a.example.org", "a; include /etc/passwd"] },
      /server name is "a; include/,
    ],
    ["a wildcard in the middle", { serverNames: ["a.*.example.org"] }, /must be a host name/],
    ["an address of one interface", { serverNames: ["fe80::1%eth0"] }, /must be a host name/],
    ["a wildcard alone", { serverNames: ["*"] }, /must be a host name/],
    ["a regex server name", { serverNames: ["~^.*$"] }, /must be a host name/],
    ["no server name", { serverNames: [] }, /at least one server name/],
    ["an empty server name", { serverNames: [""] }, /must be a host name/],
    ["a server name with a newline", { serverNames: ["a\nb"] }, /must be a host name/],
    [
      "a server name that ends in a newline",
      { serverNames: ["a.example.org\n"] },
      /must be a host name/,
    ],
    ["a server name that is too long", { serverNames: ["a".repeat(254)] }, /must be a host name/],
    ["a folder with a space", { releaseDir: "/release x" }, /folder is "\/release x"/],
    ["a relative folder", { releaseDir: "release" }, /absolute path/],
    ["a folder with a variable", { releaseDir: "/release/$host" }, /absolute path/],
    ["a release with a quote", { release: '"' }, /release is/],
    ["a resolver by name", { resolver: "dns.example.org" }, /must be an IPv4 address/],
    ["a resolver with a parameter", { resolver: "127.0.0.11 ipv6=on" }, /must be an IPv4 address/],
    [
      "no time to answer",
      { readTimeout: 0 },
      /read time-out is 0, but must be a whole number from 1 to 86400/,
    ],
    ["half a second", { readTimeout: 0.5 }, /read time-out is 0.5/],
    ["no time to stop", { shutdownTimeout: Number.NaN }, /shutdown time-out is NaN/],
    ["a port of another kind", { statusPort: 65_536 }, /a port is 65536/],
    ["a port used twice", { statusPort: 8441 }, /port 8441 is used twice/],
    ["a port of the metrics that is used", { metricsPort: 8081 }, /port 8081 is used twice/],
    ["no doors", { doors: [] }, /at least one door/],
    [
      "an upstream with a path",
      { doors: [{ name: "kms", port: 1, upstream: "kms:5000/x", standIn: "s:1", maxBody: "1k" }] },
      /upstream of kms is "kms:5000\/x", but must be host:port/,
    ],
    [
      "an upstream with a variable",
      { doors: [{ name: "kms", port: 1, upstream: "$host:5000", standIn: "s:1", maxBody: "1k" }] },
      /must be host:port/,
    ],
    [
      "an upstream without a port",
      { doors: [{ name: "kms", port: 1, upstream: "kms", standIn: "s:1", maxBody: "1k" }] },
      /must be host:port/,
    ],
    [
      "a stand-in without a port",
      { doors: [{ name: "kms", port: 1, upstream: "kms:1", standIn: "kms", maxBody: "1k" }] },
      /stand-in of kms is "kms", but must be host:port/,
    ],
    [
      "a body without limit",
      { doors: [{ name: "kms", port: 1, upstream: "kms:1", standIn: "s:1", maxBody: "0" }] },
      /largest body of kms is "0"/,
    ],
    [
      "curves with a directive",
      { dialect: { ...commonDialect, curves: "X25519; x" } },
      /curves is "X25519; x"/,
    ],
  ];
  for (const [what, change, message] of refused) {
    it(`refuses ${what}`, () => {
      assert.throws(() => renderNginx({ ...options, ...change }), { name: "RangeError", message });
    });
  }

  it("never lets a value escape its place", () => {
    const anyText = fc.string({ unit: "binary", minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(
        anyText,
        fc.constantFrom("serverNames", "releaseDir", "release", "resolver"),
        (text, key) => {
          let rendered: string;
          try {
            rendered = renderNginx({ ...options, [key]: key === "serverNames" ? [text] : text });
          } catch (error) {
            return error instanceof RangeError;
          }
          return /^[A-Za-z0-9._/:-]+$/.test(text) && rendered.includes(text);
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe("nginxDialect", () => {
  const cases: [string, string, ReturnType<typeof nginxDialect>][] = [
    [
      "Debian 12",
      "nginx version: nginx/1.22.1\nbuilt with OpenSSL 3.0.22 25 Aug 2026 (running with OpenSSL 3.0.19 27 Jan 2026)\nTLS SNI support enabled\n",
      {
        curves: curvesWithoutMlkem,
        http2: "listen",
        keepaliveMinTimeout: false,
        resolvingUpstreams: false,
      },
    ],
    [
      "the official image",
      "nginx version: nginx/1.30.6\nbuilt by gcc 14.2.0 (Debian 14.2.0-19)\nbuilt with OpenSSL 3.5.7 1 Jul 2026\n",
      {
        curves: curvesWithMlkem,
        http2: "directive",
        keepaliveMinTimeout: true,
        resolvingUpstreams: true,
      },
    ],
    [
      "a newer OpenSSL than Nginx was built with",
      "nginx version: nginx/1.26.3\nbuilt with OpenSSL 3.4.0 1 Jul 2025 (running with OpenSSL 3.5.0 1 Jul 2026)\n",
      {
        curves: curvesWithMlkem,
        http2: "directive",
        keepaliveMinTimeout: false,
        resolvingUpstreams: false,
      },
    ],
    [
      "another TLS library",
      "nginx version: nginx/1.28.0\nbuilt with LibreSSL 4.0.0\n",
      {
        curves: curvesWithoutMlkem,
        http2: "directive",
        keepaliveMinTimeout: true,
        resolvingUpstreams: true,
      },
    ],
    [
      "OpenSSL 4",
      "nginx version: nginx/1.31.3\nbuilt with OpenSSL 4.0.0 1 Jul 2026\n",
      {
        curves: curvesWithMlkem,
        http2: "directive",
        keepaliveMinTimeout: true,
        resolvingUpstreams: true,
      },
    ],
  ];
  for (const [what, text, dialect] of cases) {
    it(`knows ${what}`, () => assert.deepEqual(nginxDialect(text), dialect));
  }

  it("refuses an Nginx that is too old, and what isn't Nginx", () => {
    const message = /must hold Nginx 1.22 or newer, but `nginx -V` there says/;
    assert.throws(() => nginxDialect("nginx version: nginx/1.20.2\n"), { message });
    assert.throws(() => nginxDialect("sh: nginx: not found\n"), { message });
  });
});
