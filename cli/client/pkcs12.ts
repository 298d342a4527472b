/**
 * PKCS#12 (RFC 7292): a private key and its certificate in one file with a password, for import into
 * browsers, operating systems and Java.
 *
 * The encryption is Triple-DES with SHA-1, and the MAC is SHA-1, on purpose: not all of them read anything
 * newer (docs/decisions.md). This makes guessing cheap, so the password must be impossible to guess: a
 * generated one of 128 bits or more, never one that a person chose.
 */
import { createCipheriv, createHash, createHmac, type KeyObject, randomBytes } from "node:crypto";
import type { X509Certificate } from "node:crypto";
import {
  type BaseBlock,
  BmpString,
  Constructed,
  Integer,
  Null,
  ObjectIdentifier,
  OctetString,
  Primitive,
  Sequence,
  Set as Asn1Set,
} from "asn1js";

export interface Pkcs12Content {
  readonly privateKey: KeyObject;
  readonly certificate: X509Certificate;
  /** The name in a list of certificates, and Java's alias (in lower case). ASCII. */
  readonly friendlyName: string;
}

const OID = {
  data: "1.2.840.113549.1.7.1",
  encryptedData: "1.2.840.113549.1.7.6",
  friendlyName: "1.2.840.113549.1.9.20",
  localKeyId: "1.2.840.113549.1.9.21",
  x509Certificate: "1.2.840.113549.1.9.22.1",
  pbeWithSha1And3Des: "1.2.840.113549.1.12.1.3",
  shroudedKeyBag: "1.2.840.113549.1.12.10.1.2",
  certBag: "1.2.840.113549.1.12.10.1.3",
  sha1: "1.3.14.3.2.26",
} as const;

/** OpenSSL's default. With a password that can't be guessed, it does not matter. */
const ITERATIONS = 2048;
const SALT_BYTES = 8;

/**
 * The file's content, DER.
 *
 * @param password ASCII, of 128 random bits or more.
 */
export function encodePkcs12(content: Pkcs12Content, password: string): Buffer {
  if (!/^[\x21-\x7e]+$/.test(password)) {
    throw new TypeError("the password of a PKCS#12 file must be printable ASCII");
  }
  const key = content.privateKey.export({ format: "der", type: "pkcs8" });
  const attributes = bagAttributes(content);
  const certificateBag = sequence(
    oid(OID.certBag),
    tagged(sequence(oid(OID.x509Certificate), tagged(octets(content.certificate.raw)))),
    attributes,
  );
  const encryptedKey = encrypt(key, password);
  const keyBag = sequence(
    oid(OID.shroudedKeyBag),
    tagged(sequence(encryptedKey.algorithm, octets(encryptedKey.bytes))),
    attributes,
  );
  const safes = der(
    sequence(
      encryptedData(encrypt(der(sequence(certificateBag)), password)),
      sequence(oid(OID.data), tagged(octets(der(sequence(keyBag))))),
    ),
  );
  return der(
    sequence(
      new Integer({ value: 3 }),
      sequence(oid(OID.data), tagged(octets(safes))),
      mac(safes, password),
    ),
  );
}

/** Both bags have the same id, by which a reader finds the certificate's key. */
function bagAttributes({ certificate, friendlyName }: Pkcs12Content): Asn1Set {
  const id = createHash("sha1").update(certificate.raw).digest();
  const attributes = [
    sequence(oid(OID.friendlyName), set(new BmpString({ value: friendlyName }))),
    sequence(oid(OID.localKeyId), set(octets(id))),
  ];
  // DER requires the elements of a set in the order of their encodings.
  return set(...attributes.sort((a, b) => Buffer.compare(der(a), der(b))));
}

interface Encrypted {
  readonly algorithm: Sequence;
  readonly bytes: Buffer;
}

