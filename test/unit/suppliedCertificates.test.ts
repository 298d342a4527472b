/** The list of supplied certificates: which server shows which, and what is refused before anything is touched. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AUTHORITY, file, make, read, server } from "../authority.ts";
import { Fault } from "../../settings/fault.ts";
import { notices } from "../../settings/notices.ts";
import { SettingsError } from "../../settings/problem.ts";
import { readSettings } from "../../settings/read.ts";
import { plainSecrets } from "../../settings/secrecy.ts";
import { furtherAuthorities, suppliedPair } from "../../settings/suppliedCertificates.ts";

const NAMES = server("DNS:cybexp.example.edu");
make("root", { extensions: AUTHORITY });
make("other-root", { extensions: AUTHORITY });
make("issuing", { by: "root", extensions: AUTHORITY });
make("ecdsa", { by: "issuing", extensions: NAMES });
make("rsa", { by: "root", key: ["-newkey", "rsa:2048"], extensions: NAMES });
make("rsa-2", { by: "root", key: ["-newkey", "rsa:2048"], extensions: NAMES });
make("ocsp", {
  by: "root",
  extensions: [...NAMES, "authorityInfoAccess=OCSP;URI:http://ocsp.example.edu/"],
});
make("ocsp-by-tls", {
  by: "root",
  extensions: [...NAMES, "authorityInfoAccess=OCSP;URI:https://ocsp.example.edu/"],
});
make("kapow", { by: "root", extensions: server("DNS:kapow.example.edu") });
make("both", {
  by: "root",
  extensions: server("DNS:cybexp.example.edu", "DNS:kapow.example.edu"),
});

const chain = read("ecdsa.pem") + read("issuing.pem");
const entry = (name: string) => ({
  certificate: name === "ecdsa" ? chain : read(`${name}.pem`),
  privateKey: read(`${name}.key`),
});

const KAPOW = {
  image: "cybexp-demo/kapow:1",
  listen: 5003,
  init: "#!/bin/sh",
  healthRoute: "/health",
};

function settingsOf(certificates: Record<string, unknown>, more: Record<string, unknown> = {}) {
  return readSettings({
    stack: "test",
    values: {
      kms: { image: "kms:1", bind: "127.0.0.1:5012", listen: 5002 },
      backend: { image: "backend:1", bind: "127.0.0.1:5011", listen: 5001 },
      database: { image: "mongo:8.0" },
      proxy: { image: "nginx:1.28", serverName: "cybexp.example.edu", address: "192.0.2.1" },
      users: [{ name: "collector" }],
      certificates: { source: "supplied", authorities: read("root.pem"), ...certificates },
      ...more,
    },
    secretKeys: new Set(["certificates"]),
  });
}

/** The one problem of a configuration: where it is, why, and what to do. */
function problemOf(...args: Parameters<typeof settingsOf>): { path: string; text: string } {
  try {
    settingsOf(...args);
  } catch (error) {
    assert.ok(error instanceof SettingsError);
    assert.doesNotMatch(error.message, /-----BEGIN|[A-Za-z0-9+/]{60}/);
    const [problem, ...more] = error.problems;
    assert.deepEqual(more, []);
    return { path: problem?.path ?? "", text: `${problem?.reason} ${problem?.remedy}` };
  }
  throw new assert.AssertionError({ message: "it was taken" });
}

const LIST = "cybexp:certificates.supplied";

