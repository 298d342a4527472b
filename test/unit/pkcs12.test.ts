import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { createSecureContext } from "node:tls";
import { execa, execaSync } from "execa";
import { derive, encodePkcs12 } from "../../cli/client/pkcs12.ts";
import { issue, makeAuthority, type Pair } from "./pki.ts";

const PASSWORD = "correct-horse-battery-staple-42";

describe("a PKCS#12 key derivation", () => {
  // The vectors that OpenSSL tests its own with (test/recipes/30-test_evp_data/evpkdf_pkcs12.txt).
  for (const [password, salt, purpose, iterations, derived] of [
    ["smeg", "0A58CF64530D823F", "key", 1, "8AAAE6297B6CB04642AB5B077851284EB7128F1A2A7FBCA3"],
    ["smeg", "0A58CF64530D823F", "iv", 1, "79993DFE048D3B76"],
    ["queeg", "05DEC959ACFF72F7", "key", 1000, "ED2034E36328830FF09DF1E1A07DD357185DAC0D4F9EB3D4"],
    ["queeg", "05DEC959ACFF72F7", "iv", 1000, "11DEDAD7758D4860"],
    ["queeg", "1682C0FC5B3F7EC5", "key", 1000, "483DD6E919D7DE2E8E648BA8F862F3FBFBDC2BCB2C02957F"],
    ["queeg", "263216FCC2FAB31C", "mac", 1000, "5EC4C7A80DF652294C3925B6489A7AB857C83476"],
  ] as const) {
    it(`of ${password} for the ${purpose} in ${iterations} rounds (${salt})`, () => {
      const found = derive(
        password,
        Buffer.from(salt, "hex"),
        purpose,
        derived.length / 2,
        iterations,
      );
      assert.equal(found.toString("hex").toUpperCase(), derived);
    });
  }
});

/** What reads a PKCS#12 file, and what it prints of ours: the certificate's name and that it has the key. */
interface Reader {
  readonly title: string;
  /** Exits with 0 where it can be used. */
  readonly probe: readonly [string, ...string[]];
  readonly read: (file: string, passwordFile: string) => readonly [string, ...string[]];
  readonly prints: RegExp;
}

const NSS = `
store=$(mktemp -d) && trap 'rm -r "$store"' EXIT &&
  certutil -d "sql:$store" -N --empty-password &&
  pk12util -d "sql:$store" -i "$1" -w "$2" &&
  certutil -d "sql:$store" -L
`;

const PYTHON = `
import sys
from cryptography.hazmat.primitives.serialization import pkcs12
key, certificate, more = pkcs12.load_key_and_certificates(
    open(sys.argv[1], "rb").read(), open(sys.argv[2], "rb").read())
assert more == []
# Keys themselves can be compared from version 40 on only.
assert key.public_key().public_numbers() == certificate.public_key().public_numbers()
print(certificate.subject.rfc4514_string())
`;

const readers: readonly Reader[] = [
  {
    title: "OpenSSL without its legacy provider",
    probe: ["openssl", "version"],
    read: (file, password) => [
      "openssl",
      "pkcs12",
      "-in",
      file,
      "-passin",
      `file:${password}`,
      "-nodes",
    ],
    prints: /subject=CN ?= ?alice\n[^]*-----BEGIN CERTIFICATE-----[^]*-----BEGIN PRIVATE KEY-----/,
  },
  {
    title: "Java's keytool",
    probe: ["keytool", "-help"],
    read: (file, password) => [
      ...(["keytool", "-J-Duser.language=en", "-list", "-v", "-storetype", "PKCS12"] as const),
      ...["-keystore", file, "-storepass:file", password],
    ],
    prints:
      /Your keystore contains 1 entry\n\nAlias name: cybexp-dev-alice\n[^]*Entry type: PrivateKeyEntry\nCertificate chain length: 1\n[^]*Owner: CN=alice\n/,
  },
  {
    title: "NSS, whose store Firefox has, and Chromium on Linux",
    probe: ["sh", "-c", "command -v pk12util && command -v certutil"],
    read: (file, password) => ["sh", "-c", NSS, "nss", file, password],
    prints: /^pk12util: PKCS12 IMPORT SUCCESSFUL\n[^]*\bcybexp-dev-alice +u,u,u$/,
  },
  {
    title: "Python's cryptography",
    probe: ["python3", "-c", "import cryptography"],
    read: (file, password) => ["python3", "-c", PYTHON, file, password],
    prints: /^CN=alice$/,
  },
];

/** Those that this machine has; Node, which everybody has, is tested in any case. */
const present = readers.filter(
  ({ probe: [command, ...args] }) => execaSync(command, args, { reject: false }).exitCode === 0,
);

for (const kind of ["P-256", "P-384", "RSA 2048"] as const) {
  describe(`a PKCS#12 file with a key of ${kind}`, () => {
    const folder = mkdtempSync(join(tmpdir(), "cybexp-pkcs12-"));
    const [file, password, wrong] = ["alice.p12", "password", "wrong"].map((name) =>
      join(folder, name),
    ) as [string, string, string];
    let alice: Pair;
    let encoded: Buffer;

    before(async () => {
      alice = await issue(await makeAuthority("clients"), "alice", { usage: "client", kind });
      encoded = encodePkcs12(
        {
          privateKey: createPrivateKey(alice.privateKey),
          certificate: new X509Certificate(alice.certificate),
          friendlyName: "cybexp-dev-alice",
        },
        PASSWORD,
      );
      writeFileSync(file, encoded);
      writeFileSync(password, PASSWORD);
      writeFileSync(wrong, `${PASSWORD}3`);
    });
    after(() => rmSync(folder, { recursive: true }));

    it("is read by Node with its password, and with no other", () => {
      createSecureContext({ pfx: encoded, passphrase: PASSWORD });
      for (const passphrase of ["", `${PASSWORD}3`]) {
        assert.throws(() => createSecureContext({ pfx: encoded, passphrase }), {
          message: "mac verify failure",
        });
      }
    });

    it("shows neither the key nor the certificate in plain text", () => {
      const key = createPrivateKey(alice.privateKey).export({ format: "der", type: "pkcs8" });
      const certificate = new X509Certificate(alice.certificate);
      assert.ok(!encoded.includes(key.subarray(-32)));
      assert.ok(!encoded.includes(certificate.raw.subarray(-32)));
    });

    for (const { title, read, prints } of present) {
      it(`is read by ${title} with its password, and with no other`, async () => {
        const [command, ...args] = read(file, password);
        assert.match((await execa(command, args, { stdin: "ignore" })).stdout, prints);
        const [again, ...bad] = read(file, wrong);
        assert.notEqual((await execa(again, bad, { stdin: "ignore", reject: false })).exitCode, 0);
      });
    }
  });
}

describe("making a PKCS#12 file", () => {
  it("uses a new salt each time", async () => {
    const { certificate, privateKey } = await issue(await makeAuthority("clients"), "alice", {
      usage: "client",
    });
    const content = {
      privateKey: createPrivateKey(privateKey),
      certificate: new X509Certificate(certificate),
      friendlyName: "alice",
    };
    const [one, two] = [encodePkcs12(content, PASSWORD), encodePkcs12(content, PASSWORD)];
    assert.equal(one.length, two.length);
    assert.ok(!one.equals(two));
    for (const password of ["", "pässword-of-an-operator", "with space", "line\nbreak"]) {
      assert.throws(() => encodePkcs12(content, password), TypeError);
    }
  });
});
