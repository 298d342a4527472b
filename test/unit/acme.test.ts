/** What the container that renews certificates is told, as files. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { execa } from "execa";
import { acmeCommand, acmeFiles, acmeHealthCheck } from "../../render/acme.ts";
import type { AcmeChallenge, AcmeInput } from "../../render/acmeInput.ts";
import { ACME_PATHS, SERVED } from "../../render/acmePaths.ts";
import { releaseDigest } from "../../render/release.ts";
import { makeAuthority } from "./pki.ts";

const least: AcmeInput = {
  directory: "https://acme.example.org/directory",
  challenge: { kind: "http" },
  servers: [{ name: "proxy", names: ["cybexp.example.edu"], generation: 1 }],
};

const text = (input: AcmeInput, file: string) => String(acmeFiles(input)[file]?.content);
const wish = (change: Partial<AcmeInput>) => ({ ...least, ...change });
const servers = (change: Partial<AcmeInput>) => text(wish(change), "servers");
const withNames = (...names: string[]) => [{ name: "proxy", names, generation: 1 }];

const OPTIONS = `\
server = https://acme.example.org/directory
config-dir = /acme/state
work-dir = /tmp/acme/work
logs-dir = /tmp/acme/logs
max-log-backups = 0
non-interactive = true
agree-tos = true
register-unsafely-without-email = true
key-type = ecdsa
elliptic-curve = secp256r1
keep-until-expiring = true
no-directory-hooks = true
authenticator = webroot
preferred-challenges = http
webroot-path = /acme/challenge
`;

/** The options that are there beside the least, or in place of them. */
function differing(change: Partial<AcmeInput>): string[] {
  const usual = new Set(OPTIONS.split("\n"));
  return text(wish(change), "cli.ini")
    .split("\n")
    .filter((line) => !usual.has(line));
}

describe("the release of the container that renews certificates", () => {
  it("has the loop, its eyes, certbot's options and the list of servers, for its user alone", () => {
    const files = acmeFiles(least);
    assert.deepEqual(
      Object.entries(files).map(([name, { mode }]) => [name, mode]),
      [
        ["renew.sh", 0o400],
        ["certificate.py", 0o400],
        ["cli.ini", 0o400],
        ["servers", 0o400],
      ],
    );
    assert.equal(files["cli.ini"]?.content, OPTIONS);
    assert.equal(files["servers"]?.content, "proxy proxy-4fb9fb255a26 cybexp.example.edu\n");
    assert.match(releaseDigest(files), /^[0-9a-f]{32}$/);
  });

  it("is started, and asked for its health, from where the release in use is", () => {
    assert.deepEqual(acmeCommand(), ["/bin/sh", "/config/current/renew.sh"]);
    assert.deepEqual(acmeHealthCheck(), ["/bin/sh", "/config/current/renew.sh", "health"]);
  });

  it("is one that the shell can read", async () => {
    await execa("sh", ["-n"], { input: text(least, "renew.sh") });
  });

  it("hands over where the server looks", () => {
    const loop = text(least, "renew.sh");
    assert.ok(loop.includes(`served=${ACME_PATHS.served}\n`));
    assert.ok(loop.includes("'ssl_certificate /acme/%s/fullchain.pem;\\n"));
    assert.equal(SERVED.nginx, "/acme/current.conf");
    assert.ok(loop.includes("put current.conf"));
    assert.ok(loop.includes("put status.json"));
    assert.ok(loop.includes("put metrics.prom"));
  });
});