describe("supplied certificates", () => {
  it("may be an RSA and an ECDSA one, one for Kapow!, or paths of files", () => {
    const { certificates } = settingsOf(
      {
        supplied: [
          entry("ecdsa"),
          { certificate: file("rsa.pem"), privateKey: file("rsa.key") },
          { for: "kapow", ...entry("kapow") },
        ],
      },
      { kapow: { ...KAPOW, serverName: "kapow.example.edu" } },
    );
    assert.deepEqual(
      certificates.supplied.map((one) => [one.for, one.privateKey]),
      [
        ["proxy", read("ecdsa.key")],
        ["proxy", read("rsa.key")],
        ["kapow", read("kapow.key")],
      ],
    );
  });

  it("may wait to be signed, and then have the key that the stack made", () => {
    settingsOf({ supplied: [{}] });
    settingsOf({ supplied: [{}, { keyType: "rsa" }] });
    settingsOf({ supplied: [{ certificate: chain }] });
    settingsOf({ supplied: [{ keyType: "rsa", certificate: read("rsa.pem") }] });
  });

  it("may come in another order, which is put right and said", () => {
    const reversed = { ...entry("ecdsa"), certificate: read("issuing.pem") + read("ecdsa.pem") };
    assert.deepEqual(notices(settingsOf({ supplied: [reversed, entry("rsa")] }), "2026-11-28"), [
      {
        due: false,
        text: "cybexp:certificates.supplied[0].certificate: the certificates are not in the order in which a server shows them; the stack has put them in order",
      },
    ]);
  });

  it("are not looked at with another source", () => {
    settingsOf({ source: "generated", supplied: [entry("other-root")] });
  });

  it("serve Kapow!, too, if there is none of its own and the names fit", () => {
    settingsOf(
      { supplied: [entry("both")] },
      { kapow: { ...KAPOW, serverName: "kapow.example.edu" } },
    );
    settingsOf({ supplied: [entry("ecdsa")] }, { kapow: KAPOW });
  });

  it("are stapled where one of them offers OCSP, or is yet to come", () => {
    for (const supplied of [[entry("ocsp")], [entry("ocsp"), entry("rsa")], [{}]]) {
      assert.equal(settingsOf({ ocspStapling: true, supplied }).certificates.ocspStapling, true);
    }
  });

  const refused: [string, Parameters<typeof settingsOf>, string, RegExp][] = [
    ["no entry", [{ supplied: [] }], LIST, /^There is no certificate for the proxy.*`- \{\}`/],
    [
      "another key",
      [{ supplied: [{ ...entry("ecdsa"), privateKey: read("rsa.key") }] }],
      `${LIST}[0].privateKey`,
      /^The private key is not the one of the certificate\. Give the key/,
    ],
    [
      "a missing intermediate one",
      [{ supplied: [{ ...entry("ecdsa"), certificate: read("ecdsa.pem") }] }],
      `${LIST}[0].certificate`,
      /^The chain is not complete: ecdsa is signed by issuing/,
    ],
    [
      "another name",
      [{ supplied: [entry("kapow")] }],
      `${LIST}[0].certificate`,
      /^The certificate is not for cybexp\.example\.edu; it is for kapow\.example\.edu\./,
    ],
    [
      "a key alone",
      [{ supplied: [{ privateKey: read("rsa.key") }] }],
      `${LIST}[0].certificate`,
      /^There is a private key without its certificate\./,
    ],
    [
      "two of a kind",
      [{ supplied: [entry("rsa"), entry("rsa-2")] }],
      `${LIST}[1]`,
      /supplied\[0\] is of the same kind/,
    ],
    [
      "the other kind of key than the stack made",
      [{ supplied: [{ certificate: read("rsa.pem") }] }],
      `${LIST}[0].keyType`,
      /^The certificate has an RSA key, and the stack's key for this entry is ecdsa\./,
    ],
    [
      "one for a Kapow! that nobody can call",
      [{ supplied: [entry("rsa"), { for: "kapow", ...entry("kapow") }] }],
      `${LIST}[1].for`,
      /^Kapow! has no port of its own/,
    ],
    [
      "a Kapow! of another name",
      [{ supplied: [entry("rsa")] }, { kapow: { ...KAPOW, serverName: "kapow.example.edu" } }],
      LIST,
      /^Kapow! would show the proxy's certificate, which is not for kapow\.example\.edu\./,
    ],
    [
      "stapling where none offers OCSP",
      [{ ocspStapling: true, supplied: [entry("rsa"), entry("ecdsa")] }],
      "cybexp:certificates.ocspStapling",
      /^There is nothing to staple: no certificate of the proxy's names an OCSP responder/,
    ],
    [
      "stapling by a responder that Nginx can't call",
      [{ ocspStapling: true, supplied: [entry("ocsp-by-tls")] }],
      "cybexp:certificates.ocspStapling",
      /^There is nothing to staple/,
    ],
    [
      "stapling for Kapow! alone",
      [
        {
          ocspStapling: true,
          supplied: [entry("rsa"), { for: "kapow", ...entry("ocsp") }],
        },
        { kapow: KAPOW },
      ],
      "cybexp:certificates.ocspStapling",
      /^There is nothing to staple/,
    ],
    [
      "stapling and another source",
      [{ ocspStapling: true, source: "generated", supplied: [entry("ocsp")] }],
      "cybexp:certificates.ocspStapling",
      /^OCSP answers are stapled to supplied certificates only, and certificates\.source is generated\./,
    ],
    [
      "stapling and another fault, which is the one to tell",
      [{ ocspStapling: true, supplied: [{ ...entry("ocsp"), privateKey: read("rsa.key") }] }],
      `${LIST}[0].privateKey`,
      /^The private key is not the one of the certificate\./,
    ],
    [
      "a file that is not there",
      [{ supplied: [{ certificate: "nowhere/server.pem" }] }],
      `${LIST}[0].certificate`,
      /^The file can't be read \(ENOENT\)\. Check the path/,
    ],
    [
      "authorities that are none",
      [{ authorities: read("rsa.pem"), supplied: [entry("rsa")] }],
      "cybexp:certificates.authorities",
      /^rsa is not a certificate authority/,
    ],
  ];
  for (const [what, args, path, text] of refused) {
    it(`are refused with ${what}`, () => {
      const problem = problemOf(...args);
      assert.equal(problem.path, path);
      assert.match(problem.text, text);
    });
  }

  it("must not have their key in clear in the stack's file, where a path may stand", () => {
    const values = {
      source: "supplied",
      supplied: [entry("rsa"), { ...entry("ecdsa"), privateKey: file("ecdsa.key") }],
    };
    const text = JSON.stringify({ config: { "cybexp:certificates": values } });
    assert.deepEqual(plainSecrets(text), [`${LIST}[0].privateKey`, `${LIST}[1].privateKey`]);
    assert.throws(
      () =>
        readSettings({
          stack: "test",
          values: { certificates: values },
          secretKeys: new Set(["certificates"]),
          plainSecrets: plainSecrets(text),
        }),
      ({ problems }: SettingsError) => {
        const clear = problems.filter(({ reason }) => reason.includes("in plain text"));
        assert.deepEqual(
          clear.map(({ path, reason, remedy }) => [path, reason, remedy]),
          [
            [
              `${LIST}[0].privateKey`,
              "The private key is in plain text in the stack's configuration. It must be a secret.",
              "Store a new one with: pulumi config set --secret --path 'certificates.supplied[0].privateKey'",
            ],
          ],
        );
        return true;
      },
    );
  });

  it("tell callers whom to trust: the authorities of the config, each once", () => {
    const trusted = (certificates: Record<string, unknown>) =>
      furtherAuthorities(settingsOf(certificates), new Date());
    const [root, other] = [read("root.pem"), read("other-root.pem")];
    assert.deepEqual(trusted({ supplied: [entry("ecdsa"), entry("rsa")] }), [root]);
    assert.deepEqual(trusted({ authorities: root + other, supplied: [entry("rsa")] }), [
      root,
      other,
    ]);
    assert.deepEqual(trusted({ source: "generated" }), [root], "before the switch, too");
  });
});

