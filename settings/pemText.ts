/** PEM as a stack's config has it: the text itself, or the path of a file. */
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { Fault, type Parser } from "./fault.ts";

/** A chain with a dozen certificates is shorter. */
const LONGEST = 1_048_576;

/** The text of certificates. What is in it is judged later, together with its key and names. */
export const parseCertificateText: Parser<string> = pemText(
  "certificates in PEM, or the path of a file with them",
  "Write the path, or paste the text after `certificate: |`.",
);

/** The text of a CA's certificates, each of which can be read. */
export const parseCaText: Parser<string> = (raw) => {
  const text = parseCertificateText(raw);
  if (text instanceof Fault) {
    return text;
  }
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.length > 0 && blocks.every(isCertificate)
    ? `${blocks.join("\n")}\n`
    : new Fault(
        "There is no certificate in PEM in it, or one that can't be read.",
        "Give the certificate of the CA, as the text between BEGIN CERTIFICATE and END CERTIFICATE.",
      );
};

function isCertificate(text: string): boolean {
  try {
    return new X509Certificate(text).subject !== undefined;
  } catch {
    return false;
  }
}

/** The text of a private key. */
export const parsePrivateKeyText: Parser<string> = pemText(
  "a private key in PEM, or the path of a file with it",
  "Set it as a secret: pulumi config set --secret --path 'certificates.supplied[0].privateKey' < server.key",
);

/** Whether a value is the text itself: a path has no line ends and no frame. */
export const isPemText = (value: string): boolean => /[\r\n]|-----/.test(value);

function pemText(allowed: string, remedy: string): Parser<string> {
  return (raw) => {
    if (typeof raw !== "string" || raw.trim() === "") {
      return new Fault(`Allowed: ${allowed}.`, remedy);
    }
    return isPemText(raw) ? raw : fileText(raw);
  };
}

function fileText(path: string): string | Fault {
  const remedy = "Check the path: it is relative to Pulumi.yaml. Or give the text in PEM itself.";
  try {
    const content = readFileSync(path, "utf8");
    return content.length <= LONGEST
      ? content
      : new Fault(
          "The file is larger than 1 MiB, so it is not a certificate or key.",
          remedy,
          path,
        );
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    return new Fault(`The file can't be read (${code}).`, remedy, path);
  }
}
