/** Server certificates that a corporate or public authority has signed: judged before anything is touched. */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { rootCertificates } from "node:tls";
import { fromBER, ObjectIdentifier, Sequence } from "asn1js";
import { Fault } from "./fault.ts";

/** What the operator has from the authority. */
export interface SuppliedFiles {
  /** PEM: the certificate, and the intermediate ones that lead to the authority. */
  readonly certificate: string;
  /** PEM. Secret. Absent where the stack itself has the key and made the request. */
  readonly privateKey?: string | undefined;
  /** PEM: the authorities that callers trust. @default the public ones that Node knows */
  readonly authorities?: string | undefined;
}

/** Nginx shows one certificate of each kind, and picks by what the caller can verify. */
export type KeyKind = "RSA" | "ECDSA";

export interface JudgedCertificate {
  /** PEM: the certificate first, and each one after the one that it signed; the root left out. */
  readonly chain: string;
  /** PEM: what callers trust, the root that the chain leads to. */
  readonly authority: string;
  readonly kind: KeyKind;
  readonly notAfter: Date;
  /** Whether the authority answers by OCSP over HTTP whether it is revoked. */
  readonly ocsp: boolean;
  /** What was put right, in a sentence each. */
  readonly notes: readonly string[];
}

export interface Circumstances {
  /** What the certificate must be for: host names, wildcards, IP addresses. */
  readonly names: readonly string[];
  readonly now: Date;
}

const CERTIFICATES =
  /-----BEGIN CERTIFICATE-----\n(?:[A-Za-z0-9+/=]+\n)+-----END CERTIFICATE-----\n/g;
const KEY_LABELS = "(?:RSA |EC )?PRIVATE KEY";
const KEY = new RegExp(
  `^(?:-----BEGIN EC PARAMETERS-----\\n[A-Za-z0-9+/=\\n]+-----END EC PARAMETERS-----\\n)?` +
    `-----BEGIN (${KEY_LABELS})-----\\n[A-Za-z0-9+/=\\n]+-----END \\1-----\\n$`,
);

/**
 * The certificate in the order in which a server shows it, or what is wrong with it.
 *
 * @example
 * judgeCertificate({ certificate: chainPem, privateKey: keyPem, authorities: rootPem },
 *   { names: ["cybexp.example.edu"], now: new Date() })
 */
export function judgeCertificate(
  files: SuppliedFiles,
  circumstances: Circumstances,
): JudgedCertificate | Fault {
  const given = readCertificates(files.certificate);
  if (given instanceof Fault) {
    return given;
  }
  const authorities =
    files.authorities === undefined ? rootCertificates : readCertificates(files.authorities);
  if (authorities instanceof Fault) {
    return new Fault(`In the authorities: ${authorities.reason}`, authorities.remedy);
  }
  const ordered = orderOf(given);
  if (ordered instanceof Fault) {
    return ordered;
  }
  const [leaf] = ordered.chain;
  const key = files.privateKey === undefined ? undefined : readKey(files.privateKey);
  if (key instanceof Fault) {
    return key;
  }
  if (key !== undefined && !leaf.checkPrivateKey(key)) {
    return new Fault(
      "The private key is not the one of the certificate.",
      "Give the key that the certificate's request was made with.",
    );
  }
  const root = rootOf(
    ordered.chain,
    authorities.map((one) => (typeof one === "string" ? new X509Certificate(one) : one)),
  );
  if (root instanceof Fault) {
    return root;
  }
  return (
    faultOf(leaf, circumstances) ??
    endedOf(ordered.chain.slice(1), circumstances.now) ??
    ordered.chain.map(weaknessOf).find((fault) => fault !== undefined) ?? {
      chain: ordered.chain
        .filter((one) => !isSelfSigned(one))
        .map(pemOf)
        .join(""),
      authority: pemOf(root),
      kind: kindOf(leaf),
      notAfter: leaf.validToDate,
      ocsp: /^OCSP - URI:http:\/\//m.test(leaf.infoAccess ?? ""),
      notes: ordered.notes,
    }
  );
}

/** The kind of a server's certificate; undefined where there is none to be read. */
export function keyKindIn(certificate: string): KeyKind | undefined {
  const given = readCertificates(certificate);
  const ordered = given instanceof Fault ? given : orderOf(given);
  return ordered instanceof Fault ? undefined : kindOf(ordered.chain[0]);
}

const kindOf = ({ publicKey }: X509Certificate): KeyKind =>
  publicKey.asymmetricKeyType === "rsa" ? "RSA" : "ECDSA";

