import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { UNKNOWN } from "../../../policy/pack/unknown.ts";
import { certificateLifetime } from "../../../policy/rules/certificateLifetime.ts";
import { keyStrength } from "../../../policy/rules/keyStrength.ts";
import { judge, resource } from "./judge.ts";

const SIGNED = "tls:index/locallySignedCert:LocallySignedCert";
const SELF_SIGNED = "tls:index/selfSignedCert:SelfSignedCert";

describe("certificate-lifetime", () => {
  const certificate = (days: unknown, use: string, more: object = {}, type = SIGNED) =>
    resource(type, "c", {
      validityPeriodHours: typeof days === "number" ? days * 24 : days,
      allowedUses: ["digital_signature", use],
      ...more,
    });
  const authority = (days: number) =>
    certificate(days, "cert_signing", { isCaCertificate: true }, SELF_SIGNED);

  it("accepts what expires in time", () => {
    const all = [certificate(398, "server_auth"), certificate(825, "client_auth"), authority(3653)];
    assert.deepEqual(judge(certificateLifetime, all), []);
  });

  it("reports what is valid for longer than its use allows", () => {
    const all = [certificate(399, "server_auth"), certificate(826, "client_auth"), authority(3654)];
    assert.deepEqual(judge(certificateLifetime, all), [
      "c: a server's certificate is valid for 399 days: set validityPeriodHours to 9552 (398 days) or less",
      "c: a client's certificate is valid for 826 days: set validityPeriodHours to 19800 (825 days) or less",
      "c: an authority's certificate is valid for 3654 days: set validityPeriodHours to 87672 (3653 days) or less",
    ]);
    const both = certificate(399, "server_auth", { allowedUses: ["client_auth", "server_auth"] });
    assert.equal(judge(certificateLifetime, [both]).length, 1);
  });

  it("waits for what is not known yet", () => {
    assert.deepEqual(judge(certificateLifetime, [certificate(UNKNOWN, "server_auth")]), []);
    const perhaps = certificate(9999, "server_auth", { isCaCertificate: UNKNOWN });
    assert.deepEqual(judge(certificateLifetime, [perhaps]), []);
  });

  it("takes the days of its settings", () => {
    const settings = { serverDays: 90 };
    const told = (days: number) =>
      judge(certificateLifetime, [certificate(days, "server_auth")], { settings }).length;
    assert.deepEqual([90, 91].map(told), [0, 1]);
  });
});

describe("key-strength", () => {
  const key = (props: object) => resource("tls:index/privateKey:PrivateKey", "k", { ...props });

  it("takes keys that are strong enough", () => {
    const all = [
      key({ algorithm: "RSA" }),
      key({ algorithm: "RSA", rsaBits: 2048 }),
      key({ algorithm: "ECDSA", ecdsaCurve: "P256" }),
      key({ algorithm: "ED25519" }),
    ];
    assert.deepEqual(judge(keyStrength, all), []);
  });

  it("reports short RSA keys and weak curves, the provider's own default among them", () => {
    const all = [
      key({ algorithm: "RSA", rsaBits: 2047 }),
      key({ algorithm: "ECDSA", ecdsaCurve: "P224" }),
      key({ algorithm: "ECDSA" }),
    ];
    assert.deepEqual(judge(keyStrength, all), [
      "k: it is an RSA key of 2047 bits: set rsaBits to 2048 or more",
      "k: it is a key on the curve P224: set ecdsaCurve to P256 or P384 or P521",
      "k: it is a key on the curve P224: set ecdsaCurve to P256 or P384 or P521",
    ]);
  });

  it("waits for what is not known yet", () => {
    const all = [
      key({ algorithm: UNKNOWN }),
      key({ algorithm: "RSA", rsaBits: UNKNOWN }),
      key({ algorithm: "ECDSA", ecdsaCurve: UNKNOWN }),
    ];
    assert.deepEqual(judge(keyStrength, all), []);
  });

  it("takes the strengths of its settings", () => {
    const all = [key({ algorithm: "RSA" }), key({ algorithm: "ECDSA", ecdsaCurve: "P256" })];
    const settings = { rsaBits: 3072, curves: ["P384"] };
    assert.deepEqual(judge(keyStrength, all, { settings }), [
      "k: it is an RSA key of 2048 bits: set rsaBits to 3072 or more",
      "k: it is a key on the curve P256: set ecdsaCurve to P384",
    ]);
  });
});
