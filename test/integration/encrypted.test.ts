/** A stack whose file has whole keys as one secret each, as `pulumi config set --secret` makes them. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { call } from "./client.ts";
import { docker, Project } from "./project.ts";
import { filesOf } from "./secrets.ts";

const PASSWORD = randomBytes(18).toString("base64url");
const USERS = [{ name: "collector" }, { name: "analyst", password: PASSWORD }];

let project: Project;

/** Runs a command of ours, which has to succeed and to keep the password to itself. */
async function run(command: string, ...args: string[]): Promise<string> {
  const { code, output } = await project.npm(command, ...args);
  assert.equal(code, 0, output);
  assert.ok(!output.includes(PASSWORD), `${command} shows the password`);
  return output;
}

/** Makes a whole key of the stack's file one secret. */
async function encrypt(key: string, value: unknown): Promise<void> {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const { code, output } = await project.pulumi("config", "set", "--secret", key, text);
  assert.equal(code, 0, output);
}

describe("keys of the stack's file that are one secret each", () => {
  before(async () => {
    project = await Project.create();
    assert.equal((await project.npm("pulumi", "stack", "init", project.stack)).code, 0);
    const { "cybexp:kms": kms } = project.readConfig();
    await encrypt("cybexp:users", USERS);
    await encrypt("cybexp:kms", kms);
    await encrypt("cybexp:throwaway", "true");
  });
  after(() => project.remove());

  it("are previewed, deployed and compared like plain text", async () => {
    const file = project.readStackFile();
    assert.match(file, /cybexp:users:\n +secure: /);
    assert.match(await run("preview"), /container kms/);
    await run("up");
    assert.match(await run("preview"), /Nothing/i);
    assert.match(await run("up"), /^Nothing changed: /m);
    assert.match(await run("doctor"), /✔ door to kms/);
    assert.match(await run("drift"), /^No drift: /);
    assert.equal(project.readStackFile(), file);
  });

  it("let the users in, and are nowhere in plain text in the state", async () => {
    const { kmsUrl, serverCa } = (await project.outputs()) as { kmsUrl: string; serverCa: string };
    const answer = await call(`${kmsUrl}/`, {
      ca: serverCa,
      credential: { user: "analyst", password: PASSWORD },
    });
    assert.equal(answer.status, 200);
    for (const file of filesOf(join(project.dir, ".cybexp"))) {
      assert.ok(!readFileSync(file, "latin1").includes(PASSWORD), `${file} has the password`);
    }
    const ids = docker("ps", "-q", "--filter", `label=cybexp.stack=${project.stack}`).split("\n");
    assert.ok(!docker("inspect", ...ids).includes(PASSWORD));
  });

  it("are refused by the tools with the program's report, none of it shown", async () => {
    await encrypt("cybexp:kms", {
      image: "cybexp-demo/kms:1",
      bind: "localhost:5012",
      listen: project.ports.kms,
    });
    const { code, output } = await project.npm("up");
    assert.equal(code, 1, output);
    assert.match(output, /has 1 problem\. .*^cybexp:kms\.bind = \(not shown\)$/ms);
    assert.ok(!output.includes("localhost:5012"));
  });
});
