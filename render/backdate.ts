/** Certificates that are valid from some time before they were made. */
import { createHash, createPrivateKey } from "node:crypto";
import { p256 } from "@noble/curves/nist.js";
import { CLOCK_MARGIN_MINUTES } from "./clockMargin.ts";

/**
 * The certificate with an earlier beginning, signed again by the same key, because the TLS provider can't set
 * when a certificate begins. The same input gives the same bytes (RFC 6979), so a second `up` changes nothing.
 * The serial number differs: two certificates of an authority may not share one (RFC 5280, 4.1.2.2).
 *
 * @param pem PEM, one certificate, signed with ECDSA on P-256 and SHA-256.
 * @param signer PEM: the private key that it was signed with. Secret.
 * @throws RangeError for a certificate that is signed in another way
 */
export function backdated(pem: string, signer: string): string {
  const [certificate = EMPTY] = read(derOf(pem));
  const [tbs = EMPTY, algorithm = EMPTY] = read(certificate.content);
  const [version = EMPTY, serial = EMPTY, ...rest] = read(tbs.content);
  const [inner = EMPTY, issuer = EMPTY, validity = EMPTY, ...others] = rest;
  const [notBefore = EMPTY, notAfter = EMPTY] = read(validity.content);
  if (version.tag !== 0xa0 || notBefore.tag !== UTC_TIME || !algorithm.whole.equals(ECDSA_SHA256)) {
    throw new RangeError("a certificate to be dated back is none of ours");
  }
  const next = sequence(
    version.whole,
    encode(INTEGER, serialAfter(serial.content)),
    inner.whole,
    issuer.whole,
    sequence(encode(UTC_TIME, earlier(notBefore.content)), notAfter.whole),
    ...others.map(({ whole }) => whole),
  );
  const signature = p256.sign(next, scalarOf(signer), { format: "der" });
  const signed = sequence(
    next,
    algorithm.whole,
    encode(BIT_STRING, Buffer.concat([Buffer.of(0), signature])),
  );
  return pemOf(signed);
}

const INTEGER = 0x02;
const BIT_STRING = 0x03;
const UTC_TIME = 0x17;
const SEQUENCE = 0x30;

/** ecdsa-with-SHA256 (RFC 5758, 3.2), as an AlgorithmIdentifier. */
const ECDSA_SHA256 = Buffer.from("300a06082a8648ce3d040302", "hex");

interface Element {
  readonly tag: number;
  readonly content: Buffer;
  /** With its tag and length. */
  readonly whole: Buffer;
}

const EMPTY: Element = { tag: 0, content: Buffer.alloc(0), whole: Buffer.alloc(0) };

/** The elements of a DER text, one after another. */
function read(der: Buffer): Element[] {
  const elements: Element[] = [];
  for (let at = 0; at < der.length;) {
    const first = der[at + 1] ?? 0;
    const bytes = first < 0x80 ? 0 : first & 0x7f;
    const length = bytes === 0 ? first : der.readUIntBE(at + 2, bytes);
    const start = at + 2 + bytes;
    const end = start + length;
    elements.push({
      tag: der[at] ?? 0,
      content: der.subarray(start, end),
      whole: der.subarray(at, end),
    });
    at = end;
  }
  return elements;
}

function encode(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const long = length < 0x80 ? [] : length < 0x100 ? [length] : [length >> 8, length & 0xff];
  const head = long.length === 0 ? [length] : [0x80 | long.length, ...long];
  return Buffer.concat([Buffer.of(tag, ...head), content]);
}

const sequence = (...parts: readonly Buffer[]) => encode(SEQUENCE, Buffer.concat(parts));

/** Sixteen bytes that nobody can guess, like the provider's; positive, and the first is not zero. */
function serialAfter(serial: Buffer): Buffer {
  const digest = createHash("sha256").update("dated back").update(serial).digest();
  digest[0] = ((digest[0] ?? 0) & 0x7f) | 0x40;
  return digest.subarray(0, 16);
}

/** YYMMDDHHMMSSZ; from 50 on it is of the last century (RFC 5280, 4.1.2.5.1). */
function earlier(time: Buffer): Buffer {
  const [, year = "", rest = ""] = /^(\d\d)(\d{10})Z$/.exec(time.toString("latin1")) ?? [];
  const iso = rest.replace(/(..)(..)(..)(..)(..)/, "-$1-$2T$3:$4:$5Z");
  const before = new Date(Date.parse(`20${year}${iso}`) - CLOCK_MARGIN_MINUTES * 60_000);
  const digits = before.toISOString().replace(/\.\d+Z$|[^\d]/g, "");
  return Buffer.from(`${digits.slice(2)}Z`, "latin1");
}

function scalarOf(pem: string): Uint8Array {
  const { d = "", crv } = createPrivateKey(pem).export({ format: "jwk" });
  if (crv !== "P-256") {
    throw new RangeError("the key of an authority is none of ours");
  }
  return Buffer.from(d, "base64url");
}

function derOf(pem: string): Buffer {
  return Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ""), "base64");
}

function pemOf(der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}
