/** The account at the ACME server and its certificates come back with a backup: nothing is registered or ordered anew. */
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { AcmeStack } from "./acmeStack.ts";
import { docker } from "./project.ts";

describe("a backup of a stack with certificates by ACME", () => {
  let stack: AcmeStack;
  before(async () => {
    stack = await AcmeStack.create();
  });
  after(() => stack.remove());

  /** The digests of the files of account and certificates, without what certbot writes at each start. */
  const state = (): string[] => {
    const script =
      "cd /acme/state && find accounts archive -type f -exec sha256sum {} + | sort -k 2";
    return docker("exec", stack.container("acme"), "sh", "-c", script).split("\n");
  };

  it("has the account and the certificates, and a restore brings them back", async () => {
    const identity = await generateX25519Identity();
    const recipients = [await identityToRecipient(identity)];
    stack.project.configure((config) => (config["cybexp:backup"] = { recipients }));
    await stack.up();
    const [shown, files] = [await stack.shown(), state()];
    assert.ok(files.some((line) => line.endsWith("/private_key.json")));
    const made = await stack.project.npm("backup");
    assert.equal(made.code, 0, made.output);
    assert.match(made.output, /^ {2}acme-data: \d+ files$/m);

    const aside = join(stack.project.dir, "aside");
    mkdirSync(aside);
    const [backup, key] = [join(aside, "backup.age"), join(aside, "identity")];
    const folder = join(stack.project.dir, ".cybexp", "backups");
    copyFileSync(join(folder, readdirSync(folder)[0] ?? ""), backup);
    writeFileSync(key, `${identity}\n`);
    const down = await stack.project.npm("down", "--yes");
    assert.equal(down.code, 0, down.output);
    assert.deepEqual(stack.project.leftovers(), []);
    rmSync(join(stack.project.dir, ".cybexp"), { recursive: true });

    const { code, output } = await stack.project.npm("restore", backup, "--identity", key);
    assert.equal(code, 0, output);
    assert.deepEqual(state(), files);
    assert.equal((await stack.shown()).fingerprint256, shown.fingerprint256);
    assert.equal(stack.accounts(), 1);
    assert.match(await stack.up(), /^Nothing changed: /m);
  });
});
