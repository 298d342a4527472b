import { createHash } from "node:crypto";

export interface PasswordDigestInput {
  /** Random, kept in the state. Secret. */
  readonly salt: string;
  readonly name: string;
  /** Secret. */
  readonly password: string;
}

/**
 * What Nginx's secure_link compares a request's credentials with, without the word Basic before them: it checks a password in
 * memory, for nothing, where the htpasswd file costs a tenth of the throughput, and it lets a second
 * password in under the same name, where the file's first line for a name is the only one that counts.
 *
 * MD5 is what the module has. It is enough because the salt is secret and random and the password has
 * 128 random bits or at least 20 characters: neither a collision nor a preimage helps anybody.
 */
export function passwordDigest({ salt, name, password }: PasswordDigestInput): string {
  const credential = Buffer.from(`${name}:${password}`, "utf8").toString("base64");
  return createHash("md5").update(`${salt} ${credential}`, "utf8").digest("base64url");
}