describe("certbot's options", () => {
  it("name an address, an external account and a profile", () => {
    assert.deepEqual(
      differing({
        email: "ops+acme@example.edu",
        externalAccount: { keyId: "kid/1.2~3", hmacKey: "zWNDZM6e-QGH_WpS==" },
        profile: { name: "shortlived" },
      }),
      [
        "email = ops+acme@example.edu",
        "no-eff-email = true",
        "eab-kid = kid/1.2~3",
        "eab-hmac-key = zWNDZM6e-QGH_WpS==",
        "preferred-profile = shortlived",
      ],
    );
    assert.deepEqual(differing({ profile: { name: "shortlived", required: true } }), [
      "required-profile = shortlived",
    ]);
  });

  it("prove names by a plugin, with its credentials in a file", () => {
    const challenge: AcmeChallenge = {
      kind: "plugin",
      plugin: "dns-rfc2136",
      credentials: "dns_rfc2136_secret = x\n",
      propagation: 30,
    };
    assert.deepEqual(differing({ challenge }), [
      "authenticator = dns-rfc2136",
      "preferred-challenges = dns",
      "dns-rfc2136-credentials = /config/current/dns-credentials",
      "dns-rfc2136-propagation-seconds = 30",
    ]);
    assert.deepEqual(acmeFiles(wish({ challenge }))["dns-credentials"], {
      content: "dns_rfc2136_secret = x\n",
      mode: 0o400,
    });
    assert.deepEqual(differing({ challenge: { ...challenge, plugin: "dns-route53" } }), [
      "authenticator = dns-route53",
      "preferred-challenges = dns",
    ]);
  });

  it("prove names by a program of the operator's, as it stands", () => {
    const setRecord = "#!/bin/sh\necho '$1' \"`id`\"\n";
    const challenge: AcmeChallenge = { kind: "hook", setRecord };
    assert.deepEqual(differing({ challenge }), [
      "authenticator = manual",
      "preferred-challenges = dns",
      "manual-auth-hook = /config/current/dns-set",
    ]);
    assert.deepEqual(acmeFiles(wish({ challenge }))["dns-set"], {
      content: setRecord,
      mode: 0o500,
    });
    assert.equal(acmeFiles(wish({ challenge }))["dns-remove"], undefined);

    const both: AcmeChallenge = { ...challenge, removeRecord: "#! /bin/sh\n" };
    assert.deepEqual(differing({ challenge: both }), [
      "authenticator = manual",
      "preferred-challenges = dns",
      "manual-auth-hook = /config/current/dns-set",
      "manual-cleanup-hook = /config/current/dns-remove",
    ]);
    assert.deepEqual(acmeFiles(wish({ challenge: both }))["dns-remove"], {
      content: "#! /bin/sh\n",
      mode: 0o500,
    });
  });

  it("don't have the directory's authorities, which are a file", async () => {
    const { certificate } = await makeAuthority("acme");
    assert.deepEqual(differing({ authorities: certificate }), []);
    assert.equal(text(wish({ authorities: `\n${certificate}` }), "ca.crt"), certificate);
  });
});

describe("the list of servers", () => {
  it("has a line for each, with every kind of name", () => {
    const both = [
      { name: "proxy", names: ["A.test", "192.0.2.1", "2001:db8::1", "a.test"], generation: 1 },
      { name: "kapow", names: ["kapow.test"], generation: 2 },
    ];
    assert.match(
      servers({ servers: both }),
      /^proxy proxy-[0-9a-f]{12} a\.test 192\.0\.2\.1 2001:db8::1\nkapow kapow-[0-9a-f]{12} kapow\.test\n$/,
    );
  });

  it("wants another certificate for other names, generations, directories and profiles", () => {
    const of = (change: Partial<AcmeInput>) => servers(change).split(" ")[1];
    const wishes = [
      of({}),
      of({ servers: withNames("other.test") }),
      of({ servers: withNames("cybexp.example.edu", "other.test") }),
      of({ servers: [{ name: "proxy", names: ["cybexp.example.edu"], generation: 2 }] }),
      of({ directory: "https://staging.example.org/directory" }),
      of({ profile: { name: "shortlived" } }),
    ];
    assert.equal(new Set(wishes).size, wishes.length);
  });

  it("wants the same one for the same names in another order, and for what is no part of it", () => {
    const of = (change: Partial<AcmeInput>) => servers(change).split(" ")[1];
    assert.equal(
      of({ servers: withNames("a.test", "B.test") }),
      of({ servers: withNames("b.test", "a.test") }),
    );
    assert.equal(of({}), of({ email: "ops@example.edu" }));
    assert.equal(of({ profile: { name: "x" } }), of({ profile: { name: "x", required: true } }));
  });
});

