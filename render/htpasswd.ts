import { createHash } from "node:crypto";
import { matching, matchingSecret } from "./check.ts";

export interface HtpasswdEntry {
  readonly name: string;
  /** Secret. */
  readonly password: string;
  /** At least 8 random bytes in base64, kept in the state so that the line stays the same. */
  readonly salt: string;
}

/**
 * The file of Nginx's `auth_basic_user_file`, one `{SSHA}` line (salted SHA-1) a user, by name.
 *
 * The hash is fast on purpose. Nginx checks a password for every request, in the process that serves all others.
 * SSHA costs 4 microseconds, sha512-crypt 3.2 ms, and bcrypt (cost 10) 62 ms: then 50 wrong passwords a second
 * stop all service. A slow hash protects passwords that people choose. These have 128 random bits or more, or at
 * least 20 characters, and can't be guessed at any speed.
 *
 * @throws RangeError for a name or password that Nginx could not match, and for two of one name:
 *   Nginx stops at the first
 */
export function renderHtpasswd(entries: readonly HtpasswdEntry[]): string {
  const lines = new Map<string, string>();
  for (const { name, password, salt } of entries) {
    // A leading # would make the line a comment, a colon would end the name.
    matching(
      "a user name",
      name,
      /^[^#:\p{Cc}\p{Cs}][^:\p{Cc}\p{Cs}]{0,254}$/u,
      "1 to 255 characters without : and control characters, not starting with #",
    );
    matchingSecret(
      `the password of ${name}`,
      password,
      /^[^\p{Cc}\p{Cs}]+$/u,
      "text without control characters",
    );
    if (lines.has(name)) {
      throw new RangeError(`the user ${name} is listed twice, and Nginx would see the first alone`);
    }
    lines.set(name, `${name}:{SSHA}${ssha(password, saltBytes(name, salt))}\n`);
  }
  return [...lines.keys()]
    .sort()
    .map((name) => lines.get(name))
    .join("");
}

function ssha(password: string, salt: Buffer): string {
  const digest = createHash("sha1").update(password, "utf8").update(salt).digest();
  return Buffer.concat([digest, salt]).toString("base64");
}

function saltBytes(name: string, salt: string): Buffer {
  const bytes = Buffer.from(salt, "base64");
  if (bytes.toString("base64") !== salt || bytes.length < 8) {
    throw new RangeError(`the salt of ${name} must be base64 of at least 8 bytes`);
  }
  return bytes;
}
