/** Revocation lists and certificates of requests, as OpenSSL reads them. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Authority } from "../../render/authorityKey.ts";
import { clientHost, clientSerial, clientSubject } from "../../render/clientName.ts";
import { CLOCK_MARGIN_MINUTES } from "../../render/clockMargin.ts";
import { LONGEST_LIFE_DAYS, renderCrls } from "../../render/crl.ts";
import { renderSignedRequest } from "../../render/signedRequest.ts";
import { certificateDays } from "../../settings/certificates.ts";
import { makeAuthority, makeClient } from "../nginx/clientPki.ts";

const NOW = new Date();

let folder: string;
before(() => (folder = mkdtempSync(join(tmpdir(), "cybexp-test-crl-"))));
after(() => rmSync(folder, { recursive: true }));

const openssl = (...args: string[]) =>
  execFileSync("openssl", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** What OpenSSL says of a certificate, checked as Nginx does: each authority must have a list. */
function verdict(certificate: string, authorities: string, lists: string): string {
  const { stdout, stderr } = spawnSync(
    "openssl",
    [
      ...["verify", "-crl_check_all", "-purpose", "sslclient"],
      ...["-CAfile", file("ca.pem", authorities), "-CRLfile", file("crl.pem", lists)],
      file("leaf.pem", certificate),
    ],
    { encoding: "utf8" },
  );
  return (
    /error \d+ at \d+ depth lookup: (.*)/.exec(stderr)?.[1] ?? stdout.replace(/^.*: /, "").trim()
  );
}

/** The serial numbers on a list. */
const serials = (list: string) =>
  [
    ...openssl("crl", "-noout", "-text", "-in", file("one.pem", list)).matchAll(
      /Serial Number: (\w+)/g,
    ),
  ]
    .map(([, serial]) => serial)
    .sort();
const serialOf = (certificate: string) => new X509Certificate(certificate).serialNumber;

