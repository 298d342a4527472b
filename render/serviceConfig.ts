import { matching } from "./check.ts";
import type { YamlValue } from "./yaml.ts";

/** Keys of a service's config.yaml that an operator sets; whole numbers beyond 2^53 as digits in a string. */
export type ConfigOverrides = Readonly<Record<string, string | number | boolean>>;

/** A flat config.yaml: a bigint is a key that the service computes with as a whole number. */
export type ServiceConfig = Readonly<Record<string, string | bigint | boolean>>;

/**
 * The defaults, replaced with the operator's own values. Keys that the defaults don't have are kept, because an
 * image may know more of them. A value whose type differs from the default's is refused.
 *
 * @param owned keys that the stack itself writes, so that nobody can set them
 * @param mustBeFalse keys that would open the service to anyone who reaches it
 * @throws RangeError that names the key
 */
export function withOverrides(
  defaults: ServiceConfig,
  overrides: ConfigOverrides,
  owned: readonly string[],
  mustBeFalse: readonly string[],
): Record<string, YamlValue> {
  const config: Record<string, YamlValue> = { ...defaults };
  for (const [key, value] of Object.entries(overrides)) {
    matching("a config key", key, /^[A-Za-z_][A-Za-z0-9_]*$/, "letters, digits and _");
    if (owned.includes(key)) {
      throw new RangeError(`${key} is written by the stack and can't be set`);
    }
    if (mustBeFalse.includes(key) && value !== false) {
      throw new RangeError(`${key} must be false: Flask's debugger runs code for whoever asks`);
    }
    config[key] = typed(key, value, Object.hasOwn(defaults, key) ? defaults[key] : undefined);
  }
  return config;
}

/** The value in the type that the service reads the key as. */
function typed(
  key: string,
  value: string | number | boolean,
  standard: string | bigint | boolean | undefined,
): YamlValue {
  if (typeof standard === "bigint") {
    const digits = String(value);
    if (typeof value === "boolean" || !/^(0|[1-9][0-9]*)$/.test(digits)) {
      throw new RangeError(
        `${key} is ${JSON.stringify(value)}, but must be a whole number (above 2^53 as digits in quotes)`,
      );
    }
    if (typeof value === "number" && !Number.isSafeInteger(value)) {
      throw new RangeError(
        `${key} is ${digits}, which is no longer exact: write its digits in quotes`,
      );
    }
    return BigInt(digits);
  }
  if (standard !== undefined && typeof value !== typeof standard) {
    throw new RangeError(
      `${key} is ${JSON.stringify(value)}, but must be a ${typeof standard}, such as ${JSON.stringify(standard)}`,
    );
  }
  return value;
}
