import { createHmac } from "node:crypto";
import { matchingSecret, wholeNumber } from "./check.ts";

export interface Token {
  /** The KMS's signing key in hex. Secret. */
  readonly key: string;
  /** The user name that the token stands for. */
  readonly subject: string;
  /** Seconds since 1970; also the time before which the token is refused. */
  readonly issuedAt: number;
  /** Distinguishes this token from others of the same user. */
  readonly tokenId: string;
}

/**
 * An access token for the KMS, as flask-jwt-extended makes them (HS256). Like the KMS's own tokens it never expires:
 * only a new signing key revokes them. Secret.
 */
export function mintToken({ key, subject, issuedAt, tokenId }: Token): string {
  matchingSecret("the token's key", key, /^([0-9a-f]{2}){16,}$/, "at least 32 hex digits");
  const time = wholeNumber("the token's issue time", issuedAt, 0, Number.MAX_SAFE_INTEGER);
  const header = { typ: "JWT", alg: "HS256" };
  const claims = { fresh: false, iat: time, jti: tokenId, type: "access", sub: subject, nbf: time };
  const signed = `${base64url(header)}.${base64url(claims)}`;
  const signature = createHmac("sha256", Buffer.from(key, "hex"))
    .update(signed)
    .digest("base64url");
  return `${signed}.${signature}`;
}

const base64url = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
