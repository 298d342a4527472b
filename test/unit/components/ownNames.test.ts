/** What this stack calls itself, and what it serves by, as before its names were arguments. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { COMMAND, the } from "./mocks.ts";
import { configOf, program } from "./parts.ts";

const dev = configOf("Pulumi.dev.yaml");
const kms = JSON.parse(dev["cybexp:kms"] ?? "") as object;

describe("the release of this stack's proxy", () => {
  for (const [what, config, digest] of [
    ["of the dev stack", dev, "670358f7898693746ea5aadd5d12bebd"],
    [
      "with clients' certificates",
      {
        ...dev,
        "cybexp:clients": '[{"name":"app.example.edu"},{"name":"bob"}]',
        "cybexp:kms": JSON.stringify({ ...kms, access: "either" }),
      },
      "e0feeb3e84c8e3cea4f9cd3f37a8568a",
    ],
  ] as const) {
    it(`is byte for byte that of the commit before, ${what}`, async () => {
      // If it differs, the upgrade reloads every proxy: CHANGELOG.md says so.
      const { stdin } = the(await program(config), COMMAND, "proxy-release-delivery").inputs as {
        stdin: { digest: string };
      };
      assert.equal(stdin.digest, digest);
    });
  }
});
