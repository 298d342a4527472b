/** Certificate requests (PKCS#10, RFC 2986) as they come from elsewhere: files. */
import { createPublicKey } from "node:crypto";
import { parseCertificateRequest, publicKeyOf } from "../../settings/certificateRequest.ts";
import { Fault } from "../../settings/fault.ts";
import { UserError } from "../../programs/errors.ts";

/** A request that a certificate may be made for. */
export interface CertificateRequest {
  /** PEM, without whatever else stood in the file. */
  readonly pem: string;
  /** Its key in words, such as "ECDSA P-256". */
  readonly key: string;
}

const BLOCK =
  /-----BEGIN (NEW )?CERTIFICATE REQUEST-----[^-]+-----END (NEW )?CERTIFICATE REQUEST-----/g;

/**
 * Reads a request, and judges it as the stack's config will be judged.
 *
 * @param file PEM, with or without text around it, or DER.
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
      `${name} has ${blocks.length} certificate requests in it; it must have one, from -----BEGIN CERTIFICATE REQUEST----- on`,
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
