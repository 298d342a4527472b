/** Certificate requests (PKCS#10) that were made elsewhere: the private key never leaves its owner. */
import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { BitString, fromBER, ObjectIdentifier, Sequence } from "asn1js";
import { Fault } from "./fault.ts";

/** No request is longer, and longer text takes long to parse. */
const LONGEST = 16_384;

const LABEL = "(?:NEW )?CERTIFICATE REQUEST";

/** One block of PEM with nothing but white space around it. */
const PEM = new RegExp(
  `^\\s*-----BEGIN ${LABEL}-----\\s+([A-Za-z0-9+/=\\s]+?)\\s*-----END ${LABEL}-----\\s*$`,
);

/** The signature algorithms that are accepted, by OID. MD5 and SHA-1 are not. */
const HASHES: Readonly<Record<string, string>> = {
  "1.2.840.10045.4.3.2": "sha256", // ecdsa-with-SHA256
  "1.2.840.10045.4.3.3": "sha384",
  "1.2.840.10045.4.3.4": "sha512",
  "1.2.840.113549.1.1.11": "sha256", // sha256WithRSAEncryption
  "1.2.840.113549.1.1.12": "sha384",
  "1.2.840.113549.1.1.13": "sha512",
};

const CURVES = ["prime256v1", "secp384r1", "secp521r1"];

const REMEDY =
  "Have its owner make a new one, for example with: openssl req -new -newkey ec " +
  "-pkeyopt ec_paramgen_curve:P-256 -nodes -keyout my.key -subj /CN=me";

/** A request in PEM, with its white space normalized. Only its public key will be used. */
export function parseCertificateRequest(raw: unknown): string | Fault {
  if (typeof raw !== "string") {
    return new Fault("Allowed: a certificate request in PEM.", REMEDY);
  }
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(raw)) {
    return new Fault(
      "It contains a private key, which only its owner should have.",
      "Remove it from the stack's configuration, and have its owner make a new key and request.",
    );
  }
  const [, base64] = raw.length > LONGEST ? [] : (PEM.exec(raw) ?? []);
  if (base64 === undefined) {
    return new Fault(
      "Allowed: one block of PEM, from -----BEGIN CERTIFICATE REQUEST----- to -----END CERTIFICATE REQUEST-----.",
      "Copy the whole request, with its first and last line.",
    );
  }
  const der = Buffer.from(base64, "base64");
  const request = decode(der);
  if (request === undefined) {
    return new Fault("This is not a certificate request: it can't be read as PKCS#10.", REMEDY);
  }
  const weakness = weaknessOf(request.publicKey);
  if (weakness !== undefined) {
    return new Fault(weakness, REMEDY);
  }
  if (!isSigned(request)) {
    return new Fault(
      "It is not properly signed. Allowed: a signature by its own key, with SHA-256 or better.",
      REMEDY,
    );
  }
  return pem("CERTIFICATE REQUEST", der);
}

/**
 * The public key, in PEM, of a request that has been checked.
 *
 * @throws RangeError if it is not a request
 */
export function publicKeyOf(request: string): string {
  const der = Buffer.from(PEM.exec(request)?.[1] ?? "", "base64");
  const found = decode(der);
  if (found === undefined) {
    throw new RangeError("a certificate request can't be read as PKCS#10");
  }
  return found.publicKey.export({ type: "spki", format: "pem" }).toString();
}

interface Request {
  /** The bytes that the signature covers. */
  readonly signed: Uint8Array;
  readonly publicKey: KeyObject;
  readonly algorithm: string;
  readonly signature: Uint8Array;
}

/** The parts of RFC 2986's CertificationRequest that matter here; undefined if it isn't one. */
function decode(der: Uint8Array): Request | undefined {
  try {
    const { offset, result } = fromBER(der);
    return offset === der.length && result instanceof Sequence ? partsOf(result) : undefined;
  } catch {
    return undefined; // Not ASN.1, or not a public key that OpenSSL knows.
  }
}

function partsOf(request: Sequence): Request | undefined {
  const [info, algorithm, signature, more] = request.valueBlock.value;
  if (!(info instanceof Sequence) || !(algorithm instanceof Sequence) || more !== undefined) {
    return undefined;
  }
  const oid = algorithm.valueBlock.value[0];
  const spki = info.valueBlock.value[2];
  if (
    !(oid instanceof ObjectIdentifier) ||
    !(signature instanceof BitString) ||
    !(spki instanceof Sequence)
  ) {
    return undefined;
  }
  const key = Buffer.from(spki.valueBeforeDecodeView);
  return {
    signed: info.valueBeforeDecodeView,
    publicKey: createPublicKey({ key, format: "der", type: "spki" }),
    algorithm: oid.valueBlock.toString(),
    signature: signature.valueBlock.valueHexView,
  };
}

function weaknessOf(key: KeyObject): string | undefined {
  const { modulusLength = 0, namedCurve = "" } = key.asymmetricKeyDetails ?? {};
  const allowed = "Allowed: RSA of 2048 to 8192 bits, or ECDSA on P-256, P-384 or P-521.";
  const type = key.asymmetricKeyType;
  if (type === "rsa") {
    const fits = modulusLength >= 2048 && modulusLength <= 8192;
    return fits ? undefined : `Its RSA key has ${modulusLength} bits. ${allowed}`;
  }
  if (type === "ec") {
    return CURVES.includes(namedCurve)
      ? undefined
      : `Its key is on the curve ${namedCurve}. ${allowed}`;
  }
  return `Its key has the type ${type ?? "unknown"}. ${allowed}`;
}

function isSigned({ signed, publicKey, algorithm, signature }: Request): boolean {
  const hash = HASHES[algorithm];
  const isRsa = algorithm.startsWith("1.2.840.113549.");
  try {
    return (
      hash !== undefined &&
      isRsa === (publicKey.asymmetricKeyType === "rsa") &&
      verify(hash, signed, publicKey, signature)
    );
  } catch {
    return false; // It doesn't even have the form of a signature.
  }
}

function pem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}
