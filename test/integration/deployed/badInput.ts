import assert from "node:assert/strict";
import { it } from "node:test";
import type { Result } from "../project.ts";
import { type Deployed, ROLES, run } from "./deployed.ts";

export function badInput(the: () => Deployed): void {
  it("reports all mistakes at once, and touches nothing", async () => {
    const { project } = the();
    const right = project.readStackFile();
    const runs = () => ROLES.map((role) => run(the().containers()[role]));
    const before = runs();
    project.configure((config) => {
      Object.assign(config["cybexp:kms"] as object, { bind: "localhost:5012", imgae: "x:1" });
      Object.assign(config["cybexp:backend"] as object, { listen: 70_000 });
      config["cybexp:users"] = [{ name: "col:lector" }, { name: "analyst" }, { name: "analyst" }];
    });
    try {
      assertReported(await the().npm("up"));
      assertReported(
        await the().npm("pulumi", "preview", "--non-interactive", "--stack", project.stack),
      );
    } finally {
      project.writeStackFile(project.stack, right);
    }
    assert.deepEqual(runs(), before);
  });
}

function assertReported({ code, output }: Result): void {
  assert.notEqual(code, 0);
  assert.match(output, /The configuration of stack "it-[0-9a-f]{6}" has \d+ problems\./);
  for (const path of [
    'cybexp:kms.bind = "localhost:5012"',
    "cybexp:kms.imgae",
    "cybexp:backend.listen = 70000",
    "cybexp:users[0].name",
    "cybexp:users[2].name",
  ]) {
    assert.equal(output.split(path).length, 2, `${path} is reported once:\n${output}`);
  }
  assert.doesNotMatch(output, /^\s+at .*:\d+/m, "no stack trace");
  assert.doesNotMatch(output, /node:internal|internal error|unhandled/i);
}
