/** Reads certificate requests (PKCS#10, RFC 2986) from files. */
import { createPublicKey } from "node:crypto";
import { parseCertificateRequest, publicKeyOf } from "../../settings/certificateRequest.ts";
import { Fault } from "../../settings/fault.ts";
import { UserError } from "../../programs/errors.ts";

/** A valid certificate request. */
export interface CertificateRequest {
  /** PEM, without anything else that was in the file. */
  readonly pem: string;
  /** Its key in words, such as "ECDSA P-256". */
  readonly key: string;
}

const BLOCK =
  /-----BEGIN (NEW )?CERTIFICATE REQUEST-----[^-]+-----END (NEW )?CERTIFICATE REQUEST-----/g;

/**
 * Reads a request, and checks it in the same way as the stack's config.
 *
 * @param file PEM, with or without text around it, or DER.
 * @param name The file's name in messages.
 * @throws UserError that says what is wrong with it, never with its content
 */
export function readRequest(file: Uint8Array, name: string): CertificateRequest {
  const text = Buffer.from(file).toString("latin1");
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) {
    throw new UserError(
      `${name} contains a private key, which must stay with its owner: use a file with only the request`,
    );
  }
  const found = text.includes("-----BEGIN ") ? onlyBlock(text, name) : pemOf(file);
  const pem = parseCertificateRequest(found);
  if (pem instanceof Fault) {
    throw new UserError(`${name}: ${pem.reason} ${pem.remedy}`);
  }
  return { pem, key: describeKey(publicKeyOf(pem)) };
}

function onlyBlock(text: string, name: string): string {
  const blocks = text.match(BLOCK) ?? [];
  if (blocks[0] === undefined || blocks.length > 1) {
    throw new UserError(
      `${name} contains ${blocks.length} certificate requests; it must contain exactly one, which begins with -----BEGIN CERTIFICATE REQUEST-----`,
    );
  }
  return blocks[0];
}

function pemOf(der: Uint8Array): string {
  const base64 = Buffer.from(der).toString("base64");
  return `-----BEGIN CERTIFICATE REQUEST-----\n${base64}\n-----END CERTIFICATE REQUEST-----`;
}

const CURVES: Readonly<Record<string, string>> = {
  prime256v1: "P-256",
  secp384r1: "P-384",
  secp521r1: "P-521",
};

function describeKey(pem: string): string {
  const { asymmetricKeyType, asymmetricKeyDetails } = createPublicKey(pem);
  const { modulusLength = 0, namedCurve = "" } = asymmetricKeyDetails ?? {};
  return asymmetricKeyType === "rsa"
    ? `RSA ${modulusLength}`
    : `ECDSA ${CURVES[namedCurve] ?? namedCurve}`;
}
