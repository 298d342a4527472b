/** What a stack's config may ask of an ACME server, and by which roots callers verify the answer. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { describe, it } from "node:test";
import { isPublicDirectory, rootsOf } from "../../settings/publicAuthorities.ts";
import { declaredListeners } from "../../settings/listeners.ts";
import { SettingsError } from "../../settings/problem.ts";
import { readSettings } from "../../settings/read.ts";
import { furtherAuthorities } from "../../settings/suppliedCertificates.ts";
import type { Settings } from "../../settings/types.ts";
import { makeAuthority } from "./pki.ts";

const LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory";
const STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory";
const OWN = "https://acme.corp.internal/dir";
const ROOT = (await makeAuthority("root")).certificate;

interface Wish {
  readonly names?: readonly string[];
  readonly kapow?: object;
  readonly acme?: object | null;
  readonly certificates?: object;
  readonly more?: object;
}

function values({ names = ["cybexp.lab-of-ours.edu"], kapow, acme, certificates, more }: Wish) {
  const [serverName, ...serverNames] = names;
  return {
    kms: { image: "cybexp-demo/kms:1", bind: "127.0.0.1:5012", listen: 5002 },
    backend: { image: "cybexp-demo/backend:1", bind: "127.0.0.1:5011", listen: 5001 },
    database: { image: "cybexp-demo/mongo:1" },
    proxy: { image: "cybexp-demo/nginx:1", serverName, serverNames, address: "192.0.2.10" },
    users: [{ name: "collector" }],
    ...(kapow && {
      kapow: { image: "cybexp-demo/kapow:1", init: "#!/bin/sh", healthRoute: "/health", ...kapow },
    }),
    certificates: {
      source: "acme",
      ...(acme !== null && { acme: { image: "certbot/certbot:v5.8.0", ...acme } }),
      ...certificates,
    },
    ...more,
  };
}

const read = (wish: Wish): Settings =>
  readSettings({
    stack: "prod",
    values: values(wish),
    secretKeys: new Set(["certificates"]),
    plainSecrets: [],
  });

function faults(wish: Wish): string[] {
  try {
    read(wish);
  } catch (error) {
    assert.ok(error instanceof SettingsError, String(error));
    return error.problems.map(({ path, reason }) => `${path}: ${reason}`);
  }
  return [];
}

describe("certificates by ACME", () => {
  const good: Record<string, Wish> = {
    "from Let's Encrypt, with nothing more": {},
    "of several names and a public address": {
      names: ["a.lab-of-ours.edu", "b.lab-of-ours.edu", "8.8.8.8", "2606:4700::1111"],
    },
    "of a wildcard, by a plugin": {
      names: ["lab-of-ours.edu", "*.lab-of-ours.edu"],
      acme: { challenge: "dns", dns: { plugin: "rfc2136", credentials: "x" } },
    },
    "by a plugin that finds its credentials by itself": {
      acme: { challenge: "dns", dns: { plugin: "route53" } },
    },
    "by a program that gets a file": {
      acme: { challenge: "dns", dns: { setRecord: "#!/bin/sh", credentials: "x" } },
    },
    "from an authority of the company's, of names that only it knows": {
      names: ["localhost", "kms", "kms.corp.internal", "10.0.0.1"],
      acme: { directory: OWN },
      certificates: { authorities: ROOT },
    },
    "from Let's Encrypt's staging, whose roots are given": {
      acme: { directory: STAGING },
      certificates: { authorities: ROOT },
    },
    "prepared, while another source is in use": {
      names: ["localhost"],
      acme: { directory: OWN },
      certificates: { source: "generated" },
    },
    "not even prepared": {
      names: ["localhost"],
      acme: null,
      certificates: { source: "generated" },
    },
  };
  for (const [what, wish] of Object.entries(good)) {
    it(`are taken: ${what}`, () => assert.deepEqual(faults(wish), []));
  }

  const PUBLIC = "No public authority issues a certificate for it";
  const bad: [string, Wish, string[]][] = [
    [
      "no word from where",
      { acme: null },
      ["cybexp:certificates.acme: Certificates are to come by ACME, and nothing says from where."],
    ],
    [
      "wildcards without DNS",
      { names: ["lab-of-ours.edu", "*.lab-of-ours.edu"] },
      [
        "cybexp:proxy.serverNames[0]: A wildcard can't be proven by a file at port 80 (RFC 8555, 7.1.3).",
      ],
    ],
    [
      "addresses by DNS",
      {
        names: ["lab-of-ours.edu", "8.8.8.8"],
        acme: { challenge: "dns", dns: { setRecord: "#!/bin/sh" } },
      },
      ["cybexp:proxy.serverNames[0]: An IP address has no DNS record to prove it by (RFC 8738)."],
    ],
    [
      "names that the public DNS does not have",
      {
        names: ["localhost", "kms", "kms.corp.internal", "printer.local", "192.168.0.1", "fd00::1"],
      },
      [
        `cybexp:proxy.serverName: ${PUBLIC}: it has no dot in it, so it is no name in the public DNS.`,
        `cybexp:proxy.serverNames[0]: ${PUBLIC}: it has no dot in it, so it is no name in the public DNS.`,
        `cybexp:proxy.serverNames[1]: ${PUBLIC}: the public DNS has no such names (RFC 6761, RFC 6762).`,
        `cybexp:proxy.serverNames[2]: ${PUBLIC}: the public DNS has no such names (RFC 6761, RFC 6762).`,
        `cybexp:proxy.serverNames[3]: ${PUBLIC}: it is an address of a private network.`,
        `cybexp:proxy.serverNames[4]: ${PUBLIC}: it is an address of a private network.`,
      ],
    ],
    [
      "such a name of Kapow!'s own door",
      { kapow: { listen: 5003, serverName: "kapow.local" } },
      [
        `cybexp:kapow.serverName: ${PUBLIC}: the public DNS has no such names (RFC 6761, RFC 6762).`,
      ],
    ],
    [
      "DNS without a way to set a record",
      { acme: { challenge: "dns" } },
      ["cybexp:certificates.acme.dns: Nothing says how a record gets into the DNS."],
    ],
    [
      "two ways to set a record",
      {
        acme: {
          challenge: "dns",
          dns: { plugin: "rfc2136", credentials: "x", setRecord: "#!/bin/sh" },
        },
      },
      [
        "cybexp:certificates.acme.dns.setRecord: There is a plugin, too: only one of the two can set the record.",
      ],
    ],
    [
      "a program that removes what a plugin sets",
      {
        acme: {
          challenge: "dns",
          dns: { plugin: "rfc2136", credentials: "x", removeRecord: "#!/bin/sh" },
        },
      },
      ["cybexp:certificates.acme.dns.removeRecord: A plugin removes its records itself."],
    ],
    [
      "a plugin without its credentials",
      { acme: { challenge: "dns", dns: { plugin: "rfc2136" } } },
      ["cybexp:certificates.acme.dns.credentials: The plugin rfc2136 needs its credentials file."],
    ],
    [
      "an authority whose root nobody knows",
      { acme: { directory: OWN } },
      [
        "cybexp:certificates.authorities: It is not known by which root callers verify what this directory's authority issues.",
      ],
    ],
    [
      "staging in production, and an image by its tag",
      {
        acme: { directory: STAGING },
        certificates: { authorities: ROOT },
        more: {
          production: true,
          ...Object.fromEntries(
            (["kms", "backend", "database", "proxy"] as const).map((key) => [
              key,
              { ...values({})[key], image: `registry.lab.internal/x@sha256:${"3f".repeat(32)}` },
            ]),
          ),
          proxy: {
            image: `registry.lab.internal/x@sha256:${"3f".repeat(32)}`,
            serverName: "cybexp.lab-of-ours.edu",
            address: "0.0.0.0",
          },
        },
      },
      [
        "cybexp:certificates.acme.directory: Nobody trusts what an authority issues for trying out: a production stack takes the real directory.",
        "cybexp:certificates.acme.image: A tag can be moved to another build. A production stack names its images by digest.",
      ],
    ],
    [
      "two listeners at one port",
      { acme: { httpPort: 5002 } },
      [
        "cybexp:certificates.acme.httpPort: Port 5002 is used twice: cybexp:kms.listen already listens on it.",
      ],
    ],
  ];
  for (const [what, wish, expected] of bad) {
    it(`are refused: ${what}`, () => assert.deepEqual(faults(wish).sort(), [...expected].sort()));
  }

  it("look at the names of Kapow! only if it has a port of its own", () => {
    const kapow = { door: { listen: 5004 }, serverName: "kapow.local" };
    assert.deepEqual(faults({ kapow }), []);
  });

  it("don't show what may be a secret", () => {
    const dns = { setRecord: "curl hunter2", credentials: 5 };
    try {
      read({ acme: { challenge: "dns", dns } });
      assert.fail("it was taken");
    } catch (error) {
      assert.ok(error instanceof SettingsError);
      assert.doesNotMatch(error.message, /hunter2/);
    }
  });

  it("listen at port 80 of the proxy's address, by HTTP alone", () => {
    const listener = { role: "acme-challenge", address: "192.0.2.10", port: 80 };
    const own = (wish: Wish) =>
      declaredListeners(read(wish)).filter(({ role }) => role === "acme-challenge");
    assert.deepEqual(own({}), [listener]);
    assert.deepEqual(own({ acme: { httpPort: 8080 } }), [{ ...listener, port: 8080 }]);
    assert.deepEqual(own({ acme: { challenge: "dns", dns: { setRecord: "#!/bin/sh" } } }), []);
    assert.deepEqual(own({ certificates: { source: "generated" } }), []);
  });
});

describe("the roots of public authorities", () => {
  const common = (directory: string) =>
    rootsOf(directory)
      .map((pem) => /^CN=(.*)$/m.exec(new X509Certificate(pem).subject)?.[1])
      .sort();

  it("are those that Node knows, by the directory's host", () => {
    assert.deepEqual(common(LETS_ENCRYPT), ["ISRG Root X1", "ISRG Root X2"]);
    assert.ok(common("https://dv.acme-v02.api.pki.goog/directory").includes("GTS Root R4"));
    for (const directory of [
      "https://acme.zerossl.com/v2/DV90",
      "https://acme.sectigo.com/v2/DV",
    ]) {
      assert.ok(common(directory).includes("USERTrust ECC Certification Authority"));
      assert.ok(common(directory).includes("Sectigo Public Server Authentication Root E46"));
    }
    assert.ok(common("https://acme.ssl.com/sslcom-dv-ecc").length > 0);
    assert.ok(common("https://acme.digicert.com/v2/acme/directory/").length > 0);
    assert.ok(common("https://acme-api.actalis.com/acme/directory").length > 0);
  });

  it("are unknown of everybody else, also of one that looks alike", () => {
    for (const directory of [
      STAGING,
      OWN,
      "https://acme-v02.api.letsencrypt.org.example.edu/directory",
      "https://example.edu/acme-v02.api.letsencrypt.org/directory",
    ]) {
      assert.deepEqual(common(directory), [], directory);
    }
    assert.equal(isPublicDirectory(LETS_ENCRYPT), true);
    assert.equal(isPublicDirectory(STAGING), true);
    assert.equal(isPublicDirectory(OWN), false);
  });
});

describe("what callers verify servers by, besides the stack's own authority", () => {
  const fingerprint = (pem: string) => new X509Certificate(pem).fingerprint256;
  const trusted = (wish: Wish) => furtherAuthorities(read(wish), new Date());

  it("is nothing, if nothing else is said", () => {
    const wish = { names: ["localhost"], acme: null, certificates: { source: "generated" } };
    assert.deepEqual(trusted(wish), []);
  });

  it("is all that may have signed, whichever source is in use, each once", () => {
    for (const source of ["generated", "acme"]) {
      assert.deepEqual(
        trusted({ certificates: { source, authorities: ROOT } }).map(fingerprint),
        [ROOT, ...rootsOf(LETS_ENCRYPT)].map(fingerprint),
      );
    }
  });
});