/** The certificates of a text that has nothing else in it. */
export function readCertificates(text: string): X509Certificate[] | Fault {
  const oddity = oddityOf(text, "certificate");
  if (oddity !== undefined) {
    return oddity;
  }
  const whole = ensureNewline(text);
  const blocks = whole.match(CERTIFICATES) ?? [];
  const others = whole.replace(CERTIFICATES, "").trim();
  if (blocks.length === 0 || others !== "") {
    return new Fault(
      blocks.length === 0
        ? "It has no certificate in PEM."
        : "There is text around the certificates, or a block is cut off.",
      "Leave only the blocks from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----, for example with: openssl crl2pkcs7 -nocrl -certfile FILE | openssl pkcs7 -print_certs | sed -n '/BEGIN/,/END/p'",
    );
  }
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch {
    return new Fault(
      "One of its blocks can't be read as a certificate.",
      "Copy it again from what the authority sent.",
    );
  }
}

function readKey(text: string): KeyObject | Fault {
  if (/ENCRYPTED/.test(text)) {
    return new Fault(
      "The private key is encrypted with a passphrase, which the proxy can't ask for.",
      "Decrypt it, and put it into the stack's config as a secret: openssl pkey -in FILE | pulumi config set --secret ...",
    );
  }
  const oddity = oddityOf(text, "private key");
  if (oddity !== undefined) {
    return oddity;
  }
  try {
    if (KEY.test(ensureNewline(text))) {
      return createPrivateKey(text);
    }
  } catch {
    // Said below: OpenSSL's words may quote it.
  }
  return new Fault(
    "This is not one private key in PEM.",
    "Give the block from -----BEGIN PRIVATE KEY----- to -----END PRIVATE KEY-----, and nothing else.",
  );
}

/** What makes a text no PEM as a server reads it. */
function oddityOf(text: string, what: string): Fault | undefined {
  if (what === "certificate" && /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) {
    return new Fault(
      "It contains a private key. That belongs under privateKey, as a secret.",
      "Remove it. Create another key if somebody else may have seen it.",
    );
  }
  if (!text.includes("-----BEGIN ")) {
    return new Fault(
      `The ${what} is not in PEM; it may be in DER.`,
      what === "certificate"
        ? "Convert it: openssl x509 -inform DER -in FILE -out FILE.pem"
        : "Convert it: openssl pkey -inform DER -in FILE -out FILE.pem",
    );
  }
  if (text.includes("\r")) {
    return new Fault(
      `The ${what} has Windows line ends (CRLF).`,
      "Convert them: sed -i 's/\\r$//' FILE",
    );
  }
  return undefined;
}

interface Ordered {
  readonly chain: readonly [X509Certificate, ...X509Certificate[]];
  readonly notes: readonly string[];
}

/** The server's own certificate first, and each one after the one that it signed. */
function orderOf(given: readonly X509Certificate[]): Ordered | Fault {
  const leaves = given.filter((one) => !one.ca);
  const [leaf] = leaves;
  if (leaf === undefined || leaves.length > 1) {
    return new Fault(
      leaf === undefined
        ? "It has no server certificate, only certificates of authorities."
        : `It has ${leaves.length} server certificates.`,
      "Put the server's certificate first, and after it those of the authorities between it and the root.",
    );
  }
  const chain: [X509Certificate, ...X509Certificate[]] = [leaf];
  for (let last: X509Certificate = leaf; !isSelfSigned(last);) {
    const next = given.find((one) => !chain.includes(one) && signed(one, last));
    if (next === undefined) {
      break;
    }
    chain.push(next);
    last = next;
  }
  const stray = given.find((one) => !chain.includes(one));
  if (stray !== undefined) {
    return new Fault(
      `It contains ${nameOf(stray.subject)}, which did not sign ${nameOf(leaf.subject)} or an authority above it.`,
      "Keep only the certificates between the server's and the root.",
    );
  }
  const asGiven = given.every((one, index) => one === chain[index]);
  return {
    chain,
    notes: asGiven
      ? []
      : [
          "the certificates are not in the order in which a server shows them; the stack has put them in order",
        ],
  };
}

/** The authority that callers trust and the chain leads to. */
function rootOf(
  chain: Ordered["chain"],
  authorities: readonly X509Certificate[],
): X509Certificate | Fault {
  const last = chain.at(-1) ?? chain[0];
  const found =
    authorities.find((one) => one.fingerprint256 === last.fingerprint256) ??
    authorities.find((one) => signed(one, last));
  if (found !== undefined) {
    return found;
  }
  return isSelfSigned(last)
    ? new Fault(
        `The chain ends at ${nameOf(last.subject)}, which is not among the authorities that callers trust.`,
        "Give that root as certificates.supplied.authorities.",
      )
    : new Fault(
        `The chain is not complete: ${nameOf(last.subject)} is signed by ${nameOf(last.issuer)}, which is neither in the chain nor among the authorities.`,
        "Put the certificate of that authority after it, or, if it is the root, give it as certificates.supplied.authorities.",
      );
}

