/** What is said of a command or a key that was typed in another way than it is read. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { here } from "../../programs/npmRun.ts";
import { requireOwnFlags } from "../../cli/preview/preview.ts";
import type * as StackSettings from "../../stack/settings.ts";
import { copyProject } from "./stackCopy.ts";

describe("a command in a message", () => {
  it("names its stack, unless that is dev", (t) => {
    const { STACK } = process.env;
    t.after(() =>
      STACK === undefined ? delete process.env["STACK"] : (process.env["STACK"] = STACK),
    );
    delete process.env["STACK"];
    assert.equal(here("up"), "npm run up");
    process.env["STACK"] = "prod";
    assert.equal(here("up"), "STACK=prod npm run up");
  });
});

describe("a flag that npm keeps", () => {
  it("is reported with what to type instead", () => {
    assert.throws(() => requireOwnFlags({ npm_config_diff: "true" }, false), {
      name: "UserError",
      message: "npm does not pass --diff on: type `npm run preview -- --diff`",
    });
    requireOwnFlags({ npm_config_diff: "true" }, true);
    requireOwnFlags({}, false);
  });
});

describe("a key of a stack's file under a name that nobody reads", () => {
  for (const [key, meant] of [
    ["proxy", "cybexp:proxy"],
    ["proxi", "cybexp:proxy"],
    ["cybex:kms", "cybexp:kms"],
    ["cybexpp:backnd", "cybexp:backend"],
  ] as const) {
    it(`is reported with the intended one: ${key}`, async (t) => {
      const copy = copyProject(t);
      writeFileSync(copy.file("Pulumi.a.yaml"), `config:\n  ${key}: { image: "a:1" }\n`);
      const { settingsOf } = await copy.load<typeof StackSettings>("stack/settings.ts");
      assert.throws(() => settingsOf("a"), {
        name: "UserError",
        message: `Pulumi.a.yaml: ${key} is not a known key. Did you mean ${meant}?`,
      });
    });
  }

  it("is left to its own program if it isn't ours", async (t) => {
    const copy = copyProject(t);
    writeFileSync(
      copy.file("Pulumi.a.yaml"),
      "config:\n  docker:host: ssh://a@b\n  aws:region: x\n",
    );
    const { settingsOf } = await copy.load<typeof StackSettings>("stack/settings.ts");
    assert.throws(
      () => settingsOf("a"),
      (error: Error) => !error.message.includes("no key"),
    );
  });
});
