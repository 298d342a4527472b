/** A server's certificate from an authority of the operator's. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { RotatedAuthority } from "../../../components/rotatedAuthority.ts";
import { ServerCertificate } from "../../../components/serverCertificate.ts";
import {
  SuppliedCertificate,
  type SuppliedCertificateArgs,
} from "../../../components/suppliedCertificate.ts";
import { CERT_REQUEST, PRIVATE_KEY } from "../../../names/types.ts";
import type { SuppliedEntry } from "../../../settings/suppliedCertificates.ts";
import { AUTHORITY, file, make, openssl, read, server, sign } from "../../authority.ts";
import { build, datedOf, names, pemOf, the, valueOf } from "./mocks.ts";

const SERVER = server("DNS:cybexp.example.edu");
make("root", { extensions: AUTHORITY });
make("rsa", { by: "root", key: ["-newkey", "rsa:2048"], extensions: SERVER });

/** Has the stack's key of a generation certified, as an operator would with its request. */
function signed(generation: number): string {
  const name = `stack-${generation}`;
  writeFileSync(file(`${name}.key`), stackKey(generation));
  const out = ["-key", file(`${name}.key`), "-out", file(`${name}.csr`)];
  openssl("req", "-new", ...out, "-subj", `/O=Example/CN=${name}`);
  sign(name, { by: "root", extensions: SERVER });
  return read(`${name}.pem`);
}

const stackKey = (generation: number) => pemOf("EC PRIVATE KEY", `cert-ecdsa-${generation}-key`);
const rsa = { certificate: read("rsa.pem"), privateKey: read("rsa.key") };
const entryOf = (entry: Partial<SuppliedEntry>): SuppliedEntry => ({
  for: "proxy",
  keyType: "ecdsa",
  ...entry,
});

const supplied = (
  entries: readonly Partial<SuppliedEntry>[],
  args: Partial<SuppliedCertificateArgs> = {},
) =>
  build(
    () =>
      new SuppliedCertificate("cert", {
        entries: entries.map(entryOf),
        names: ["cybexp.example.edu", "*.apps.example.edu", "192.0.2.7"],
        authorities: read("root.pem"),
        interim: () =>
          new ServerCertificate("interim", {
            authority: new RotatedAuthority("ca", { commonName: "the CA" }),
            serverName: "cybexp.example.edu",
          }),
        ...args,
      }),
  );

describe("a supplied certificate", () => {
  const own = { names: ["cybexp.example.edu"] };

  it("is shown with its own key, which is a secret, and nothing is made", async () => {
    const built = await supplied([rsa], own);
    assert.deepEqual(names(built.resources), ["cybexp:tls:SuppliedCertificate cert"]);
    assert.deepEqual(await valueOf(built.result.pairs), [rsa]);
    assert.equal(await (built.result.pairs as unknown as Secret).isSecret, true);
    assert.deepEqual(built.result.requests, {});
  });

  it("is stapled where it is asked for, and it is not an interim one", async () => {
    const stapled = async (...args: Parameters<typeof supplied>) =>
      (await supplied(...args)).result.stapled;
    assert.equal(await stapled([rsa], own), false);
    assert.equal(await stapled([rsa], { ...own, ocspStapling: true }), true);
    assert.equal(await stapled([{}], { ...own, ocspStapling: true }), false);
  });

  it("is an interim one of the stack's until the request is signed", async () => {
    const built = await supplied([{}, { keyType: "rsa" }]);
    const inputs = the(built, CERT_REQUEST, "cert-ecdsa-request").inputs;
    assert.deepEqual(
      [inputs["subject"], inputs["dnsNames"], inputs["ipAddresses"]],
      [
        { commonName: "cybexp.example.edu" },
        ["cybexp.example.edu", "*.apps.example.edu"],
        ["192.0.2.7"],
      ],
    );
    assert.equal(the(built, PRIVATE_KEY, "cert-rsa-1-key").inputs["rsaBits"], 3072);
    assert.deepEqual(await valueOf(built.result.pairs), [
      {
        certificate: datedOf("interim", "ca-1-key"),
        privateKey: pemOf("EC PRIVATE KEY", "interim-key"),
      },
    ]);
    assert.deepEqual(Object.keys(built.result.requests), ["ecdsa", "rsa"]);
  });

  it("is shown with the stack's key, and no interim one is made any more", async () => {
    const certificate = signed(1);
    const built = await supplied([{ certificate }, rsa], own);
    assert.deepEqual(await valueOf(built.result.pairs), [
      { certificate, privateKey: stackKey(1) },
      rsa,
    ]);
    assert.deepEqual(names(built.resources), [
      "cybexp:tls:SuppliedCertificate cert",
      "tls:index/certRequest:CertRequest cert-ecdsa-request",
      "tls:index/privateKey:PrivateKey cert-ecdsa-1-key",
    ]);
  });

  it("stays while the next key's request is being signed", async () => {
    const certificate = signed(1);
    const next = await supplied([{ certificate }], { ...own, generation: 2 });
    assert.deepEqual(await valueOf(next.result.pairs), [{ certificate, privateKey: stackKey(1) }]);
    assert.equal(
      the(next, CERT_REQUEST, "cert-ecdsa-request").inputs["privateKeyPem"],
      stackKey(2),
      "the request is not for the next key",
    );
    const renewed = signed(2);
    const after = await supplied([{ certificate: renewed }], { ...own, generation: 2 });
    assert.deepEqual(await valueOf(after.result.pairs), [
      { certificate: renewed, privateKey: stackKey(2) },
    ]);
  });
});

/** What an output tells of itself. */
interface Secret {
  readonly isSecret: Promise<boolean>;
}