describe("the pair that a server shows", () => {
  const circumstances = {
    names: ["cybexp.example.edu"],
    authorities: read("root.pem"),
    now: new Date("2027-01-01"),
  };

  it("has the key that fits, whichever of the stack's keys it is", () => {
    for (const keys of [["rsa"], ["rsa-2", "rsa"], ["rsa", "rsa-2"]]) {
      assert.deepEqual(
        suppliedPair(
          read("rsa.pem"),
          keys.map((name) => read(`${name}.key`)),
          circumstances,
        ),
        { certificate: read("rsa.pem"), privateKey: read("rsa.key") },
      );
    }
  });

  it("has the issuer in it where Nginx asks for OCSP answers", () => {
    const shown = (certificate: string, key: string) =>
      suppliedPair(certificate, [read(`${key}.key`)], { ...circumstances, withIssuer: true });
    assert.deepEqual(shown(read("rsa.pem"), "rsa"), {
      certificate: read("rsa.pem") + read("root.pem"),
      privateKey: read("rsa.key"),
    });
    assert.deepEqual(shown(chain, "ecdsa"), { certificate: chain, privateKey: read("ecdsa.key") });
  });

  it("is refused if it was made of no request of the stack's", () => {
    const pair = suppliedPair(read("rsa.pem"), [read("rsa-2.key")], circumstances);
    assert.ok(pair instanceof Fault);
    assert.match(
      pair.reason,
      /^The supplied certificate was not made from a request of this stack/,
    );
  });
});
