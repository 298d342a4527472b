import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { mintToken } from "../../render/token.ts";

const token = {
  key: "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
  subject: "collector",
  issuedAt: 1_700_000_000,
  tokenId: "collector-1",
};

describe("mintToken", () => {
  it("signs flask-jwt-extended's claims", () => {
    // Computed with Python's hmac.
    assert.equal(
      mintToken(token),
      "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9." +
        "eyJmcmVzaCI6ZmFsc2UsImlhdCI6MTcwMDAwMDAwMCwianRpIjoiY29sbGVjdG9yLTEiLCJ0eXBlIjoiYWNjZXNzIiwic3ViIjoiY29sbGVjdG9yIiwibmJmIjoxNzAwMDAwMDAwfQ." +
        "futJAFHOQYRtvWdcc8trvw9LjIN7kylSttvd22U8pAw",
    );
  });

  it("never ends", () => {
    const claims = JSON.parse(
      Buffer.from(mintToken(token).split(".")[1] ?? "", "base64url").toString(),
    ) as object;
    assert.deepEqual(claims, {
      fresh: false,
      iat: 1_700_000_000,
      jti: "collector-1",
      type: "access",
      sub: "collector",
      nbf: 1_700_000_000,
    });
  });

  it("refuses an invalid key, without showing it, and a time with fractions", () => {
    for (const key of ["", "0g".repeat(32), "abc", "00".repeat(15), "AB".repeat(32)]) {
      assert.throws(() => mintToken({ ...token, key }), {
        message:
          "the token's key must be at least 32 hex digits; its value is secret and not shown",
      });
    }
    assert.throws(() => mintToken({ ...token, issuedAt: 1.5 }), /issue time is 1.5/);
  });
});