/** What is wrong with the server's own certificate, here and now. */
function faultOf(leaf: X509Certificate, { names, now }: Circumstances): Fault | undefined {
  if (leaf.validToDate <= now) {
    return new Fault(`The certificate expired on ${day(leaf.validToDate)}.`, "Have it renewed.");
  }
  if (leaf.validFromDate > now) {
    return new Fault(
      `The certificate is not valid before ${leaf.validFromDate.toISOString()}.`,
      "Wait until then, or correct this machine's clock.",
    );
  }
  // Of a certificate without extended key usage Node says nothing: it may be for anything.
  const usages = (leaf.keyUsage as string[] | undefined) ?? [];
  if (usages.length > 0 && !usages.includes(SERVER_AUTH)) {
    return new Fault(
      "The certificate is not for servers: its extended key usage has no serverAuth.",
      "Ask the authority for a certificate for a TLS server.",
    );
  }
  const missing = names.filter((name) => !covers(leaf, name));
  return missing.length === 0
    ? undefined
    : new Fault(
        `The certificate is not for ${missing.join(", ")}; it is for ${leaf.subjectAltName?.replaceAll(/DNS:|IP Address:/g, "") ?? "no name at all"}.`,
        "Have it issued for these names as subjectAltName, or remove them from the server's names.",
      );
}

function endedOf(authorities: readonly X509Certificate[], now: Date): Fault | undefined {
  const ended = authorities.find(({ validToDate }) => validToDate <= now);
  return (
    ended &&
    new Fault(
      `${nameOf(ended.subject)}, an authority in the chain, expired on ${day(ended.validToDate)}.`,
      "Ask the authority for its current certificates.",
    )
  );
}

const day = (date: Date) => date.toISOString().slice(0, 10);

const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";

function covers(leaf: X509Certificate, name: string): boolean {
  if (isIP(name) !== 0) {
    return leaf.checkIP(name) !== undefined;
  }
  if (name.startsWith("*.")) {
    return (leaf.subjectAltName ?? "").toLowerCase().split(", ").includes(`dns:${name}`);
  }
  // No caller looks at the common name any more (RFC 9525, 6.3).
  return leaf.checkHost(name, { subject: "never" }) !== undefined;
}

/** The signatures that callers take, by their OIDs: MD5 and SHA-1 are not among them. */
const SIGNATURES = [
  ...["1.2.840.10045.4.3.2", "1.2.840.10045.4.3.3", "1.2.840.10045.4.3.4"],
  ...["1.2.840.113549.1.1.11", "1.2.840.113549.1.1.12", "1.2.840.113549.1.1.13"],
  // RSASSA-PSS, which OpenSSL itself refuses with a weak hash.
  "1.2.840.113549.1.1.10",
];

const CURVES = ["prime256v1", "secp384r1", "secp521r1"];

function weaknessOf(certificate: X509Certificate): Fault | undefined {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = certificate.publicKey;
  const who = nameOf(certificate.subject);
  const remedy = "Ask the authority for a certificate for an allowed key.";
  const allowed = "Allowed: RSA of 2048 bits or more, or ECDSA on P-256, P-384 or P-521.";
  if (type === "rsa" && (details?.modulusLength ?? 0) < 2048) {
    return new Fault(
      `The RSA key of ${who} has ${details?.modulusLength} bits. ${allowed}`,
      remedy,
    );
  }
  if (type !== "rsa" && !(type === "ec" && CURVES.includes(details?.namedCurve ?? ""))) {
    return new Fault(`The key of ${who} is ${details?.namedCurve ?? type}. ${allowed}`, remedy);
  }
  return isSelfSigned(certificate) || SIGNATURES.includes(signatureOf(certificate))
    ? undefined
    : new Fault(
        `${who} is signed with a hash that callers refuse, such as SHA-1. Allowed: SHA-256 or better.`,
        "Ask the authority for one that is signed with SHA-256.",
      );
}

/** The OID of the algorithm that it is signed with. */
function signatureOf(certificate: X509Certificate): string {
  const { result } = fromBER(certificate.raw);
  const algorithm = result instanceof Sequence ? result.valueBlock.value[1] : undefined;
  const oid = algorithm instanceof Sequence ? algorithm.valueBlock.value[0] : undefined;
  return oid instanceof ObjectIdentifier ? oid.valueBlock.toString() : "";
}

const signed = (issuer: X509Certificate, subject: X509Certificate): boolean =>
  subject.checkIssued(issuer) && subject.verify(issuer.publicKey);

const isSelfSigned = (certificate: X509Certificate): boolean => signed(certificate, certificate);

/** The common name, or else the whole of it on one line. */
export const nameOf = (subject: string): string =>
  /^CN=(.*)$/m.exec(subject)?.[1] ?? subject.replaceAll("\n", ", ");

export const pemOf = (certificate: X509Certificate): string =>
  ensureNewline(certificate.toString());

const ensureNewline = (text: string): string => `${text.trim()}\n`;
