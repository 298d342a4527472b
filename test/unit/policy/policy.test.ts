/** The pack as the policy SDK sees it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import {
  type ResourceValidationArgs,
  type ResourceValidationPolicy,
  type StackValidationArgs,
  type StackValidationPolicy,
  unknownCheckingProxy,
} from "@pulumi/policy";
import * as pulumi from "@pulumi/pulumi";
import { schemaOf, toPolicy } from "../../../policy/pack/policy.ts";
import { CONTAINER } from "../../../names/types.ts";
import type { ResourceRule, StackRule } from "../../../policy/pack/rule.ts";
import { plain, UNKNOWN } from "../../../policy/pack/unknown.ts";
import { rules } from "../../../policy/rules/all.ts";
import { ownDatabase } from "../../../policy/rules/ownDatabase.ts";
import { container } from "./judge.ts";

/** What the engine sends for a text that it doesn't know yet. */
const UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** The SDK's own, which its declarations leave out. */
const checking = unknownCheckingProxy as (props: object) => object;

const projectFile = (path: string) =>
  readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");

/** Tells the rule's settings and the resource as it got them. */
const echo: ResourceRule = {
  name: "echo",
  description: "It has to be so.",
  reason: "It is (Standard 1).",
  settings: { most: { description: "The most.", type: "integer", default: 3 } },
  types: [CONTAINER],
  check: ({ name, props, protect }, { most }, flag) => [
    `${name} ${String(props["user"])} ${protect} ${String(most)} ${flag("app:strict")}`,
  ],
};

function validate(rule: ResourceRule, props: object, config = {}, type = CONTAINER) {
  const told: string[] = [];
  const policy = toPolicy(rule) as ResourceValidationPolicy;
  assert.ok(typeof policy.validateResource === "function");
  const args = {
    type,
    name: "web",
    urn: "urn:web",
    props: checking(props),
    opts: { protect: true },
    getConfig: () => config,
  };
  void policy.validateResource(args as unknown as ResourceValidationArgs, (message) => {
    told.push(message);
  });
  return told;
}

describe("a rule as a policy", () => {
  it("gets the resource, its settings with their defaults, and the stack's config", () => {
    pulumi.runtime.setAllConfig({});
    assert.deepEqual(validate(echo, { user: "1:1" }), ["web 1:1 true 3 false"]);
    pulumi.runtime.setAllConfig({ "app:strict": "true" });
    assert.deepEqual(validate(echo, { user: "1:1" }, { most: 5 }), ["web 1:1 true 5 true"]);
  });

  it("is not asked about exceptions or other types", () => {
    const exceptions = [{ name: "web", reason: "it is only a test" }];
    assert.deepEqual(validate(echo, {}, { exceptions }), []);
    const two = { ...echo, types: [CONTAINER, "other"] };
    assert.equal(validate(two, {}).length, 1);
    assert.deepEqual(validate(two, {}, {}, "third"), []);
  });

  it("is marked with its type, so that the SDK reads no other resource for it", () => {
    const { validateResource } = toPolicy(echo) as ResourceValidationPolicy;
    assert.equal((validateResource as { __pulumiType?: string }).__pulumiType, CONTAINER);
  });

  it("gets unknown values as such, at any depth", () => {
    const props = { a: UNKNOWN_TEXT, b: [{ c: UNKNOWN_TEXT, d: 1 }, UNKNOWN_TEXT], e: null };
    assert.deepEqual(plain(checking(props)), {
      a: UNKNOWN,
      b: [{ c: UNKNOWN, d: 1 }, UNKNOWN],
      e: null,
    });
    assert.throws(
      () =>
        plain({
          get a() {
            throw new Error("another");
          },
        }),
      /another/,
    );
  });

  it("sees the whole stack, with the resources that each property comes from", () => {
    const told: string[] = [];
    const rule: StackRule = {
      name: "all",
      description: "",
      reason: "",
      checkStack: (resources) =>
        resources.map(({ urn, madeOf }) => ({ urn, message: JSON.stringify(madeOf) })),
    };
    const one = (name: string, others: object[]) => ({
      ...container({}, name),
      urn: `urn:${name}`,
      opts: { protect: false },
      propertyDependencies: { image: others },
    });
    const image = one("image", []);
    const args = {
      resources: [image, one("web", [image])],
      getConfig: () => ({ exceptions: [{ name: "image", reason: "it is only a test" }] }),
    };
    void (toPolicy(rule) as StackValidationPolicy).validateStack(
      args as unknown as StackValidationArgs,
      (message, urn) => {
        told.push(`${urn} ${message}`);
      },
    );
    assert.deepEqual(told, ['urn:web {"image":["urn:image"]}']);
  });
});