function encrypt(plain: Uint8Array, password: string): Encrypted {
  const salt = randomBytes(SALT_BYTES);
  const key = derive(password, salt, "key", 24);
  const iv = derive(password, salt, "iv", 8);
  const cipher = createCipheriv("des-ede3-cbc", key, iv);
  return {
    algorithm: sequence(
      oid(OID.pbeWithSha1And3Des),
      sequence(octets(salt), new Integer({ value: ITERATIONS })),
    ),
    bytes: Buffer.concat([cipher.update(plain), cipher.final()]),
  };
}

function encryptedData({ algorithm, bytes }: Encrypted): Sequence {
  const content = new Primitive({ idBlock: { tagClass: 3, tagNumber: 0 }, valueHex: bytes });
  return sequence(
    oid(OID.encryptedData),
    tagged(sequence(new Integer({ value: 0 }), sequence(oid(OID.data), algorithm, content))),
  );
}

function mac(content: Uint8Array, password: string): Sequence {
  const salt = randomBytes(SALT_BYTES);
  const key = derive(password, salt, "mac", 20);
  const digest = createHmac("sha1", key).update(content).digest();
  return sequence(
    sequence(sequence(oid(OID.sha1), new Null()), octets(digest)),
    octets(salt),
    new Integer({ value: ITERATIONS }),
  );
}

/** What a derived key is for (RFC 7292, B.3). */
const PURPOSE = { key: 1, iv: 2, mac: 3 } as const;

/** The block size of SHA-1. */
const BLOCK = 64;

/** Derives a key from a password, as PKCS#12 does with SHA-1 (RFC 7292, B.2). */
export function derive(
  password: string,
  salt: Uint8Array,
  purpose: keyof typeof PURPOSE,
  length: number,
  iterations = ITERATIONS,
): Buffer {
  const diversifier = Buffer.alloc(BLOCK, PURPOSE[purpose]);
  // UTF-16, big-endian, with a zero at the end.
  const bmp = Buffer.from(`${password}\0`, "utf16le").swap16();
  let input = Buffer.concat([filled(salt), filled(bmp)]);
  let derived = Buffer.alloc(0);
  for (;;) {
    let hash = Buffer.concat([diversifier, input]);
    for (let round = 0; round < iterations; round++) {
      hash = createHash("sha1").update(hash).digest();
    }
    derived = Buffer.concat([derived, hash]);
    if (derived.length >= length) {
      return derived.subarray(0, length);
    }
    input = Buffer.concat(blocksOf(input).map((block) => sum(block, filled(hash))));
  }
}

/** The bytes, repeated to fill whole blocks. */
function filled(bytes: Uint8Array): Buffer {
  const filling = Buffer.alloc(BLOCK * Math.ceil(bytes.length / BLOCK));
  for (let at = 0; at < filling.length; at += bytes.length) {
    filling.set(bytes.subarray(0, filling.length - at), at);
  }
  return filling;
}

function blocksOf(bytes: Buffer): Buffer[] {
  return Array.from({ length: bytes.length / BLOCK }, (_, index) =>
    bytes.subarray(index * BLOCK, (index + 1) * BLOCK),
  );
}

/** The sum of both as numbers, plus one, cut to the size of a block. */
function sum(a: Buffer, b: Buffer): Buffer {
  const total = BigInt(`0x${a.toString("hex")}`) + BigInt(`0x${b.toString("hex")}`) + 1n;
  const digits = BigInt.asUintN(8 * BLOCK, total).toString(16);
  return Buffer.from(digits.padStart(2 * BLOCK, "0"), "hex");
}

const oid = (value: string) => new ObjectIdentifier({ value });
const octets = (bytes: Uint8Array) => new OctetString({ valueHex: bytes });
const sequence = (...value: BaseBlock[]) => new Sequence({ value });
const set = (...value: BaseBlock[]) => new Asn1Set({ value });
/** `[0] EXPLICIT`. */
const tagged = (value: BaseBlock) =>
  new Constructed({ idBlock: { tagClass: 3, tagNumber: 0 }, value: [value] });
const der = (block: BaseBlock) => Buffer.from(block.toBER());
