import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readRequest } from "../../cli/client/certificateRequest.ts";
import { makeAuthority, makeRequest } from "./pki.ts";

const REMEDY =
  "Have its owner make a new one, for example with: openssl req -new -newkey ec " +
  "-pkeyopt ec_paramgen_curve:P-256 -nodes -keyout my.key -subj /CN=me";

function refused(file: string | Uint8Array, message: string): void {
  assert.throws(() => readRequest(Buffer.from(file), "a.csr"), { name: "UserError", message });
}

describe("a certificate request from elsewhere", () => {
  for (const [kind, key] of [
    ["P-256", "ECDSA P-256"],
    ["P-384", "ECDSA P-384"],
    ["P-521", "ECDSA P-521"],
    ["RSA 2048", "RSA 2048"],
  ] as const) {
    it(`with a key of ${kind} is taken, as PEM and as DER`, async () => {
      const { pem, der } = await makeRequest("alice", kind);
      for (const file of [Buffer.from(pem), der]) {
        const request = readRequest(file, "a.csr");
        assert.equal(request.key, key);
        assert.match(
          request.pem,
          /^-----BEGIN CERTIFICATE REQUEST-----\n([A-Za-z0-9+/=]{1,64}\n)+-----END CERTIFICATE REQUEST-----\n$/,
        );
        assert.deepEqual(Buffer.from(request.pem.replace(/-----.*-----/g, ""), "base64"), der);
      }
    });
  }

  it("may be signed with SHA-384 or SHA-512", async () => {
    for (const hash of ["SHA-384", "SHA-512"]) {
      for (const kind of ["P-384", "RSA 2048"] as const) {
        const { der } = await makeRequest("alice", kind, hash);
        assert.ok(readRequest(der, "a.csr").pem);
      }
    }
  });

  it("may have text around it, line ends of Windows, and Microsoft's title", async () => {
    const { pem } = await makeRequest("alice", "P-256");
    const plain = readRequest(Buffer.from(pem), "a.csr");
    const other = `Subject: alice\r\n${pem.replaceAll("BEGIN CERT", "BEGIN NEW CERT").replaceAll("END CERT", "END NEW CERT").replaceAll("\n", "\r\n")}\r\nend`;
    assert.deepEqual(readRequest(Buffer.from(other), "a.csr"), plain);
  });

  it("is refused with a private key beside it, in any of its forms", async () => {
    const { pem } = await makeRequest("alice", "P-256");
    for (const title of [
      "PRIVATE KEY",
      "EC PRIVATE KEY",
      "RSA PRIVATE KEY",
      "ENCRYPTED PRIVATE KEY",
    ]) {
      refused(
        `${pem}\n-----BEGIN ${title}-----\nMIGH\n-----END ${title}-----\n`,
        "a.csr contains a private key, which must stay with its owner: use a file with only the request",
      );
    }
  });

  for (const [kind, reason] of [
    ["Ed25519", "Its key has the type ed25519."],
    ["RSA 1024", "Its RSA key has 1024 bits."],
  ] as const) {
    it(`is refused with a key of ${kind}, as the stack's config would be`, async () => {
      refused(
        (await makeRequest("alice", kind)).pem,
        `a.csr: ${reason} Allowed: RSA of 2048 to 8192 bits, or ECDSA on P-256, P-384 or P-521. ${REMEDY}`,
      );
    });
  }

  const unsigned = `a.csr: It is not properly signed. Allowed: a signature by its own key, with SHA-256 or better. ${REMEDY}`;

  it("is refused with a signature by SHA-1", async () => {
    for (const kind of ["P-256", "RSA 2048"] as const) {
      refused((await makeRequest("alice", kind, "SHA-1")).pem, unsigned);
    }
  });

  it("is refused when it was changed, or made for somebody else's key", async () => {
    const { der } = await makeRequest("alice", "P-256");
    refused(Buffer.from(der.toString("latin1").replace("alice", "admin"), "latin1"), unsigned);
  });

  it("is refused when it is something else", async () => {
    const none = `a.csr: This is not a certificate request: it can't be read as PKCS#10. ${REMEDY}`;
    const { der } = await makeRequest("alice", "P-256");
    for (const file of [
      "text",
      der.subarray(0, -1),
      Buffer.concat([der, Buffer.alloc(1)]),
      Buffer.from("3000", "hex"),
      Buffer.from("30030201", "hex"),
    ]) {
      refused(file, none);
    }
    const { certificate } = await makeAuthority("clients");
    const several = (count: number) =>
      `a.csr contains ${count} certificate requests; it must contain exactly one, which begins with -----BEGIN CERTIFICATE REQUEST-----`;
    refused(certificate, several(0));
    const { pem } = await makeRequest("alice", "P-256");
    refused(pem + "\n" + pem, several(2));
  });
});
