/** Certificates and requests for tests, made on the spot. */
import "reflect-metadata";
import { createPrivateKey, type webcrypto } from "node:crypto";
import { isIP } from "node:net";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";

export type KeyKind = "P-256" | "P-384" | "P-521" | "Ed25519" | "RSA 1024" | "RSA 2048";

export interface Pair {
  /** PEM. */
  readonly certificate: string;
  /** PEM in OpenSSL's older form, as @pulumi/tls gives it. */
  readonly privateKey: string;
}

export interface Authority extends Pair {
  readonly name: string;
  readonly keys: webcrypto.CryptoKeyPair;
}

const DAY = 86_400_000;

export async function makeAuthority(name: string): Promise<Authority> {
  const keys = await makeKeys("P-256");
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
    notBefore: new Date(Date.now() - DAY),
    notAfter: new Date(Date.now() + DAY),
    extensions: [new BasicConstraintsExtension(true, undefined, true)],
  });
  return { name, keys, ...(await pems(certificate.toString("pem"), keys)) };
}

export interface LeafOptions {
  readonly usage: "client" | "server";
  /** @default "P-256" */
  readonly kind?: KeyKind;
  /** @default in a day */
  readonly notAfter?: Date;
}

export async function issue(
  authority: Authority,
  name: string,
  { usage, kind = "P-256", notAfter = new Date(Date.now() + DAY) }: LeafOptions,
): Promise<Pair> {
  const keys = await makeKeys(kind);
  const certificate = await X509CertificateGenerator.create({
    subject: name.includes("=") ? name : `CN=${name}`,
    issuer: `CN=${authority.name}`,
    publicKey: keys.publicKey,
    signingKey: authority.keys.privateKey,
    signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
    notBefore: new Date(Math.min(Date.now(), notAfter.getTime()) - DAY),
    notAfter,
    extensions: [
      new ExtendedKeyUsageExtension([
        usage === "client" ? ExtendedKeyUsage.clientAuth : ExtendedKeyUsage.serverAuth,
      ]),
      ...(usage === "server"
        ? [
            new SubjectAlternativeNameExtension([
              { type: isIP(name) === 0 ? "dns" : "ip", value: name },
            ]),
          ]
        : []),
    ],
  });
  return pems(certificate.toString("pem"), keys);
}

/** A client that no authority vouches for, as @pulumi/tls makes it. */
export async function makeSelfSignedClient(name: string): Promise<Pair> {
  const keys = await makeKeys("P-256");
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
    notBefore: new Date(Date.now() - DAY),
    notAfter: new Date(Date.now() + DAY),
    extensions: [
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth]),
      new BasicConstraintsExtension(false, undefined, true),
    ],
  });
  return pems(certificate.toString("pem"), keys);
}

/** A request, PEM, and its key. */
export async function makeRequest(
  name: string,
  kind: KeyKind,
  hash = "SHA-256",
): Promise<{ readonly pem: string; readonly der: Buffer; readonly privateKey: string }> {
  const keys = await makeKeys(kind, hash);
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: `CN=${name}`,
    keys,
    signingAlgorithm:
      kind === "Ed25519"
        ? { name: "Ed25519" }
        : { name: kind.startsWith("RSA") ? "RSASSA-PKCS1-v1_5" : "ECDSA", hash },
  });
  const { privateKey } = await pems("", keys);
  return { pem: request.toString("pem"), der: Buffer.from(request.rawData), privateKey };
}

async function makeKeys(kind: KeyKind, hash = "SHA-256"): Promise<webcrypto.CryptoKeyPair> {
  const algorithm = kind.startsWith("RSA")
    ? {
        name: "RSASSA-PKCS1-v1_5",
        hash,
        modulusLength: Number(kind.slice(4)),
        publicExponent: new Uint8Array([1, 0, 1]),
      }
    : kind === "Ed25519"
      ? { name: "Ed25519" }
      : { name: "ECDSA", namedCurve: kind };
  return (await crypto.subtle.generateKey(algorithm, true, [
    "sign",
    "verify",
  ])) as webcrypto.CryptoKeyPair;
}

async function pems(certificate: string, keys: webcrypto.CryptoKeyPair): Promise<Pair> {
  const pkcs8 = Buffer.from(await crypto.subtle.exportKey("pkcs8", keys.privateKey));
  const key = createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
  const type =
    key.asymmetricKeyType === "rsa" ? "pkcs1" : key.asymmetricKeyType === "ec" ? "sec1" : "pkcs8";
  const privateKey = key.export({ format: "pem", type } as { format: "pem"; type: "pkcs8" });
  return { certificate: `${certificate}\n`, privateKey: privateKey.toString() };
}
