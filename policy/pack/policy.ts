/** Makes of a rule what the policy SDK serves. */
import type {
  PolicyResource,
  ResourceValidationArgs,
  ResourceValidationPolicy,
  StackValidationPolicy,
} from "@pulumi/policy";
import { Config } from "@pulumi/pulumi";
import { type Exception, exceptionsSchema, isPicked } from "./exceptions.ts";
import type { Resource, Rule, Settings, SettingsSchema, StackResource, StackRule } from "./rule.ts";
import { plain } from "./unknown.ts";

type SdkPolicy = ResourceValidationPolicy | StackValidationPolicy;

/** All settings of a rule. */
export const schemaOf = (rule: Rule): SettingsSchema => ({ ...rule.settings, ...exceptionsSchema });

export function toPolicy(rule: Rule): SdkPolicy {
  const common = {
    name: rule.name,
    description: `${rule.description} ${rule.reason}`,
    enforcementLevel: "mandatory" as const,
    configSchema: { properties: { ...schemaOf(rule) } as Record<string, object> },
  };
  if ("checkStack" in rule) {
    if (rule.asTheyCome !== undefined) {
      return { ...common, validateResource: of(rule.asTheyCome, asTheyCome(rule)) };
    }
    return {
      ...common,
      validateStack: (args, report) => {
        const settings = settingsOf(rule, args.getConfig());
        const resources = args.resources.map(stackResource);
        const excepted = new Set(
          resources.filter((one) => isExcepted(one, settings)).map(({ urn }) => urn),
        );
        for (const { urn, message } of rule.checkStack(resources, settings, flag)) {
          if (!excepted.has(urn)) {
            report(message, urn);
          }
        }
      },
    };
  }
  const validate: Validate = (args, report) => {
    const settings = settingsOf(rule, args.getConfig());
    const resource = plainResource(args);
    if (!isExcepted(resource, settings)) {
      rule.check(resource, settings, flag).forEach((message) => report(message));
    }
  };
  return { ...common, validateResource: of(rule.types, validate) };
}

type Validate = (args: ResourceValidationArgs, report: (message: string) => void) => void;

/** A function of one type is marked with it: the SDK then doesn't read what no rule asks for. */
function of(types: readonly string[], validate: Validate): Validate {
  return types.length === 1
    ? Object.assign(validate, { __pulumiType: types[0] })
    : (args, report) => {
        if (types.includes(args.type)) {
          validate(args, report);
        }
      };
}

/** Asks about all that came so far; each resource's violation is told once, to the one that made it. */
function asTheyCome(rule: StackRule): Validate {
  const seen: StackResource[] = [];
  const told = new Set<string>();
  return (args, report) => {
    const settings = settingsOf(rule, args.getConfig());
    seen.push({ ...plainResource(args), madeOf: {} });
    for (const { urn, message } of rule.checkStack(seen, settings, flag)) {
      const isNew = !told.has(urn);
      told.add(urn);
      if (isNew && !seen.some((one) => one.urn === urn && isExcepted(one, settings))) {
        report(message);
      }
    }
  };
}

/** What is configured, and the defaults of all else. */
export function settingsOf(rule: Rule, configured: Settings): Settings {
  const defaults = Object.entries(schemaOf(rule)).map(([key, schema]) => [key, schema.default]);
  return { ...(Object.fromEntries(defaults) as Settings), ...configured };
}

export function isExcepted(resource: Resource, settings: Settings): boolean {
  return isPicked(resource, settings["exceptions"] as readonly Exception[]);
}

function plainResource(args: ResourceValidationArgs | PolicyResource): Resource {
  const { type, name, urn, props, opts } = args;
  return { type, name, urn, props: plain(props), protect: opts.protect };
}

function stackResource(resource: PolicyResource) {
  const madeOf = Object.entries(resource.propertyDependencies).map(([property, others]) => [
    property,
    others.map(({ urn }) => urn),
  ]);
  return {
    ...plainResource(resource),
    madeOf: Object.fromEntries(madeOf) as Record<string, string[]>,
  };
}

function flag(key: string): boolean {
  const [namespace = "", name = ""] = key.split(":");
  return new Config(namespace).get(name) === "true";
}