describe("a value that could break out of its place", () => {
  const LINE = "x\nmanual-auth-hook = /bin/sh";
  const refused: [string, Partial<AcmeInput>, RegExp][] = [
    ["a directory without TLS", { directory: "http://acme.example.org/" }, /https URL/],
    ["a directory with a password", { directory: "https://u:p@acme.example.org/" }, /https URL/],
    ["a directory of two lines", { directory: `https://acme.example.org/${LINE}` }, /https URL/],
    ["a directory with a comment", { directory: "https://acme.example.org/ # x" }, /https URL/],
    ["an address of two lines", { email: `ops@example.edu\n${LINE}` }, /e-mail/],
    ["a list of addresses", { email: "[a@example.edu, b@example.edu]" }, /e-mail/],
    ["a key id of two lines", { externalAccount: { keyId: LINE, hmacKey: "x" } }, /key id/],
    ["a profile of two words", { profile: { name: "x y" } }, /profile/],
    ["an option for a plugin", { challenge: { kind: "plugin", plugin: "dns-x\ny = z" } }, /plugin/],
    [
      "a plugin that proves by HTTP",
      { challenge: { kind: "plugin", plugin: "webroot" } },
      /plugin/,
    ],
    [
      "a propagation below 0",
      { challenge: { kind: "plugin", plugin: "dns-x", propagation: -1 } },
      /propagation is -1/,
    ],
    [
      "a hook that is a command line",
      { challenge: { kind: "hook", setRecord: "rm -rf /" } },
      /begins/,
    ],
    ["text around the authorities", { authorities: "subject=x\n-----BEGIN" }, /PEM/],
    ["no servers", { servers: [] }, /at least one server/],
    ["no names", { servers: withNames() }, /at least one server name/],
    ["a name with a space", { servers: withNames("a b") }, /"a b"/],
    ["a name that is an option", { servers: withNames("--server=x") }, /"--server=x"/],
    ["a name that the shell expands", { servers: withNames("*") }, /"\*"/],
    ["a name that the shell runs", { servers: withNames("$(id)") }, /"\$\(id\)"/],
    ["a name of two lines", { servers: withNames("a.test\nkapow") }, /a\.test\\nkapow/],
    [
      "a server outside of its folder",
      { servers: [{ name: "../state", names: ["a.test"], generation: 1 }] },
      /"\.\.\/state"/,
    ],
    [
      "a server twice",
      { servers: [...withNames("a.test"), ...withNames("b.test")] },
      /proxy is there twice/,
    ],
    [
      "a generation of a half",
      { servers: [{ name: "proxy", names: ["a.test"], generation: 0.5 }] },
      /generation/,
    ],
  ];
  for (const [what, change, message] of refused) {
    it(`is refused: ${what}`, () => {
      assert.throws(() => acmeFiles(wish(change)), { name: "RangeError", message });
    });
  }

  it("is not shown where it is secret", () => {
    for (const change of [
      { externalAccount: { keyId: "kid", hmacKey: "hunter2 hunter2" } },
      { challenge: { kind: "hook", setRecord: "password=hunter2" } },
    ] satisfies Partial<AcmeInput>[]) {
      assert.throws(
        () => acmeFiles(wish(change)),
        (error: Error) => error instanceof RangeError && !error.message.includes("hunter2"),
      );
    }
  });
});

describe("a name that the challenge can't prove", () => {
  it("is a wildcard by HTTP, and an IP address by DNS", () => {
    assert.throws(() => servers({ servers: withNames("a.test", "*.b.test") }), {
      message: "the wildcard *.b.test can only be proven by DNS, not by HTTP (RFC 8555)",
    });
    assert.throws(
      () =>
        servers({
          servers: withNames("a.test", "192.0.2.1"),
          challenge: { kind: "plugin", plugin: "dns-rfc2136" },
        }),
      { message: "the IP address 192.0.2.1 can only be proven by HTTP, not by DNS (RFC 8738)" },
    );
    assert.match(
      servers({
        servers: withNames("*.b.test"),
        challenge: { kind: "plugin", plugin: "dns-rfc2136" },
      }),
      / \*\.b\.test\n$/,
    );
  });
});
