/** Certificate requests that owners of keys send in. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import fc from "fast-check";
import { parseCertificateRequest, publicKeyOf } from "../../settings/certificateRequest.ts";
import { Fault } from "../../settings/fault.ts";

describe("a certificate request", () => {
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), "cybexp-test-csr-"))));
  after(() => rmSync(folder, { recursive: true }));

  const make = (key: KeyObject, ...args: string[]) => {
    const file = join(folder, "key.pem");
    writeFileSync(file, key.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
    return execFileSync("openssl", ["req", "-new", "-key", file, "-subj", "/CN=x", ...args], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
  };
  const ec = (namedCurve: string) => generateKeyPairSync("ec", { namedCurve }).privateKey;
  const rsa = (modulusLength: number) => generateKeyPairSync("rsa", { modulusLength }).privateKey;
  const reason = (raw: unknown) => {
    const parsed = parseCertificateRequest(raw);
    assert.ok(parsed instanceof Fault, "it is refused");
    return parsed.reason;
  };

  const good: [string, () => KeyObject, ...string[]][] = [
    ["an ECDSA key on P-256", () => ec("prime256v1")],
    ["an ECDSA key on P-384, signed with SHA-384", () => ec("secp384r1"), "-sha384"],
    ["an ECDSA key on P-521, signed with SHA-512", () => ec("secp521r1"), "-sha512"],
    ["an RSA key of 2048 bits", () => rsa(2048)],
    [
      "a key with every extension asked for",
      () => ec("prime256v1"),
      "-addext",
      "basicConstraints=CA:true",
    ],
  ];
  for (const [what, key, ...args] of good) {
    it(`may be for ${what}, and gives its public key`, () => {
      const pair = key();
      const request = make(pair, ...args);
      assert.equal(parseCertificateRequest(request), request);
      assert.equal(
        publicKeyOf(request),
        createPublicKey(pair).export({ type: "spki", format: "pem" }),
      );
    });
  }

  it("has one spelling, whatever its lines and label", () => {
    const request = make(ec("prime256v1"));
    for (const other of [
      request.replaceAll("\n", "\r\n"),
      `\n  ${request.replaceAll("\n", "\n  ")}\n`,
      request.replaceAll("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"),
    ]) {
      assert.notEqual(other, request);
      assert.equal(parseCertificateRequest(other), request);
    }
  });

  const weak: [string, () => string, RegExp][] = [
    [
      "a short RSA key",
      () => make(rsa(1024)),
      /^Its RSA key has 1024 bits. Allowed: RSA of 2048 to 8192 bits, /,
    ],
    ["a short curve", () => make(ec("secp224r1")), /^Its key is on the curve secp224r1. Allowed: /],
    [
      "another kind of key",
      () => make(generateKeyPairSync("ed25519").privateKey),
      /^Its key has the type ed25519. Allowed: /,
    ],
    [
      "a signature with SHA-1",
      () => make(rsa(2048), "-sha1"),
      /^It is not properly signed\. Allowed: /,
    ],
  ];
  for (const [what, request, expected] of weak) {
    it(`may not have ${what}`, () => {
      assert.match(reason(request()), expected);
    });
  }

  const derOf = (request: string) =>
    Buffer.from(request.replaceAll(/-----.*-----|\n/g, ""), "base64");
  const pemOf = (der: Uint8Array) =>
    `-----BEGIN CERTIFICATE REQUEST-----\n${Buffer.from(der).toString("base64")}\n-----END CERTIFICATE REQUEST-----\n`;

  it("must be signed by its own key, and unchanged", () => {
    const der = derOf(make(ec("prime256v1")));
    const name = der.indexOf(Buffer.from("0c0178", "hex"));
    assert.ok(name > 0, "the subject's x");
    der[name + 2] = "y".charCodeAt(0);
    assert.match(reason(pemOf(der)), /^It is not properly signed/);
  });

  it("is not a private key, which should not be there at all", () => {
    const key = ec("prime256v1").export({ type: "pkcs8", format: "pem" }).toString();
    assert.match(reason(key), /^It contains a private key/);
    assert.match(reason(make(ec("prime256v1")) + key), /^It contains a private key/);
  });

  const request = () => make(ec("prime256v1"));
  const noRequests: [string, () => unknown, RegExp][] = [
    ["a number", () => 1, /^Allowed: a certificate request in PEM/],
    ["nothing", () => null, /^Allowed: a certificate request in PEM/],
    ["an empty text", () => "", /^Allowed: one block of PEM/],
    ["two requests", () => request() + request(), /^Allowed: one block of PEM/],
    ["text before it", () => `x\n${request()}`, /^Allowed: one block of PEM/],
    [
      "a certificate",
      () => request().replaceAll("CERTIFICATE REQUEST", "CERTIFICATE"),
      /^Allowed: one block of PEM/,
    ],
    ["a request without its last line", () => request().slice(0, -10), /^Allowed: one block/],
    [
      "a request with a part missing",
      () => request().replace(/\n.{8}/, "\n"),
      /can't be read as PKCS#10/,
    ],
    ["very much text", () => "A".repeat(100_000), /^Allowed: one block of PEM/],
  ];
  for (const [what, raw, expected] of noRequests) {
    it(`is not ${what}`, () => {
      assert.match(reason(raw()), expected);
    });
  }

  it("never throws, and never passes for another key, with any byte changed", () => {
    const original = request();
    const der = derOf(original);
    fc.assert(
      fc.property(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }), (place, change) => {
        const bytes = Buffer.from(der);
        bytes[place] = (bytes[place] ?? 0) ^ change;
        const parsed = parseCertificateRequest(pemOf(bytes));
        // A wrong length of the whole is overlooked: nothing but the key is ever used.
        assert.ok(parsed instanceof Fault || publicKeyOf(parsed) === publicKeyOf(original));
      }),
      { numRuns: 500 },
    );
  });

  it("gives no key for anything else", () => {
    assert.throws(() => publicKeyOf("x"), RangeError);
  });
});
