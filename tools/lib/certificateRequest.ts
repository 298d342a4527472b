/** Certificate requests (PKCS#10, RFC 2986) that came from elsewhere. */
import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { type BaseBlock, BitString, Constructed, fromBER, ObjectIdentifier } from "asn1js";
import { UserError } from "./errors.ts";

/** A request that a certificate may be made for. */
export interface CertificateRequest {
  /** PEM, without whatever else stood in the file. */
  readonly pem: string;
  /** Its key in words, such as "ECDSA P-256". */
  readonly key: string;
}

/** The hash of each signature that is taken. */
const SIGNATURES: Readonly<Record<string, string>> = {
  "1.2.840.10045.4.3.2": "sha256",
  "1.2.840.10045.4.3.3": "sha384",
  "1.2.840.10045.4.3.4": "sha512",
  "1.2.840.113549.1.1.11": "sha256",
  "1.2.840.113549.1.1.12": "sha384",
  "1.2.840.113549.1.1.13": "sha512",
};

const CURVES: Readonly<Record<string, string>> = {
  prime256v1: "P-256",
  secp384r1: "P-384",
  secp521r1: "P-521",
};
const LEAST_RSA_BITS = 2048;
const MOST_RSA_BITS = 8192;
const KEYS = `ECDSA on P-256, P-384 or P-521, or RSA of ${LEAST_RSA_BITS} to ${MOST_RSA_BITS} bits`;

/** What makes a good one, for the end of a message. */
const MAKE_ONE =
  "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=NAME -keyout NAME.key -out NAME.csr";

/**
 * Reads a request, and makes sure that whoever made it has the key and that all browsers and servers
 * take a certificate for such a key.
 *
 * @param file PEM or DER.
 * @param name What the file is called in messages.
 * @throws UserError With what is wrong with it, never with its content.
 */
export function readRequest(file: Uint8Array, name: string): CertificateRequest {
  const text = Buffer.from(file).toString("latin1");
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) {
    throw new UserError(
      `${name} has a private key in it, which must stay with its owner: take the request alone`,
    );
  }
  const der = text.includes("-----BEGIN ") ? fromPem(text, name) : Buffer.from(file);
  const request = parse(der);
  if (request === undefined) {
    throw new UserError(`${name} is no certificate request (PKCS#10); make one by: ${MAKE_ONE}`);
  }
  const key = describeKey(request.key);
  if (key === undefined) {
    throw new UserError(
      `the key of ${name} is not one that all clients can use; allowed: ${KEYS}; make a new one by: ${MAKE_ONE}`,
    );
  }
  const hash = SIGNATURES[request.algorithm];
  if (hash === undefined) {
    throw new UserError(
      `${name} is signed in a way that is not taken; allowed: ECDSA or RSA (PKCS#1) with SHA-256, SHA-384 or SHA-512`,
    );
  }
  if (!verify(hash, request.signed, request.key, request.signature)) {
    throw new UserError(
      `${name} is damaged, or was made without its key: its signature does not fit`,
    );
  }
  return { pem: toPem(der), key };
}

function fromPem(text: string, name: string): Buffer {
  const blocks = [
    ...text.matchAll(
      /-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----([A-Za-z0-9+/=\s]+)-----END (?:NEW )?CERTIFICATE REQUEST-----/g,
    ),
  ];
  if (blocks.length !== 1) {
    throw new UserError(
      `${name} has ${blocks.length} certificate requests in it instead of one; make one by: ${MAKE_ONE}`,
    );
  }
  return Buffer.from(blocks[0]?.[1] ?? "", "base64");
}

function toPem(der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return [
    "-----BEGIN CERTIFICATE REQUEST-----",
    ...lines,
    "-----END CERTIFICATE REQUEST-----",
    "",
  ].join("\n");
}

interface Parsed {
  readonly signed: Buffer;
  readonly key: KeyObject;
  /** Object identifier. */
  readonly algorithm: string;
  readonly signature: Buffer;
}

/** The parts of a CertificationRequest; undefined when it is none, or has a key of no known kind. */
function parse(der: Buffer): Parsed | undefined {
  const { offset, result } = fromBER(der);
  if (offset !== der.length) {
    return undefined;
  }
  const [info, algorithm, signature] = parts(result);
  const [, , subjectKey] = parts(info);
  const [identifier] = parts(algorithm);
  if (
    info === undefined ||
    subjectKey === undefined ||
    !(identifier instanceof ObjectIdentifier) ||
    !(signature instanceof BitString)
  ) {
    return undefined;
  }
  try {
    return {
      signed: Buffer.from(info.valueBeforeDecodeView),
      key: createPublicKey({
        key: Buffer.from(subjectKey.valueBeforeDecodeView),
        format: "der",
        type: "spki",
      }),
      algorithm: identifier.valueBlock.toString(),
      signature: Buffer.from(signature.valueBlock.valueHexView),
    };
  } catch {
    return undefined;
  }
}

function parts(block: BaseBlock | undefined): readonly (BaseBlock | undefined)[] {
  return block instanceof Constructed ? block.valueBlock.value : [];
}

/** The key in words; undefined when some browser or server would not take it. */
function describeKey(key: KeyObject): string | undefined {
  const {
    modulusLength = 0,
    namedCurve = "",
    publicExponent = 0n,
  } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === "ec") {
    const curve = CURVES[namedCurve];
    return curve === undefined ? undefined : `ECDSA ${curve}`;
  }
  const good =
    key.asymmetricKeyType === "rsa" &&
    modulusLength >= LEAST_RSA_BITS &&
    modulusLength <= MOST_RSA_BITS &&
    publicExponent >= 65537n;
  return good ? `RSA ${modulusLength}` : undefined;
}
