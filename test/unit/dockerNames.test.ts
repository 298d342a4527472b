/** The names and labels by which things in Docker are found. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { projectRoot } from "../../machine/paths.ts";
import {
  awayOf,
  CYBEXP,
  edgeOf,
  isOf,
  label,
  LABEL,
  labelTemplate,
  ours,
  ownLabel,
  ownLabels,
} from "../../names/docker.ts";
import { ownerInput } from "../../programs/owner.ts";
import { markFile } from "../../settings/keptParts.ts";

describe("a deployment's labels", () => {
  it("are those of deployed stacks where they begin with cybexp", () => {
    assert.deepEqual(LABEL, {
      deployment: "cybexp.deployment",
      role: "cybexp.role",
      stack: "cybexp.stack",
      release: "cybexp.release",
      signature: "cybexp.signature",
    });
    assert.equal(label("stack", "dev"), "cybexp.stack=dev");
    assert.equal(labelTemplate("role"), '{{.Label "cybexp.role"}}');
    assert.equal(ownLabel(ours("feed")), "cybexp.deployment=feed");
    assert.equal(markFile(CYBEXP), ".cybexp-volume");
  });

  it("begin with its own prefix", () => {
    assert.equal(label("stack", "dev", "shop"), "shop.stack=dev");
    assert.equal(ownLabel({ deployment: "feed", labels: "shop" }), "shop.deployment=feed");
    assert.deepEqual(
      Object.entries(ownLabels({ labels: "shop", deployment: "feed", role: "web", stack: "dev" })),
      [
        ["shop.deployment", "feed"],
        ["shop.role", "web"],
        ["shop.stack", "dev"],
      ],
    );
    assert.equal(markFile("shop"), ".shop-volume");
  });

  it("are the deployment's with its id and its prefix, and not with one of them", () => {
    const owner = { deployment: "feed", labels: "shop" };
    assert.equal(isOf(owner, { "shop.deployment": "feed" }), true);
    for (const other of [
      { "shop.deployment": "food" },
      { "cybexp.deployment": "feed" },
      {},
      null,
      undefined,
    ]) {
      assert.equal(isOf(owner, other), false);
    }
  });

  it("begin with cybexp in what an older version told a program", () => {
    assert.equal(ownerInput.labels.parse(undefined), "cybexp");
    assert.equal(ownerInput.labels.parse("shop"), "shop");
  });

  it("are never taken for CYBEX-P's by a component or a program", () => {
    const fixed =
      /\bLABEL\b|\bours\(|\blabel\("\w+", [\w.]+\)|\blabelTemplate\("\w+"\)|"\.?cybexp[.-](deployment|role|stack|release|signature|volume)/;
    const files = globSync("{components,programs,render}/**/*.ts", { cwd: projectRoot });
    assert.ok(files.length > 100);
    const wrong = files.filter((file) => fixed.test(readFileSync(join(projectRoot, file), "utf8")));
    assert.deepEqual(wrong, []);
  });
});

describe("a proxy's networks", () => {
  it("have the names that deployed stacks have them under, or its own role in them", () => {
    assert.deepEqual([edgeOf("proxy"), awayOf("proxy")], ["edge", "away"]);
    assert.deepEqual([edgeOf("people"), awayOf("people")], ["edge-people", "away-people"]);
  });
});
