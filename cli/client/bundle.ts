/** Makes the files that a client's owner gets, in one folder. */
import { createPrivateKey, type KeyObject, randomInt, X509Certificate } from "node:crypto";
import { UserError } from "../../programs/errors.ts";
import { encodePkcs12 } from "./pkcs12.ts";
import { run } from "./outputs.ts";
import { alias, type Door, renderReadme } from "./readme.ts";

export interface BundleInput {
  readonly stack: string;
  readonly name: string;
  /** PEM, the client's own certificate first. */
  readonly certificate: string;
  /** PEM; absent if the key was created elsewhere. */
  readonly privateKey?: string | undefined;
  /** PEM. */
  readonly serverCa: string;
  readonly doors: readonly Door[];
  /** @default now */
  readonly now?: Date;
}

export interface Bundle {
  /** File name to content. */
  readonly files: ReadonlyMap<string, string | Uint8Array>;
  /** The password of the PKCS#12 file. No file contains it. Undefined if there is no such file. */
  readonly password: string | undefined;
  readonly validTo: Date;
}

/** A client can't have this name: its certificate's file would replace the server's authority. */
const TAKEN = "server-ca";

/**
 * Makes the bundle of a client, with a new password.
 *
 * @throws UserError when the certificate has expired or does not match the key, or the name clashes
 */
export function makeBundle(input: BundleInput): Bundle {
  const { name, stack, now = new Date() } = input;
  if (name.toLowerCase() === TAKEN) {
    throw new UserError(
      `${name}.crt is the file of the server's authority in every bundle: rename the client`,
    );
  }
  const certificate = new X509Certificate(input.certificate);
  const validTo = certificate.validToDate;
  if (validTo <= now) {
    throw new UserError(
      `the certificate of ${name} expired on ${validTo.toISOString().slice(0, 10)}: \`${run(stack, "up")}\` makes a new one`,
    );
  }
  const key = input.privateKey === undefined ? undefined : createPrivateKey(input.privateKey);
  if (key !== undefined && !certificate.checkPrivateKey(key)) {
    throw new UserError(
      `the certificate of ${name} does not match its key: run \`${run(stack, "up")}\`, and then this again`,
    );
  }
  const chain = withLineEnd(input.certificate);
  const files = new Map<string, string | Uint8Array>([
    [`${name}.crt`, chain],
    ["server-ca.crt", withLineEnd(input.serverCa)],
    ["README.txt", renderReadme({ ...input, certificate, hasKey: key !== undefined })],
  ]);
  let password: string | undefined;
  if (key !== undefined) {
    // PKCS#8, which every program reads. Java does not read OpenSSL's older forms.
    const keyPem = pem(key);
    password = makePassword();
    files.set(`${name}.key`, keyPem);
    files.set(`${name}.pem`, chain + keyPem);
    files.set(
      `${name}.p12`,
      encodePkcs12({ privateKey: key, certificate, friendlyName: alias(stack, name) }, password),
    );
  }
  return { files, password, validTo };
}

function pem(key: KeyObject): string {
  return key.export({ format: "pem", type: "pkcs8" }).toString();
}

const withLineEnd = (text: string) => (text.endsWith("\n") ? text : `${text}\n`);

/** No letters or digits that are easily confused: no l, o, 0 and 1. */
const LETTERS = "abcdefghijkmnpqrstuvwxyz23456789";

/** 140 random bits in 31 characters. Windows allows at most 32. */
function makePassword(): string {
  const group = () => Array.from({ length: 7 }, () => LETTERS[randomInt(LETTERS.length)]).join("");
  return [group(), group(), group(), group()].join("-");
}
