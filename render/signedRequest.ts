import { CLOCK_MARGIN_MINUTES } from "./clockMargin.ts";
import { randomBytes } from "node:crypto";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Name,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "./x509.ts";
import {
  type Authority,
  authorityKeyIdentifier,
  blocks,
  SIGNING,
  signingKey,
  wholeSecond,
} from "./authorityKey.ts";
import { clientHost } from "./clientName.ts";

export interface SignedRequestInput {
  readonly authority: Authority;
  readonly name: string;
  /** The subject's serialNumber, as `clientSerial` gives it. */
  readonly serial: string;
  /** Of the subject. @default none */
  readonly organization?: string | undefined;
  /** The key that the certificate is for, PEM. */
  readonly publicKey: string;
  readonly validityDays: number;
  readonly now: Date;
}

/**
 * A client's certificate for a public key whose private key is elsewhere, PEM. Its serial number and signature
 * differ each time.
 */
export async function renderSignedRequest(input: SignedRequestInput): Promise<string> {
  const [publicKey] = blocks(input.publicKey);
  if (publicKey === undefined) {
    throw new RangeError("a client's public key is missing");
  }
  const authority = new X509Certificate(input.authority.certificate);
  const host = clientHost(input.name);
  const made = wholeSecond(input.now);
  const certificate = await X509CertificateGenerator.create({
    serialNumber: randomSerial(),
    issuer: authority.subjectName,
    subject: subjectOf(input),
    notBefore: new Date(made.getTime() - CLOCK_MARGIN_MINUTES * 60_000),
    notAfter: new Date(made.getTime() + input.validityDays * 24 * 60 * 60 * 1000),
    publicKey,
    extensions: [
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth]),
      new BasicConstraintsExtension(false, undefined, true),
      await SubjectKeyIdentifierExtension.create(publicKey),
      authorityKeyIdentifier(authority),
      ...(host === undefined
        ? []
        : [new SubjectAlternativeNameExtension([{ type: "dns", value: host }])]),
    ],
    signingAlgorithm: SIGNING,
    signingKey: await signingKey(input.authority),
  });
  return `${certificate.toString("pem").trim()}\n`;
}

/** Byte for byte the same as in certificates whose keys are made here. */
function subjectOf({ name, serial, organization }: SignedRequestInput): Name {
  const text = (value: string) =>
    /[@_&]/.test(value) ? { utf8String: value } : { printableString: value };
  return new Name([
    ...(organization === undefined ? [] : [{ O: [text(organization)] }]),
    { CN: [text(name)] },
    { "2.5.4.5": [{ printableString: serial }] },
  ]);
}

/** 127 random bits, positive and of full length. */
function randomSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString("hex");
}
