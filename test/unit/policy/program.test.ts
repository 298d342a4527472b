/** The program with the embedded default's configuration, against the pack with the project's settings. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import type { Settings, StackResource } from "../../../policy/pack/rule.ts";
import { rules } from "../../../policy/rules/all.ts";
import { once, type Registered } from "../components/mocks.ts";
import { configOf, program } from "../components/parts.ts";
import { judge } from "./judge.ts";

const read = (file: string) => readFileSync(new URL(`../../../${file}`, import.meta.url), "utf8");
const settings = JSON.parse(read("policy/cybexp.json")) as Record<string, Settings>;

/** Everything that the dev stack has, with more in its config, as the engine is told of it. */
async function resourcesOf(more: Record<string, unknown>): Promise<readonly StackResource[]> {
  const config = configOf("Pulumi.dev.yaml");
  for (const [key, value] of Object.entries(more)) {
    config[key] = JSON.stringify(value);
  }
  const { resources, dependencies } = await program(config);
  const urn = ({ type, name }: Pick<Registered, "type" | "name">) => `${type} ${name}`;
  return resources.map((one) => ({
    type: one.type,
    name: one.name,
    urn: urn(one),
    protect: one.options.protect ?? false,
    props: {
      ...one.inputs,
      ...("stdin" in one.inputs && { stdin: JSON.stringify(one.inputs["stdin"]) }),
    },
    madeOf: { any: dependencies.get(urn(one)) ?? [] },
  }));
}

const dev = once(() => resourcesOf({}));

const judged = (resources: readonly StackResource[], flags: readonly string[]) =>
  rules.flatMap((rule) =>
    judge(rule, resources, { flags, settings: settings[rule.name] ?? {} }).map(
      (told) => `${rule.name} ${told.split(":")[0]}`,
    ),
  );

/** The stack with one thing of it changed. */
const changed = async (
  name: string,
  type: RegExp,
  change: (one: StackResource) => StackResource,
) => {
  const resources = await dev();
  assert.equal(resources.filter((one) => one.name === name && type.test(one.type)).length, 1);
  return resources.map((one) => (one.name === name && type.test(one.type) ? change(one) : one));
};
const withProps =
  (props: object) =>
  (one: StackResource): StackResource => ({ ...one, props: { ...one.props, ...props } });

describe("the dev stack", () => {
  it("breaks no rule", async () => {
    assert.deepEqual(judged(await dev(), ["cybexp:throwaway"]), []);
  });

  it("breaks none with clients and a Kapow! that has both ways in", async () => {
    const resources = await resourcesOf({
      "cybexp:clients": [{ name: "ann" }, { name: "rob", revoked: true }],
      "cybexp:kapow": {
        image: "cybexp-demo/kapow:1",
        listen: 5004,
        address: "192.0.2.10",
        door: { listen: 5003, access: "either" },
        init: "/init",
        healthRoute: "/health",
      },
    });
    assert.ok(resources.some(({ name }) => name === "kapow-proxy"));
    assert.deepEqual(judged(resources, ["cybexp:throwaway"]), []);
  });

  it("would break the rule of data if it were not a throw-away stack", async () => {
    assert.deepEqual(judged(await dev(), []).sort(), [
      "protected-data backend-db-data",
      "protected-data kms-db-data",
      "protected-data kms-secrets",
    ]);
  });

  it("may lose the keys of collectors, which the KMS gives out again", async () => {
    const collector = { image: "cybexp-demo/collector:1", user: "collector" };
    const resources = await resourcesOf({
      "cybexp:collector": [collector, { ...collector, name: "lab", bind: "127.0.0.1:6001" }],
    });
    assert.ok(resources.some(({ name }) => name === "collector-lab-secrets"));
    assert.deepEqual(judged(resources, []).sort(), judged(await dev(), []).sort());
  });

  it("would break the rule of ports if the KMS were published to the world", async () => {
    const ports = [{ ip: "0.0.0.0", internal: 5000, external: 5012 }];
    const resources = await changed("kms", /^docker:.*Container$/, withProps({ ports }));
    assert.deepEqual(judged(resources, ["cybexp:throwaway"]), ["loopback-ports kms"]);
  });

  it("would break the rule of processes without a container's limit", async () => {
    const resources = (await dev()).filter(({ name }) => name !== "proxy-limits");
    assert.deepEqual(judged(resources, ["cybexp:throwaway"]), ["pids-limit proxy"]);
  });

  it("would break the rule of databases if the Backend joined the KMS's", async () => {
    const networksAdvanced = [{ name: "cybexp-test-backend" }, { name: "cybexp-test-kms-db" }];
    const resources = await changed(
      "backend",
      /^docker:.*Container$/,
      withProps({ networksAdvanced }),
    );
    assert.deepEqual(judged(resources, ["cybexp:throwaway"]), ["own-database kms-db"]);
  });

  it("would break the rule of doors if its Nginx asked for no password", async () => {
    const open = ({ props, ...rest }: StackResource) => ({
      ...rest,
      props: { ...props, stdin: String(props["stdin"]).replaceAll("auth_basic $realm;", "") },
    });
    const resources = await changed("proxy-release-delivery", /:Command$/, open);
    assert.deepEqual(
      new Set(judged(resources, ["cybexp:throwaway"])),
      new Set(["nginx-door proxy-release-delivery"]),
    );
  });
});
