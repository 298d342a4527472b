/** Where the tools keep a stack's state, by its config and the operator's environment. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { stackIn } from "../../cli/pulumi/pulumi.ts";
import { isEmbedded, storeOf } from "../../stack/backend.ts";

const config = {
  "cybexp:state": { backend: "s3://bucket?region=x", secretsProvider: "awskms://alias/cybexp" },
};

describe("the store of a stack's state", () => {
  it("is embedded if neither the config nor the environment names one", () => {
    for (const found of [
      storeOf("a", {}, {}),
      storeOf("a", { "cybexp:state": {} }, { PULUMI_BACKEND_URL: "" }),
      storeOf("a", { "cybexp:state": null }, {}),
    ]) {
      assert.deepEqual(found, { url: undefined, secretsProvider: undefined });
      assert.equal(isEmbedded(found), true);
    }
  });

  it("is what the config says", () => {
    const found = storeOf("a", config, {});
    assert.deepEqual(found, {
      url: "s3://bucket?region=x",
      secretsProvider: "awskms://alias/cybexp",
    });
    assert.equal(isEmbedded(found), false);
  });

  it("is the environment's if it names one, with the secrets provider from the config", () => {
    assert.deepEqual(storeOf("a", config, { PULUMI_BACKEND_URL: "file:///elsewhere" }), {
      url: "file:///elsewhere",
      secretsProvider: "awskms://alias/cybexp",
    });
  });

  it("is never one with a credential in it, and the refusal doesn't show it", () => {
    for (const state of [
      { backend: "s3://AKIA:s3cret@bucket" },
      { secretsProvider: "hashivault://key?token=s3cret" },
    ]) {
      assert.throws(
        () => storeOf("a", { "cybexp:state": state }, {}),
        (error: Error) =>
          error.name === "UserError" &&
          error.message.startsWith(`cybexp:state.${Object.keys(state)[0]} in Pulumi.a.yaml: `) &&
          error.message.includes("never into the stack's file") &&
          !error.message.includes("s3cret"),
      );
    }
  });
});

describe("the stack that the CLI's arguments name", () => {
  const root = mkdtempSync(join(tmpdir(), "cybexp-unit-"));
  writeFileSync(join(root, "Pulumi.prod.yaml"), "config: {}\n");
  process.on("exit", () => rmSync(root, { recursive: true }));
  for (const [args, expected] of [
    [["up", "--stack", "prod"], "prod"],
    [["up", "-s", "prod", "--yes"], "prod"],
    [["--stack=prod", "preview"], "prod"],
    [["up", "--stack", "org/cybexp/prod"], "prod"],
    [["up"], undefined],
    [["stack", "rm", "--stack", "gone"], undefined],
    [["up", "--stack"], undefined],
    [["stack", "prod"], undefined],
  ] as const) {
    it(`is ${expected ?? "the usual one"} in ${args.join(" ")}`, () => {
      assert.equal(stackIn(args, root), expected);
    });
  }
});
