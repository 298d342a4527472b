/** The CLI takes the URLs that `cybexp:state` takes: an S3-compatible store, with credentials from outside. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { execa } from "execa";
import { pulumiEnvironment } from "../../stack/configFile.ts";
import { storeOf } from "../../stack/backend.ts";
import { startS3, type S3 } from "./s3.ts";
import { toolchain } from "./sandbox.ts";

const folder = mkdtempSync(join(tmpdir(), "toolchain-test-"));
let s3: S3;

before(async () => {
  s3 = await startS3();
  writeFileSync(join(folder, "Pulumi.yaml"), "name: cybexp\nruntime: nodejs\n");
});
after(() => {
  s3.close();
  rmSync(folder, { recursive: true });
});

describe("an S3-compatible backend", () => {
  for (const [title, parameters] of [
    ["with an endpoint's URL", (address: string) => `endpoint=http://${address}`],
    ["with a host and no TLS", (address: string) => `endpoint=${address}&disableSSL=true`],
  ] as const) {
    it(`keeps a stack's state, ${title}`, async () => {
      const bucket = `state-${title.length}`;
      const backend = `s3://${bucket}?region=any&s3ForcePathStyle=true&${parameters(s3.address)}`;
      const store = storeOf("prod", { "cybexp:state": { backend } }, {});
      const pulumi = (...args: string[]) =>
        execa(toolchain.pulumi, [...args, "--non-interactive"], {
          cwd: folder,
          env: pulumiEnvironment(toolchain, undefined, store, {
            ...process.env,
            AWS_ACCESS_KEY_ID: "from-outside",
            AWS_SECRET_ACCESS_KEY: "secret",
            PULUMI_CONFIG_PASSPHRASE: "test",
          }),
          extendEnv: false,
          timeout: 50_000,
        });
      await pulumi("stack", "select", "--create", "prod", "--secrets-provider", "passphrase");
      const { stdout } = await pulumi("stack", "ls", "--json");
      assert.deepEqual(
        (JSON.parse(stdout) as { name: string }[]).map(({ name }) => name),
        ["prod"],
      );
      assert.ok(s3.objects.has(`${bucket}/.pulumi/stacks/cybexp/prod.json`));
      // A lock is taken and given back.
      await pulumi("stack", "rm", "prod", "--yes", "--preserve-config");
      assert.ok(!s3.objects.has(`${bucket}/.pulumi/stacks/cybexp/prod.json`));
      assert.deepEqual([...s3.objects.keys()].filter((name) => name.includes("/locks/")), []);
      assert.deepEqual([...s3.signers], ["from-outside"]);
    });
  }
});
