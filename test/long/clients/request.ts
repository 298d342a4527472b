/** A client whose key is made elsewhere, and only its request is entered. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Deployed } from "../../integration/deployed/deployed.ts";

/**
 * A client's owner makes a key and a request; the operator enters the request, for the next `up`.
 *
 * @param folder Where the owner has the two.
 * @returns The owner's key, PEM.
 */
export async function enterRequest(the: Deployed, folder: string, name: string): Promise<string> {
  const [key, csr] = [join(folder, `${name}.key`), join(folder, `${name}.csr`)];
  execFileSync(
    "openssl",
    [
      ...["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
      ...["-subj", "/CN=whatever", "-keyout", key, "-out", csr],
    ],
    { stdio: "pipe" },
  );
  const { code, output } = await the.npm("client", name, "--csr", csr, "--write");
  assert.equal(code, 0, output);
  const privateKey = readFileSync(key, "utf8");
  the.secrets.set(`the key of ${name}, which is its owner's`, privateKey);
  return privateKey;
}
