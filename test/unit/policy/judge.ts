/** Holds resources against a rule as the policy pack does, in a few words. */
import { isExcepted, settingsOf } from "../../../policy/pack/policy.ts";
import type { Rule, Settings, StackResource } from "../../../policy/pack/rule.ts";
import { COMMAND, CONTAINER, VOLUME } from "../../../names/types.ts";

export interface Circumstances {
  /** The rule's settings, where they are not the default. */
  readonly settings?: Settings;
  /** Keys of the stack's config that are true. */
  readonly flags?: readonly string[];
}

/** Every violation, with the resource's name before it. */
export function judge(
  rule: Rule,
  resources: readonly StackResource[],
  { settings: configured = {}, flags = [] }: Circumstances = {},
): readonly string[] {
  const settings = settingsOf(rule, configured);
  const flag = (key: string) => flags.includes(key);
  const judged = resources.filter((resource) => !isExcepted(resource, settings));
  if ("checkStack" in rule) {
    return rule
      .checkStack(resources, settings, flag)
      .flatMap(({ urn, message }) =>
        judged.filter((one) => one.urn === urn).map(({ name }) => `${name}: ${message}`),
      );
  }
  return judged
    .filter(({ type }) => rule.types.includes(type))
    .flatMap((resource) =>
      rule.check(resource, settings, flag).map((message) => `${resource.name}: ${message}`),
    );
}

/** A resource with nothing but what is given. */
export const resource = (
  type: string,
  name: string,
  props: Readonly<Record<string, unknown>>,
  more: Partial<StackResource> = {},
): StackResource => ({
  type,
  name,
  urn: `urn:pulumi:s::p::${type}::${name}`,
  props,
  protect: false,
  madeOf: {},
  ...more,
});

/** A container that breaks no rule, but for what is changed. */
export const container = (
  changes: Readonly<Record<string, unknown>> = {},
  name = "web",
): StackResource =>
  resource(CONTAINER, name, {
    image: `sha256:${"a".repeat(64)}`,
    user: "1000:1000",
    labels: [{ label: "app.role", value: name }],
    ports: [{ internal: 80, external: 8080, ip: "127.0.0.1" }],
    networkMode: "bridge",
    networksAdvanced: [{ name: `${name}-network` }],
    envs: ["LANG=C"],
    healthcheck: { tests: ["CMD", "true"] },
    capabilities: { drops: ["ALL"] },
    securityOpts: ["no-new-privileges"],
    readOnly: true,
    memory: 512,
    memorySwap: 512,
    restart: "unless-stopped",
    volumes: [],
    ...changes,
  });

/** The command that sets a container's limit of processes. */
export const limits = ({ name, urn }: StackResource, pidsLimit: number | symbol = 200) =>
  resource(
    COMMAND,
    `${name}-limits`,
    {
      create: "docker update --pids-limit 200",
      stdin: typeof pidsLimit === "symbol" ? pidsLimit : JSON.stringify({ pidsLimit }),
    },
    { madeOf: { stdin: [urn] } },
  );

export const volume = (name: string, protect: boolean) =>
  resource(VOLUME, name, { name }, { protect });
