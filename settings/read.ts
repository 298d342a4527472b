/** From a stack's raw configuration to its settings, or to one report of all that is wrong with it. */
import type { z } from "zod";
import { inconsistencies } from "./consistency.ts";
import type { Finding } from "./finding.ts";
import { Fault } from "./fault.ts";
import { nearest } from "./nearest.ts";
import { formatPath, type Path, valueAt } from "./path.ts";
import { type Problem, SettingsError } from "./problem.ts";
import { unfitForProduction } from "./production.ts";
import type { RawConfig } from "./rawConfig.ts";
import { schema } from "./schema.ts";
import { Redactor } from "./secrecy.ts";
import { along, docOf, itemOf, keysOf } from "./tree.ts";
import type { Settings } from "./types.ts";

/**
 * Validates a stack's configuration and applies the defaults.
 *
 * @throws SettingsError with every problem found, none of them showing a secret.
 */
export function readSettings(given: RawConfig): Settings {
  const { settings, findings } = examine(given);
  if (settings !== undefined && findings.length === 0) {
    return settings;
  }
  throw refusal(given, findings);
}

/**
 * Validates what can be read of a configuration with encrypted values.
 *
 * @param encrypted What stands in the place of each: of the value itself nothing is said.
 * @throws SettingsError as `readSettings`
 */
export function checkReadable(given: RawConfig, encrypted: string): void {
  const findings = examine(given).findings.filter(
    ({ path }) => valueAt(given.values, path) !== encrypted,
  );
  if (findings.length > 0) {
    throw refusal(given, findings);
  }
}

function examine(given: RawConfig): { settings: Settings | undefined; findings: Finding[] } {
  const raw = { ...given, values: withoutUnused(given.values) };
  const result = schema.safeParse(raw.values);
  const findings = [
    ...(result.success ? [] : result.error.issues.flatMap(explain)),
    ...inconsistencies(raw),
    ...unfitForProduction(raw.values),
  ];
  return { settings: result.data, findings };
}

function refusal(given: RawConfig, findings: readonly Finding[]): SettingsError {
  const redactor = new Redactor(given);
  return new SettingsError(
    given.stack,
    findings.map((finding) => toProblem(finding, redactor)),
  );
}

/** An empty map is what Pulumi.yaml has for a part that a stack does without. */
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

function explain(issue: z.core.$ZodIssue): Finding[] {
  const path = issue.path;
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ path: [...path, key], fault: unknownKey(path, key) }));
  }
  if (issue.code === "custom" && issue.params?.["fault"] instanceof Fault) {
    return [{ path, fault: issue.params["fault"] }];
  }
  return [{ path, fault: wrongShape(path) }];
}

function unknownKey(path: Path, key: string): Fault {
  const known = Object.keys(keysOf(along(schema, path).at(-1) ?? schema) ?? {});
  const meant = nearest(key, known);
  if (meant !== undefined) {
    return new Fault("This key is not known.", `Did you mean ${formatPath([...path, meant])}?`);
  }
  const elsewhere = placesOf(key).map((place) => formatPath(place));
  return elsewhere.length > 0
    ? new Fault("This key is not known here.", `Move it to ${elsewhere.join(" or ")}.`)
    : new Fault("This key is not known.", `Remove it. Known here: ${known.join(", ")}.`);
}

/** Where else in the configuration a key of this name has its place. */
function placesOf(name: string): Path[] {
  const search = (found: z.core.$ZodType, path: Path): Path[] =>
    Object.entries(keysOf(found) ?? {}).flatMap(([key, child]) => [
      ...(key === name ? [[...path, key]] : []),
      ...search(child, [...path, key]),
    ]);
  return search(schema, []);
}

/** Neither a value's own fault nor an unknown key: a map or a list that isn't one, or an empty list. */
function wrongShape(path: Path): Fault {
  const found = along(schema, path).at(-1) ?? schema;
  const { example, allowed } = docOf(found) ?? {};
  const remedy =
    example === undefined ? "Write its keys below it." : `Write, for example, ${example}.`;
  return itemOf(found) === undefined
    ? new Fault(`Allowed: a map of ${Object.keys(keysOf(found) ?? {}).join(", ")}.`, remedy)
    : new Fault(
        `Allowed: a list${allowed === undefined ? "" : " with at least one item"}.`,
        remedy,
      );
}
