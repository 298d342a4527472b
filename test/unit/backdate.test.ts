import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { backdated } from "../../render/backdate.ts";
import { CLOCK_MARGIN_MINUTES } from "../../render/clockMargin.ts";

const folder = mkdtempSync(join(tmpdir(), "cybexp-backdate-"));
after(() => rmSync(folder, { recursive: true }));

const file = (name: string) => join(folder, name);
const openssl = (...args: string[]) =>
  execFileSync("openssl", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
const EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

openssl(
  ...["req", "-x509", ...EC, "-keyout", file("ca.key"), "-out", file("ca.crt")],
  ...["-days", "3650", "-subj", "/CN=test CA 1/O=Example"],
);
openssl("req", ...EC, "-keyout", file("leaf.key"), "-out", file("leaf.csr"), "-subj", "/CN=leaf");
writeFileSync(
  file("leaf.ext"),
  "subjectAltName=DNS:leaf.example.edu\nextendedKeyUsage=serverAuth\n",
);
openssl(
  ...["x509", "-req", "-in", file("leaf.csr"), "-out", file("leaf.crt"), "-days", "90"],
  ...["-CA", file("ca.crt"), "-CAkey", file("ca.key"), "-CAcreateserial", "-sha256"],
  ...["-extfile", file("leaf.ext")],
);
const pem = (name: string) => readFileSync(file(name), "utf8");
const key = pem("ca.key");
const [ca, leaf] = [backdated(pem("ca.crt"), key), backdated(pem("leaf.crt"), key)];
writeFileSync(file("new-ca.crt"), ca);
writeFileSync(file("new-leaf.crt"), leaf);

/** What OpenSSL finds, by a clock that is so many minutes behind. */
const verify = (caFile: string, leafFile: string, minutesBehind: number) => {
  const at = Math.floor(Date.now() / 1000) - minutesBehind * 60;
  try {
    return openssl("verify", "-attime", String(at), "-CAfile", file(caFile), file(leafFile)).trim();
  } catch (error) {
    return String((error as { stderr: unknown }).stderr);
  }
};

describe("a certificate that is dated back", () => {
  it("is valid for callers whose clocks are slow", () => {
    for (const minutes of [0, 10, CLOCK_MARGIN_MINUTES - 2]) {
      assert.equal(verify("new-ca.crt", "new-leaf.crt", minutes), `${file("new-leaf.crt")}: OK`);
    }
    assert.match(verify("new-ca.crt", "new-leaf.crt", CLOCK_MARGIN_MINUTES + 2), /not yet valid/);
    // What it is for:
    assert.match(verify("ca.crt", "leaf.crt", 10), /not yet valid/);
  });

  it("is trusted by callers with the authority as it was, and the other way round", () => {
    assert.equal(verify("ca.crt", "new-leaf.crt", 0), `${file("new-leaf.crt")}: OK`);
    assert.equal(verify("new-ca.crt", "leaf.crt", 0), `${file("leaf.crt")}: OK`);
  });

  it("differs only in its start date, its serial number and its signature", () => {
    const text = (name: string) =>
      openssl("x509", "-in", file(name), "-noout", "-text", "-certopt", "no_sigdump");
    const differing = (one: string, other: string) => {
      const lines = text(other).split("\n");
      return text(one)
        .split("\n")
        .filter((line, index) => line !== lines[index])
        .map((line) => line.trim().replace(/:.*| : .*/, ""));
    };
    for (const [one, other] of [
      ["ca.crt", "new-ca.crt"],
      ["leaf.crt", "new-leaf.crt"],
    ] as const) {
      const found = differing(one, other);
      assert.equal(found.at(-1), "Not Before");
      assert.equal(found.length, 2, found.join());
    }
    const begins = (cert: string) => new X509Certificate(cert).validFromDate.getTime();
    assert.equal(begins(pem("leaf.crt")) - begins(leaf), CLOCK_MARGIN_MINUTES * 60_000);
    assert.notEqual(
      new X509Certificate(leaf).serialNumber,
      new X509Certificate(pem("leaf.crt")).serialNumber,
    );
  });

  it("is the same each time, so that a second up changes nothing", () => {
    assert.equal(backdated(pem("leaf.crt"), key), leaf);
  });

  it("must come from our own kind of authority", () => {
    openssl(
      ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", file("rsa.key")],
      ...["-out", file("rsa.crt"), "-days", "2", "-subj", "/CN=rsa"],
    );
    assert.throws(() => backdated(pem("rsa.crt"), key), RangeError);
    assert.throws(() => backdated(pem("leaf.crt"), pem("rsa.key")), RangeError);
  });
});