describe("a stack rule that is checked as resources come", () => {
  const joined = (name: string, network: string, mounted?: string) => ({
    ...container({ networksAdvanced: [{ name: network }] }, name).props,
    volumes: mounted === undefined ? [] : [{ containerPath: mounted }],
  });
  const come = (config: object, ...all: readonly (readonly [name: string, props: object])[]) => {
    const { validateResource } = toPolicy(ownDatabase) as ResourceValidationPolicy;
    assert.ok(typeof validateResource === "function");
    const told: string[] = [];
    for (const [name, props] of all) {
      const opts = { protect: false };
      const args = { type: CONTAINER, name, urn: name, props, opts, getConfig: () => config };
      void validateResource(args as unknown as ResourceValidationArgs, (message) => {
        told.push(`${name}: ${message.split(":")[0]}`);
      });
    }
    return told;
  };
  const all = [
    ["kms", joined("kms", "data")],
    ["db", joined("db", "data", "/data/db")],
    ["backend", joined("backend", "data")],
    ["kapow", joined("kapow", "data")],
  ] as const;

  it("reports once, at the resource that causes it", () => {
    assert.deepEqual(come({}, ...all), ["backend: db shares a network with kms and backend"]);
    assert.deepEqual(come({}, ...all.slice(0, 2)), []);
  });

  it("ignores exceptions", () => {
    const exceptions = [{ name: "db", reason: "it is only a test" }];
    assert.deepEqual(come({ exceptions }, ...all), []);
  });
});

describe("the policy pack", () => {
  it("has rules with names, descriptions, reasons, and settings with descriptions and defaults", () => {
    assert.equal(new Set(rules.map(({ name }) => name)).size, rules.length);
    for (const rule of rules) {
      assert.match(rule.name, /^[a-z]+(-[a-z]+)+$/);
      assert.match(rule.description, /^[A-Z].*\.$/, rule.name);
      assert.match(rule.reason, /^[A-Z].*\(.*\d.*\)\.$/, `${rule.name}: with a standard's number`);
      for (const [name, { description, default: byDefault }] of Object.entries(schemaOf(rule))) {
        assert.match(description, /^[A-Z].*\.$/s, `${rule.name}.${name}`);
        assert.notEqual(byDefault, undefined, `${rule.name}.${name}`);
      }
    }
  });

  it("is configured for this project with names that exist", () => {
    const settings = JSON.parse(projectFile("policy/cybexp.json")) as Record<string, object>;
    for (const [name, given] of Object.entries(settings)) {
      const rule = rules.find((one) => one.name === name) ?? assert.fail(name);
      const known = Object.keys(schemaOf(rule));
      assert.deepEqual(
        Object.keys(given).filter((key) => !known.includes(key)),
        [],
        name,
      );
    }
  });

  it("is documented rule by rule, with every setting and default", () => {
    const text = projectFile("docs/policies.md");
    for (const rule of rules) {
      const row = text.split("\n").find((line) => line.startsWith(`| \`${rule.name}\``)) ?? "";
      for (const [name, { default: byDefault }] of Object.entries(rule.settings ?? {})) {
        assert.ok(row.includes(`\`${name}\``), `${rule.name}.${name}`);
        if (typeof byDefault !== "object" && byDefault !== "") {
          assert.ok(row.includes(`\`${String(byDefault)}\``), `${rule.name}.${name}: its default`);
        }
      }
      assert.notEqual(row, "", rule.name);
    }
  });
});
