/** Turns a stack's raw configuration into its settings, or into one report of all that is wrong with it. */
import { isDeepStrictEqual } from "node:util";
import type { z } from "zod";
import { inconsistencies } from "./consistency.ts";
import { missingImage } from "./databaseFaults.ts";
import { explain, refusal } from "./explain.ts";
import type { Finding } from "./fault.ts";
import { type Path, valueAt } from "./path.ts";
import { type Problem, SettingsError } from "./problem.ts";
import { unfitForProduction } from "./production.ts";
import type { RawConfig } from "./rawConfig.ts";
import { schema } from "./schema.ts";
import { secretsInClear, Redactor } from "./secrecy.ts";
import { schemaAt } from "./tree.ts";
import type { PartialSettings, Settings } from "./types.ts";

/**
 * Validates a stack's configuration and applies the defaults.
 *
 * @throws SettingsError with every problem found. It shows no secret.
 */
export function readSettings(given: RawConfig): Settings {
  const { settings, findings } = examine(given);
  if (findings.length > 0) {
    throw report(given, findings);
  }
  return settings as Settings; // Complete, since there is no mistake.
}

/**
 * Validates what can be read of a configuration with encrypted values.
 *
 * @param encrypted The placeholder for each encrypted value. Nothing is reported about such a value.
 * @throws SettingsError as `readSettings`
 */
export function checkReadable(given: RawConfig, encrypted: string): void {
  const findings = examine(given).findings.filter(
    ({ path }) => valueAt(given.values, path) !== encrypted,
  );
  if (findings.length > 0) {
    throw report(given, findings);
  }
}

function examine(given: RawConfig): { settings: PartialSettings; findings: Finding[] } {
  const raw = { ...given, values: withoutUnused(given.values) };
  const { settings, mistakes } = parseAll(raw.values);
  return {
    settings,
    findings: [...mistakes, ...missingImage(raw.values), ...contradictions(settings, raw)],
  };
}

function report(given: RawConfig, findings: readonly Finding[]): SettingsError {
  const redactor = new Redactor(given);
  return new SettingsError(
    given.stack,
    findings.map((finding) => toProblem(finding, redactor)),
  );
}

/** The valid part of a configuration that may be incomplete, and its mistakes across keys. */
export function readPart(values: RawConfig["values"]) {
  const { settings } = parseAll(values);
  const raw = { stack: "", values, secretKeys: new Set<string>() };
  return { settings, findings: contradictions(settings, raw) };
}

/** One value after parsing, or why its key can't have it. */
export function readValue(path: Path, raw: unknown): unknown {
  const found = schemaAt(path);
  const { value, issues } = run(found, raw);
  return issues.length === 0 ? value : refusal(found, raw, issues[0]);
}

/** Everything that shows only across keys. */
function contradictions(settings: PartialSettings, raw: RawConfig): Finding[] {
  return [
    ...inconsistencies(settings, raw.values),
    ...secretsInClear(raw),
    ...unfitForProduction(settings),
  ];
}

/** Everything that parses, and a finding for each value that doesn't. */
function parseAll(values: unknown) {
  const { value, issues } = run(schema, values);
  for (const { code, path = [] } of issues) {
    const holder = valueAt(value, path.slice(0, -1)) as Record<PropertyKey, unknown>;
    const last = path.at(-1);
    if (code !== "unrecognized_keys" && last !== undefined) {
      holder[last] = undefined;
    }
  }
  return {
    settings: value as PartialSettings,
    mistakes: issues.flatMap((issue) => explain(issue, values)),
  };
}

/**
 * Like `safeParse`, but keeps what could be parsed when something else couldn't. A value that several
 * checks refuse has one issue.
 */
function run(found: z.core.$ZodType, raw: unknown) {
  // None of our parsers waits for anything, so the payload comes at once.
  const { value, issues } = found._zod.run(
    { value: raw, issues: [] },
    { async: false },
  ) as z.core.ParsePayload;
  const isFirst = ({ path }: z.core.$ZodRawIssue, index: number) =>
    index === 0 || !isDeepStrictEqual(path, issues[index - 1]?.path);
  return { value, issues: issues.filter(isFirst) };
}

/** Pulumi.yaml has an empty map for a part that a stack doesn't use. */
function withoutUnused(values: RawConfig["values"]): RawConfig["values"] {
  const { kapow, ...others } = values;
  const unused = typeof kapow === "object" && kapow !== null && Object.keys(kapow).length === 0;
  return unused && !Array.isArray(kapow) ? others : values;
}

function toProblem({ path, fault }: Finding, redactor: Redactor): Problem {
  const value = redactor.value(path, fault.shown);
  return {
    path: redactor.path(path),
    ...(value !== undefined && { value }),
    reason: fault.reason,
    remedy: fault.remedy,
  };
}
