import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { CertificateAuthority } from "../../../components/certificateAuthority.ts";
import { build, once, datedOf, pemOf, valueOf } from "./mocks.ts";
import { serverCertificate } from "./parts.ts";

describe("a certificate authority", () => {
  const make = once(() =>
    build(
      () =>
        new CertificateAuthority("ca", {
          commonName: "the CA",
          organization: "CYBEX-P",
          validityDays: 10,
        }),
    ),
  );

  it("is a key and a certificate that signs certificates and revocation lists, and no more", async () => {
    assert.deepEqual((await make()).resources, [
      {
        type: "cybexp:tls:CertificateAuthority",
        name: "ca",
        parent: undefined,
        inputs: {},
        secrets: [],
        options: {},
      },
      {
        type: "tls:index/privateKey:PrivateKey",
        name: "ca-key",
        parent: "ca",
        inputs: { algorithm: "ECDSA", ecdsaCurve: "P256" },
        secrets: [],
        options: {},
      },
      {
        type: "tls:index/selfSignedCert:SelfSignedCert",
        name: "ca",
        parent: "ca",
        inputs: {
          privateKeyPem: pemOf("EC PRIVATE KEY", "ca-key"),
          subject: { commonName: "the CA", organization: "CYBEX-P" },
          validityPeriodHours: 240,
          earlyRenewalHours: 24,
          isCaCertificate: true,
          setSubjectKeyId: true,
          allowedUses: ["cert_signing", "crl_signing"],
        },
        secrets: ["privateKeyPem"],
        options: {},
      },
    ]);
  });

  it("shows its certificate and hides its key", async () => {
    const { result, outputs } = await make();
    assert.equal(await valueOf(result.certificate), datedOf("ca", "ca-key"));
    assert.equal(await pulumi.isSecret(result.certificate), false);
    assert.equal(await valueOf(result.privateKey), pemOf("EC PRIVATE KEY", "ca-key"));
    assert.equal(await pulumi.isSecret(result.privateKey), true);
    assert.deepEqual(outputs.get("cybexp:tls:CertificateAuthority ca"), {
      values: { certificate: datedOf("ca", "ca-key") },
      secrets: [],
    });
  });
});

describe("a server's certificate", () => {
  const make = once(() => build(() => serverCertificate({ generation: 4 })));

  it("is a key, and a certificate by the authority for one name", async () => {
    const own = (await make()).resources.filter(({ parent, name }) => (parent ?? name) === "cert");
    assert.deepEqual(own, [
      {
        type: "cybexp:tls:ServerCertificate",
        name: "cert",
        parent: undefined,
        inputs: {},
        secrets: [],
        options: {},
      },
      {
        type: "tls:index/certRequest:CertRequest",
        name: "cert-request",
        parent: "cert",
        inputs: {
          privateKeyPem: pemOf("EC PRIVATE KEY", "cert-key"),
          subject: { commonName: "cybexp.example.edu" },
          dnsNames: ["cybexp.example.edu"],
        },
        secrets: ["privateKeyPem"],
        options: {},
      },
      {
        type: "tls:index/locallySignedCert:LocallySignedCert",
        name: "cert",
        parent: "cert",
        inputs: {
          certRequestPem: pemOf("CERTIFICATE REQUEST", "cert-request"),
          caPrivateKeyPem: pemOf("EC PRIVATE KEY", "ca-1-key"),
          caCertPem: pemOf("CERTIFICATE", "ca-1"),
          validityPeriodHours: 120,
          earlyRenewalHours: 48,
          setSubjectKeyId: true,
          allowedUses: ["digital_signature", "server_auth"],
        },
        secrets: ["caPrivateKeyPem"],
        options: {},
      },
      {
        type: "tls:index/privateKey:PrivateKey",
        name: "cert-key",
        parent: "cert",
        inputs: { algorithm: "ECDSA", ecdsaCurve: "P256" },
        secrets: [],
        options: { replacementTrigger: 4 },
      },
    ]);
  });

  it("shows its certificate and hides its key", async () => {
    const { result, outputs } = await make();
    assert.equal(await valueOf(result.certificate), datedOf("cert", "ca-1-key"));
    assert.equal(await pulumi.isSecret(result.certificate), false);
    assert.equal(await valueOf(result.privateKey), pemOf("EC PRIVATE KEY", "cert-key"));
    assert.equal(await pulumi.isSecret(result.privateKey), true);
    assert.deepEqual(outputs.get("cybexp:tls:ServerCertificate cert"), {
      values: { certificate: datedOf("cert", "ca-1-key") },
      secrets: [],
    });
  });
});
