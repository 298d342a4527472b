/** Encrypts values for a stack's file, in the same way as Pulumi's passphrase provider. */
import { createCipheriv, pbkdf2Sync, randomBytes } from "node:crypto";

/** Pulumi's own parameters (pkg/secrets/passphrase): 32 bytes by PBKDF2 with SHA-256. */
const ITERATIONS = 1_000_000;
const KEY_BYTES = 32;

export class PassphraseEncryption {
  readonly #key: Buffer;
  /** The value of the stack file's key `encryptionsalt`: the salt, and a known text encrypted with it. */
  readonly salt: string;

  constructor(passphrase: string) {
    const salt = randomBytes(8);
    this.#key = pbkdf2Sync(passphrase, salt, ITERATIONS, KEY_BYTES, "sha256");
    this.salt = `v1:${salt.toString("base64")}:${this.encrypt("pulumi")}`;
  }

  /** The value for `secure:`. */
  encrypt(text: string): string {
    const nonce = randomBytes(12);
    const cipher = createCipheriv("aes-256-gcm", this.#key, nonce);
    const sealed = Buffer.concat([
      cipher.update(text, "utf8"),
      cipher.final(),
      cipher.getAuthTag(),
    ]);
    return `v1:${nonce.toString("base64")}:${sealed.toString("base64")}`;
  }
}
