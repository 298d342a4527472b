/** Values that only a collector needs: its name, where it takes records, and its policy. */
import { parseDocument } from "yaml";
import { isCollectorName } from "../names/docker.ts";
import { type Endpoint, parseEndpoint } from "./addresses.ts";
import { Fault } from "./fault.ts";

/** Where a collector takes records by default: the collector's own port, on loopback. */
export const COLLECTOR_BIND: Endpoint = { address: "127.0.0.1", port: 6000 };

/** A collector's name: part of its names in Docker. */
export function parseCollectorName(raw: unknown): string | Fault {
  return typeof raw === "string" && isCollectorName(raw)
    ? raw
    : new Fault(
        "Allowed: 1 to 24 lower-case letters, digits and hyphens, starting with a letter, but not door, gate, door-..., gate-... or ...-handover.",
        "Write, for example, honeypot.",
      );
}

/** Any address and port. That it is loopback unless `expose` says otherwise shows across keys. */
export function parseIngest(raw: unknown): Endpoint | Fault {
  return parseEndpoint(raw);
}

/** What a collector encrypts, and how: a map, or the same as YAML text. */
export type Policy = string | { readonly [key: string]: unknown };

const EXAMPLE =
  "Write, for example, { default: { abe_pol: research }, index: { exact: [{ match: ipv4 }] } }.";

/**
 * Passed on as it is. Only what would make the collector drop records, or store less of them, without a word is
 * refused.
 */
export function parsePolicy(raw: unknown): Policy | Fault {
  if (typeof raw === "string") {
    return parsePolicyText(raw);
  }
  if (!isMap(raw)) {
    return new Fault("Allowed: a map, or the same as YAML text.", EXAMPLE);
  }
  return inexact(raw) ?? incomplete(raw) ?? raw;
}

function parsePolicyText(text: string): Policy | Fault {
  // As PyYAML reads it. Tags may run code there.
  const document = parseDocument(text, { version: "1.1", logLevel: "error" });
  const [trouble] = [...document.errors, ...document.warnings];
  if (trouble !== undefined || /^(---|\.\.\.|%)/m.test(text)) {
    const line = trouble?.linePos?.[0].line;
    return new Fault(
      `This is not YAML for one map${line === undefined ? "" : ` (line ${line})`}: no tags, directives or document markers.`,
      EXAMPLE,
    );
  }
  let content: unknown;
  try {
    content = document.toJS({ maxAliasCount: 100 });
  } catch {
    content = undefined;
  }
  return isMap(content)
    ? (incomplete(content) ?? text)
    : new Fault("The text must be a map in YAML.", EXAMPLE);
}

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Numbers that have lost their last digits on the way here, or that PyYAML would read as text. */
function inexact(value: unknown): Fault | undefined {
  if (typeof value === "number") {
    const digits = String(value);
    return /e/i.test(digits) || (Number.isInteger(value) && !Number.isSafeInteger(value))
      ? new Fault(
          "A number of this size is not passed on exactly in a map.",
          "Write the policy as text: put | after `policy:`, and the policy below it.",
        )
      : undefined;
  }
  if (typeof value === "object" && value !== null) {
    for (const item of Object.values(value)) {
      const fault = inexact(item);
      if (fault !== undefined) {
        return fault;
      }
    }
  }
  return undefined;
}

function incomplete(policy: Readonly<Record<string, unknown>>): Fault | undefined {
  const { default: fallback, index } = policy;
  if (!isMap(fallback) || typeof fallback["abe_pol"] !== "string") {
    return new Fault(
      "Without default.abe_pol, the collector leaves out of a record what no rule matches.",
      EXAMPLE,
    );
  }
  const rules = isMap(index) ? [index["exact"], index["regex"]].flat() : [];
  return rules.some((rule) => isMap(rule) && typeof rule["match"] === "string")
    ? undefined
    : new Fault(
        "Without a rule under index (exact or regex, each with match), the collector drops every record.",
        EXAMPLE,
      );
}
