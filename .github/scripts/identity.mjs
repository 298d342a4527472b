// Writes this job's identity token (OpenID Connect) to a file and prints the file's path. A key service or
// a bucket that trusts this repository's environment accepts it instead of a stored key.
import { writeFileSync } from "node:fs";
import { join } from "node:path";

const { ACTIONS_ID_TOKEN_REQUEST_URL: url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: token } = process.env;
const [, , folder = "."] = process.argv;
if (!url || !token) {
  console.error("error: this job has no identity: give it the permission `id-token: write`");
  process.exit(1);
}
const address = new URL(url);
address.searchParams.set("audience", process.env["OIDC_AUDIENCE"] ?? "");
const response = await fetch(address, { headers: { authorization: `Bearer ${token}` } });
const { value } = /** @type {{value?: string}} */ (response.ok ? await response.json() : {});
if (!value) {
  console.error(`error: GitHub gave no identity token (HTTP ${response.status})`);
  process.exit(1);
}
const file = join(folder, "identity-token");
writeFileSync(file, value, { mode: 0o600 });
console.log(file);
