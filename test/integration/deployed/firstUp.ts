import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import type { Result } from "../project.ts";
import { filesOf } from "../secrets.ts";
import type { Deployed } from "./deployed.ts";

/** @param made By the first `up`: what it printed, and the stack's file as it was before. */
export function firstUp(the: () => Deployed, made: () => { up: Result; stackFile: string }): void {
  it("tells the URLs, and how to get the passwords", async () => {
    const { outputs, project } = the();
    const { output } = made().up;
    assert.equal(outputs.kmsUrl, `https://localhost:${project.ports.kms}`);
    assert.equal(outputs.backendUrl, `https://localhost:${project.ports.backend}`);
    assert.ok(output.includes(`  KMS      ${outputs.kmsUrl}\n`), output);
    assert.ok(output.includes(`  Backend  ${outputs.backendUrl}\n`), output);

    const command = `STACK=${project.stack} npm run -s pulumi -- stack output users --show-secrets`;
    assert.ok(output.includes(command), output);
    const printed = await project.npm("pulumi", "stack", "output", "users", "--show-secrets");
    assert.deepEqual(JSON.parse(printed.stdout), outputs.users);
  });

  it("prints nothing that a reader has to ignore", () => {
    const noise = made()
      .up.output.split("\n")
      .filter((line) => /warning|pulumi-resource-|\bplugin\b|^@ |deprecat/i.test(line));
    assert.deepEqual(noise, []);
  });

  it("leaves the stack's file as it was", () => {
    assert.equal(the().project.readStackFile(), made().stackFile);
  });

  it("keeps state and passphrase to this user", () => {
    const folder = join(the().project.dir, ".cybexp");
    const files = filesOf(folder);
    assert.ok(
      files.some((file) => file.endsWith("passphrase")),
      files.join("\n"),
    );
    assert.ok(
      files.some((file) => file.endsWith(`${the().project.stack}.json`)),
      files.join("\n"),
    );
    const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);
    const folders = new Set(files.map((file) => join(file, "..")));
    assert.deepEqual(
      files.filter((file) => mode(file) !== "600"),
      [],
    );
    assert.deepEqual(
      [...folders, folder].filter((path) => mode(path) !== "700"),
      [],
    );
  });

  it("acts on the stack that STACK names, whichever was selected last", async () => {
    const { project, outputs } = the();
    project.writeStackFile("other", project.readStackFile());
    const other = (...args: string[]) => project.withStack("other").npm("pulumi", ...args);
    assert.equal((await other("stack", "select", "--create", "other")).code, 0);
    const printed = await project.npm("pulumi", "stack", "output", "kmsUrl");
    const removed = await other("stack", "rm", "other", "--yes", "--preserve-config");
    assert.equal(printed.stdout.trim(), outputs.kmsUrl, printed.output);
    assert.equal(removed.code, 0, removed.output);
  });
}
