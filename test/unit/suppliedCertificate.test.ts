/** Certificates from a corporate authority: which are taken, and why others are refused. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { AUTHORITY, file, make, openssl, read, server } from "../authority.ts";
import { Fault } from "../../settings/fault.ts";
import { judgeCertificate, type JudgedCertificate } from "../../settings/suppliedCertificate.ts";

const NAMES = server(
  "DNS:cybexp.example.edu",
  "DNS:*.apps.example.edu",
  "IP:192.0.2.7",
  "IP:2001:db8::7",
);

make("root", { extensions: AUTHORITY });
make("stranger", { extensions: AUTHORITY });
make("issuing", { by: "root", extensions: AUTHORITY });
make("policy", { by: "issuing", extensions: AUTHORITY });
make("stale", { by: "root", extensions: AUTHORITY, dates: ["20200101000000Z", "20240229120000Z"] });
make("under-stale", { by: "stale", extensions: NAMES });
make("server", { by: "policy", extensions: NAMES });
make("rsa", { by: "root", key: ["-newkey", "rsa:2048"], extensions: NAMES });
make("small", { by: "root", key: ["-newkey", "rsa:1024"], extensions: NAMES });
make("curve", {
  by: "root",
  key: ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"],
  extensions: NAMES,
});
make("edwards", { by: "root", key: ["-newkey", "ed25519"], extensions: NAMES });
make("sha1", { by: "root", extensions: NAMES, hash: "sha1" });
make("client", { by: "root", extensions: [NAMES[0] ?? "", "extendedKeyUsage=clientAuth"] });
make("old", { by: "root", extensions: NAMES, dates: ["20200101000000Z", "20240229120000Z"] });
make("early", { by: "root", extensions: NAMES, dates: ["20900101000000Z", "20991231235959Z"] });
make("nameless", { by: "root", extensions: ["basicConstraints=CA:FALSE"] });
openssl("x509", "-in", file("rsa.pem"), "-outform", "DER", "-out", file("rsa.der"));
openssl(
  "pkcs8",
  "-topk8",
  "-in",
  file("rsa.key"),
  "-passout",
  "pass:x",
  "-out",
  file("encrypted.key"),
);
openssl(
  "rsa",
  "-in",
  file("rsa.key"),
  "-traditional",
  "-aes128",
  "-passout",
  "pass:x",
  "-out",
  file("old-encrypted.key"),
);
openssl("ec", "-in", file("server.key"), "-out", file("sec1.key"));

const now = new Date("2026-06-01T00:00:00Z");
const names = [
  "cybexp.example.edu",
  "a.apps.example.edu",
  "*.apps.example.edu",
  "192.0.2.7",
  "2001:db8::7",
];
const chain = [read("server.pem"), read("policy.pem"), read("issuing.pem")];

const judge = (
  certificate: string,
  {
    key = "server",
    authorities = read("root.pem"),
    ...rest
  }: { key?: string; authorities?: string | undefined; names?: string[]; now?: Date } = {},
) =>
  judgeCertificate(
    { certificate, privateKey: key.includes("-----") ? key : read(`${key}.key`), authorities },
    { names, now, ...rest },
  );

const taken = (judged: JudgedCertificate | Fault): JudgedCertificate => {
  assert.ok(!(judged instanceof Fault), judged instanceof Fault ? judged.reason : "");
  return judged;
};

describe("a supplied certificate", () => {
  it("is taken with its chain, as it is", () => {
    const judged = taken(judge(chain.join("")));
    assert.deepEqual(judged, {
      chain: chain.join(""),
      authority: read("root.pem"),
      kind: "ECDSA",
      notAfter: new Date("2099-12-31T23:59:59Z"),
      ocsp: false,
      notes: [],
    });
  });

  it("may be of RSA, straight from the root, with its root, and with a key in the older form", () => {
    assert.equal(taken(judge(read("rsa.pem"), { key: "rsa" })).kind, "RSA");
    assert.equal(taken(judge([...chain, read("root.pem")].join(""))).chain, chain.join(""));
    assert.equal(taken(judge(chain.join(""), { key: "sec1" })).chain, chain.join(""));
  });

  it("may have a request that was made here: then nothing is said of its key", () => {
    const files = { certificate: chain.join(""), authorities: read("root.pem") };
    assert.equal(taken(judgeCertificate(files, { names, now })).chain, chain.join(""));
  });

  it("is put in order, and that is said", () => {
    for (const given of [
      [...chain].reverse(),
      [chain[0], chain[2], chain[1]],
      [chain[1], chain[0], chain[2]],
    ]) {
      const judged = taken(judge(given.join("")));
      assert.equal(judged.chain, chain.join(""));
      assert.deepEqual(judged.notes, [
        "the certificates are in another order than a server shows them, so they were put in order",
      ]);
    }
  });

  it("is held to the public authorities where none is given", () => {
    const files = { certificate: chain.join(""), privateKey: read("server.key") };
    const judged = judgeCertificate(files, { names, now });
    assert.ok(judged instanceof Fault);
    assert.match(judged.reason, /^The chain is not complete: issuing is signed by root, which/);
  });

  const mine = read("rsa.pem");
  const refused: [string, JudgedCertificate | Fault, RegExp][] = [
    [
      "another key",
      judge(mine, { key: "server" }),
      /^The private key is not the one of the certificate\.$/,
    ],
    [
      "a missing intermediate",
      judge(chain.slice(0, 2).join("")),
      /^The chain is not complete: policy is signed by issuing, which is neither/,
    ],
    [
      "a missing one in the middle",
      judge([chain[0], chain[2]].join("")),
      /^issuing is in it, and did not sign server or what leads to it\.$/,
    ],
    [
      "another root",
      judge([...chain, read("root.pem")].join(""), { authorities: read("stranger.pem") }),
      /^The chain ends at root, which is not among/,
    ],
    [
      "another name",
      judge(mine, { key: "rsa", names: ["cybexp.example.edu", "other.example.edu", "192.0.2.8"] }),
      /^The certificate is not for other\.example\.edu, 192\.0\.2\.8; it is for cybexp\.example\.edu, \*\.apps\.example\.edu, 192\.0\.2\.7, 2001:DB8:0:0:0:0:0:7\.$/,
    ],
    [
      "a wildcard that it has not",
      judge(mine, { key: "rsa", names: ["*.example.edu"] }),
      /^The certificate is not for \*\.example\.edu;/,
    ],
    [
      "a common name and no other",
      judge(read("nameless.pem"), { key: "nameless", names: ["nameless"] }),
      /^The certificate is not for nameless; it is for no name at all\.$/,
    ],
    [
      "an end in the past",
      judge(read("old.pem"), { key: "old" }),
      /^The certificate has been invalid since 2024-02-29\.$/,
    ],
    [
      "a beginning in the future",
      judge(read("early.pem"), { key: "early" }),
      /^The certificate is not valid before 2090-01-01T00:00:00\.000Z\.$/,
    ],
    [
      "an intermediate one that has ended",
      judge(read("under-stale.pem") + read("stale.pem"), { key: "under-stale" }),
      /^stale, which leads to the root, has been invalid since 2024-02-29\.$/,
    ],
    [
      "an encrypted key",
      judge(mine, { key: read("encrypted.key") }),
      /^The private key is encrypted with a passphrase/,
    ],
    [
      "an encrypted key of the older form",
      judge(mine, { key: read("old-encrypted.key") }),
      /^The private key is encrypted with a passphrase/,
    ],
    [
      "DER",
      judge(readFileSync(file("rsa.der"), "latin1"), { key: "rsa" }),
      /^The certificate is not in PEM; it may be in DER\.$/,
    ],
    [
      "line ends of Windows",
      judge(mine.replaceAll("\n", "\r\n"), { key: "rsa" }),
      /^The certificate has the line ends of Windows \(CRLF\)\.$/,
    ],
    [
      "a key with line ends of Windows",
      judge(mine, { key: read("rsa.key").replaceAll("\n", "\r\n") }),
      /^The private key has the line ends of Windows/,
    ],
    [
      "text around it",
      judge(`Bag Attributes\n  friendlyName: x\n${mine}`, { key: "rsa" }),
      /^There is text around the certificates/,
    ],
    [
      "a block that is cut off",
      judge(`${mine}${chain[1]?.slice(0, 300)}`, { key: "rsa" }),
      /^There is text around the certificates in it, or a block that is cut off\.$/,
    ],
    [
      "a block of nonsense",
      judge("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", { key: "rsa" }),
      /^A block in it can't be read as a certificate\.$/,
    ],
    [
      "no certificate",
      judge("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", { key: "rsa" }),
      /^There is no certificate in PEM in it\.$/,
    ],
    [
      "its key",
      judge(`${mine}${read("rsa.key")}`, { key: "rsa" }),
      /^There is a private key in it/,
    ],
    [
      "two servers'",
      judge(`${mine}${read("server.pem")}`, { key: "rsa" }),
      /^There are 2 certificates of servers in it\.$/,
    ],
    [
      "only authorities'",
      judge(read("issuing.pem"), { key: "issuing" }),
      /^There is no certificate of a server in it/,
    ],
    [
      "no key",
      judge(mine, { key: "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n" }),
      /^This is not one private key in PEM\.$/,
    ],
    [
      "a small key",
      judge(read("small.pem"), { key: "small" }),
      /^The RSA key of small has 1024 bits\. Allowed: RSA of 2048/,
    ],
    [
      "a curve of its own",
      judge(read("curve.pem"), { key: "curve" }),
      /^The key of curve is of the kind secp256k1\. Allowed/,
    ],
    [
      "an Ed25519 key",
      judge(read("edwards.pem"), { key: "edwards" }),
      /^The key of edwards is of the kind ed25519\. Allowed/,
    ],
    [
      "SHA-1",
      judge(read("sha1.pem"), { key: "sha1" }),
      /^sha1 is signed with a hash that callers refuse, such as SHA-1\./,
    ],
    [
      "another use",
      judge(read("client.pem"), { key: "client", names: ["cybexp.example.edu"] }),
      /^The certificate is not for servers/,
    ],
    [
      "nonsense among its authorities",
      judge(mine, { key: "rsa", authorities: "x" }),
      /^In the authorities: The certificate is not in PEM/,
    ],
  ];
  for (const [what, judged, reason] of refused) {
    it(`is refused with ${what}`, () => {
      assert.ok(judged instanceof Fault, "it was taken");
      assert.match(judged.reason, reason);
      assert.match(judged.remedy, /\.$|FILE$|\.pem$|\.\.\.$|p'$/);
      assert.doesNotMatch(judged.reason + judged.remedy, /[A-Za-z0-9+/]{60}/);
    });
  }
});
