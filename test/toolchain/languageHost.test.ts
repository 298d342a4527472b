import assert from "node:assert/strict";
import { symlinkSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { projectRoot } from "../../machine/paths.ts";
import { makeSandbox, type Sandbox } from "./sandbox.ts";

describe("the Node language host", () => {
  let sandbox: Sandbox;
  before(async () => {
    sandbox = await makeSandbox("");
  });
  after(() => sandbox.remove());

  const preview = async (program: string) => {
    sandbox.write("index.ts", program);
    return sandbox.pulumi("preview");
  };

  it("runs an ES module by the project's own Node, and hands it config, secrets and its place", async () => {
    await sandbox.pulumi("config", "set", "--secret", "token", "hush");
    const { exitCode, text } = await preview(`
      import * as pulumi from "@pulumi/pulumi";
      import { isConfigSecret } from "@pulumi/pulumi/runtime/config.js";
      const config = new pulumi.Config();
      export const token = config.requireSecret("token");
      export const length = config.require("token").length;
      export const node = process.execPath;
      export const marked = isConfigSecret("p:token");
      export const place = [
        pulumi.getOrganization(), pulumi.getProject(), pulumi.getStack(), pulumi.runtime.isDryRun(),
      ].join("/");
    `);
    assert.equal(exitCode, 0, text);
    assert.match(text, /place +: "organization\/p\/s\/true"/);
    assert.match(text, /token +: \[secret\]/);
    assert.match(text, /marked: true/);
    assert.ok(text.includes(`"${join(projectRoot, "node_modules", "node-")}`), text);
    assert.doesNotMatch(text, /hush/);
  });

  it("takes every plugin from its PULUMI_HOME, without a warning", async () => {
    const { exitCode, text } = await preview(`
      import { local } from "@pulumi/command";
      import { RandomId } from "@pulumi/random";
      import { PrivateKey } from "@pulumi/tls";
      new local.Command("c", {}); new RandomId("r", { byteLength: 4 });
      new PrivateKey("k", { algorithm: "ED25519" });
    `);
    assert.equal(exitCode, 0, text);
    assert.match(text, /\+ 4 to create/);
    assert.doesNotMatch(text, /warning/);
  });

  it("shows a thrown error with its trace, once, and fails", async () => {
    const { exitCode, text } = await preview(`
      function deploy(): void { throw new Error("no such thing"); }
      deploy();
    `);
    assert.notEqual(exitCode, 0);
    assert.match(text, /Running program '.*index\.ts' failed with an unhandled exception:/);
    assert.match(text, /Error: no such thing\n\s+at deploy \(.*index\.ts/);
    assert.equal(text.match(/Error: no such thing/g)?.length, 1);
    assert.doesNotMatch(text, /non-zero exit code/);
  });

  it("shows a RunError as its message alone", async () => {
    const { exitCode, text } = await preview(`
      import { RunError } from "@pulumi/pulumi";
      throw new RunError("the settings are wrong");
    `);
    assert.notEqual(exitCode, 0);
    assert.match(text, /error: the settings are wrong\n/);
    assert.doesNotMatch(text, /unhandled exception|\n\s+at |non-zero exit code/);
  });

  it("says how to set a config key that is missing", async () => {
    const { exitCode, text } = await preview(`
      import { Config } from "@pulumi/pulumi";
      new Config().require("key");
    `);
    assert.notEqual(exitCode, 0);
    assert.match(
      text,
      /error: Missing required configuration variable 'p:key'\n\s+please set a value using the command `pulumi config set p:key <value>`\n/,
    );
    assert.doesNotMatch(text, /\n\s+at /);
  });

  it("reports the exit code of a program that exits by itself", async () => {
    const { exitCode, text } = await preview(`process.exit(3);`);
    assert.notEqual(exitCode, 0);
    assert.match(text, /Program exited with non-zero exit code: 3/);
  });

  it("says that the SDK is not installed", async () => {
    unlinkSync(join(sandbox.folder, "node_modules"));
    try {
      const { exitCode, text } = await preview("");
      assert.notEqual(exitCode, 0);
      assert.match(text, /It looks like the Pulumi SDK has not been installed\. Have you run /);
    } finally {
      symlinkSync(join(projectRoot, "node_modules"), join(sandbox.folder, "node_modules"));
    }
  });
});

describe("the Node language host by default", () => {
  it("compiles and checks TypeScript itself", async () => {
    const sandbox = await makeSandbox(`export const answer: number = 42;`, {});
    try {
      const good = await sandbox.pulumi("preview");
      assert.equal(good.exitCode, 0, good.text);
      assert.match(good.text, /answer: 42/);
      sandbox.write("index.ts", `export const answer: number = "42";`);
      const bad = await sandbox.pulumi("preview");
      assert.notEqual(bad.exitCode, 0);
      assert.match(bad.text, /TS2322/);
    } finally {
      sandbox.remove();
    }
  });
});