describe("the revocation lists", () => {
  const lists = (
    authorities: readonly Authority[],
    revoked: readonly string[] = [],
    previous = "",
    now = NOW,
  ) => renderCrls({ authorities, revoked, previous, now });

  it("refuse what is revoked and nothing else, under each authority", async () => {
    const [one, two] = [await makeAuthority("CA 1"), await makeAuthority("CA 2")];
    const authorities = one.certificate + two.certificate;
    const clients = await Promise.all(
      [one, two].map(async (authority) => ({
        good: (await makeClient(authority, "ann")).certificate,
        bad: (await makeClient(authority, "rob")).certificate,
      })),
    );
    const text = await lists(
      [one, two],
      clients.map(({ bad }) => bad),
    );
    for (const { good, bad } of clients) {
      assert.equal(verdict(good, authorities, text), "OK");
      assert.equal(verdict(bad, authorities, text), "certificate revoked");
    }
    const [first = "", second = "", rest] = text.split(/(?<=END X509 CRL-----\n)/);
    assert.equal(rest, undefined);
    assert.deepEqual(
      [first, second].map(serials),
      clients.map(({ bad }) => [serialOf(bad)]),
    );
  });

  it("exist for an authority that revoked nothing: without one, no certificate is valid", async () => {
    const [one, two] = [await makeAuthority("CA 1"), await makeAuthority("CA 2")];
    const { certificate } = await makeClient(two, "ann");
    const authorities = one.certificate + two.certificate;
    assert.equal(verdict(certificate, authorities, await lists([one, two])), "OK");
    assert.equal(
      verdict(certificate, authorities, await lists([one])),
      "unable to get certificate CRL",
    );
    assert.match(
      openssl("crl", "-noout", "-text", "-in", file("empty.pem", await lists([one]))),
      /\n {4}No Revoked Certificates\.|\nNo Revoked Certificates\./,
    );
  });

  it("keep their entries and the first dates, whether still named or not", async () => {
    const authority = await makeAuthority("CA 1");
    const [first, second] = await Promise.all(
      ["ann", "bob"].map(async (name) => (await makeClient(authority, name)).certificate),
    );
    assert.ok(first !== undefined && second !== undefined);
    const later = new Date(NOW.getTime() + 60_000);
    const before = await lists([authority], [first]);
    const now = await lists([authority], [second], before, later);
    assert.deepEqual(serials(now), [serialOf(first), serialOf(second)].sort());
    const text = openssl("crl", "-noout", "-text", "-in", file("now.pem", now));
    const day = (date: Date) => `${Math.floor(date.getTime() / 1000)}`;
    const dates = [...text.matchAll(/Serial Number: (\w+)\n\s+Revocation Date: (.*)\n/g)].map(
      ([, serial, date = ""]) => [serial, day(new Date(date))],
    );
    assert.deepEqual(
      dates.sort(),
      [
        [serialOf(first), day(NOW)],
        [serialOf(second), day(later)],
      ].sort(),
    );
    assert.match(text, /X509v3 CRL Reason Code: \n\s+Privilege Withdrawn/);
  });

  it("forget what has certainly expired, unless it is still named", async () => {
    assert.ok(LONGEST_LIFE_DAYS > certificateDays.clientValidityDays.most);
    const authority = await makeAuthority("CA 1");
    const { certificate } = await makeClient(authority, "ann");
    const at = (days: number) => new Date(NOW.getTime() + days * 86_400_000);
    const before = await lists([authority], [certificate]);
    const serial = serialOf(certificate);
    assert.deepEqual(serials(await lists([authority], [], before, at(825))), [serial]);
    assert.deepEqual(serials(await lists([authority], [], before, at(827))), []);
    assert.deepEqual(serials(await lists([authority], [certificate], before, at(827))), [serial]);
  });

  it("take nothing from an authority of the same name with another key", async () => {
    const [old, now] = [await makeAuthority("CA 1"), await makeAuthority("CA 1")];
    const { certificate } = await makeClient(old, "ann");
    const before = await lists([old], [certificate]);
    assert.equal(serials(before).length, 1);
    assert.deepEqual(serials(await lists([now], [certificate], before)), []);
  });

  it("are valid from a day before, for slow clocks, until the authority expires", async () => {
    for (const end of ["2049-12-31T23:59:59Z", "2050-01-01T00:00:00Z", "2126-11-22T10:00:00Z"]) {
      const authority = await makeAuthority("CA 1", new Date(end));
      const text = openssl(
        ...["crl", "-noout", "-lastupdate", "-nextupdate", "-crlnumber"],
        ...["-in", file("long.pem", await lists([authority]))],
      );
      const value = (key: string) => new RegExp(`${key}=(.*)`).exec(text)?.[1] ?? "";
      assert.equal(new Date(value("nextUpdate")).toISOString(), end.replace("Z", ".000Z"));
      const age = NOW.getTime() - new Date(value("lastUpdate")).getTime();
      assert.ok(age > 86_000_000 && age < 86_500_000, `${age} ms ago`);
      assert.equal(Number(value("crlNumber")), Math.floor(NOW.getTime() / 1000));
    }
  });

  it("don't start before their authority", async () => {
    const authority = await makeAuthority("CA 1");
    const long = new Date(NOW.getTime() - 30 * 86_400_000);
    const text = openssl(
      ...["crl", "-noout", "-lastupdate"],
      ...["-in", file("old.pem", await lists([authority], [], "", long))],
    );
    const { validFrom } = new X509Certificate(authority.certificate);
    assert.equal(new Date(text.replace("lastUpdate=", "")).getTime(), Date.parse(validFrom));
  });

  it("accept serial numbers with any first bit", async () => {
    const authority = await makeAuthority("CA 1");
    file("ca.crt", authority.certificate);
    file("ca.key", authority.privateKey);
    const request = openssl(
      ...["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
      ...["-keyout", join(folder, "k.pem"), "-subj", "/CN=x", "-batch"],
    );
    for (const serial of ["F000000000000000000000000000000F", "7F", "80", "01"]) {
      const certificate = execFileSync(
        "openssl",
        [
          ...["x509", "-req", "-days", "1", "-set_serial", `0x${serial}`],
          ...["-CA", join(folder, "ca.crt"), "-CAkey", join(folder, "ca.key")],
        ],
        { encoding: "utf8", input: request, stdio: ["pipe", "pipe", "ignore"] },
      );
      const list = await lists([authority], [certificate]);
      assert.deepEqual(serials(list), [serial], serial);
      assert.equal(verdict(certificate, authority.certificate, list), "certificate revoked");
    }
  });
});

describe("the certificate of a request", () => {
  const sign = async (
    name: string,
    authority: Authority,
    publicKey: string,
    organization?: string,
  ) =>
    renderSignedRequest({
      authority,
      name,
      organization,
      serial: clientSerial({ generation: 3, publicKey }),
      publicKey,
      validityDays: 5,
      now: NOW,
    });

  for (const [kind, pair, organization] of [
    ["ECDSA", () => generateKeyPairSync("ec", { namedCurve: "P-384" }), undefined],
    ["RSA", () => generateKeyPairSync("rsa", { modulusLength: 2048 }), "Example & Sons (Reno)"],
  ] as const) {
    it(`is for its ${kind} key, for our name, for clients alone`, async () => {
      const authority = await makeAuthority("CA 1");
      const publicKey = pair().publicKey.export({ type: "spki", format: "pem" }).toString();
      const pem = await sign("a_b@example.edu", authority, publicKey, organization);
      const certificate = new X509Certificate(pem);
      const ca = new X509Certificate(authority.certificate);
      assert.equal(
        certificate.publicKey.export({ type: "spki", format: "pem" }).toString(),
        publicKey,
      );
      assert.ok(certificate.verify(ca.publicKey));
      assert.ok(certificate.checkIssued(ca));
      assert.equal(certificate.ca, false);
      assert.deepEqual(certificate.keyUsage, ["1.3.6.1.5.5.7.3.2"]);
      assert.match(certificate.serialNumber, /^[4-7][0-9A-F]{31}$/);
      const made = Math.floor(NOW.getTime() / 1000) * 1000;
      assert.equal(certificate.validFromDate.getTime(), made - CLOCK_MARGIN_MINUTES * 60_000);
      assert.equal(certificate.validToDate.getTime(), made + 5 * 86_400_000);
      assert.equal(certificate.subjectAltName, undefined);
      const text = openssl(
        ...["x509", "-noout", "-subject", "-nameopt", "RFC2253"],
        ...["-in", file("signed.pem", pem)],
      );
      assert.equal(
        text,
        `subject=${clientSubject({ name: "a_b@example.edu", generation: 3, publicKey, organization })}\n`,
      );
      assert.equal(
        verdict(
          pem,
          authority.certificate,
          await renderCrls({ authorities: [authority], revoked: [], previous: "", now: NOW }),
        ),
        "OK",
      );
    });
  }

  it("names a host if the name is one", async () => {
    const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const spki = publicKey.export({ type: "spki", format: "pem" }).toString();
    const pem = await sign("app.example.edu", await makeAuthority("CA 1"), spki);
    assert.equal(new X509Certificate(pem).subjectAltName, "DNS:app.example.edu");
  });
});

describe("the programs that sign", () => {
  const program = (name: string, input: unknown, previous?: string) =>
    spawnSync(process.execPath, [`programs/certificates/${name}.ts`], {
      encoding: "utf8",
      input: JSON.stringify(input),
      env: { ...process.env, ...(previous !== undefined && { PULUMI_COMMAND_STDOUT: previous }) },
    });

  it("print the certificate, and the lists with the entries of the last printed ones", async () => {
    const authority = await makeAuthority("CA 1");
    const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const spki = publicKey.export({ type: "spki", format: "pem" }).toString();
    const signed = program("sign-request", {
      authority,
      name: "ann",
      serial: clientSerial({ generation: 1, publicKey: spki }),
      publicKey: spki,
      validityDays: 5,
    });
    assert.deepEqual([signed.status, signed.stderr], [0, ""]);
    const first = program("crl", { authorities: [authority], revoked: [signed.stdout] });
    assert.deepEqual([first.status, first.stderr], [0, ""]);
    const second = program("crl", { authorities: [authority], revoked: [] }, first.stdout);
    assert.deepEqual([second.status, second.stderr], [0, ""]);
    assert.equal(
      verdict(signed.stdout, authority.certificate, second.stdout),
      "certificate revoked",
    );
  });

  it("fail without showing their input", () => {
    const { status, stdout, stderr } = program("crl", {
      authorities: [{ certificate: "s3cret", privateKey: "s3cret" }],
      revoked: [],
    });
    assert.deepEqual([status, stdout], [1, ""]);
    assert.match(stderr, /^internal error: .+\n$/);
    assert.doesNotMatch(stderr, /s3cret/);
  });
});

describe("a client's host name", () => {
  for (const name of ["a.b", "app-1.example.edu", "1.2.3.4.in-addr.arpa"]) {
    it(`is ${name}`, () => assert.equal(clientHost(name), name));
  }
  for (const name of [
    "ann",
    "ann@example.edu",
    "192.0.2.1",
    "a..b",
    "a.b.",
    "-a.b",
    "a_b.c",
    "A.b",
  ]) {
    it(`is not ${name}`, () => assert.equal(clientHost(name), undefined));
  }
});
