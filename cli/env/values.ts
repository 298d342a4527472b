/** The config of a new environment as it grows, answer by answer. */
import { inconsistencies } from "../../settings/consistency.ts";
import type { Finding } from "../../settings/finding.ts";
import { Fault } from "../../settings/fault.ts";
import { type Path, valueAt } from "../../settings/path.ts";
import { isProduction, unfitForProduction } from "../../settings/production.ts";
import type { Question, Values } from "./question.ts";

/** The config with one more answer in it, or what is wrong with the answer. */
export function answered(values: Values, question: Question, answer: string): Values | Fault {
  const value = question.parse(answer);
  if (value instanceof Fault) {
    return value;
  }
  const next = question.paths.reduce((all, path) => withValue(all, path, value), values);
  if (question.flag === "backend" && value === undefined && isProduction(next)) {
    return new Fault(
      "In this clone the state would lie beside the passphrase that opens it, which a production stack refuses.",
      "Write, for example, file:///srv/cybexp-state or s3://bucket?region=eu-central-1.",
    );
  }
  return findings(next).at(0)?.fault ?? next;
}

/** What the settings will say to the answers so far, across keys. */
function findings(values: Values): Finding[] {
  return [
    ...inconsistencies({ stack: "", values, secretKeys: new Set() }),
    ...unfitForProduction(values),
  ];
}

function withValue(values: Values, path: Path, value: unknown): Values {
  const [first, ...rest] = path.map(String);
  if (first === undefined || value === undefined) {
    return values;
  }
  const below = valueAt(values, [first]) as Values | undefined;
  return { ...values, [first]: rest.length === 0 ? value : withValue(below ?? {}, rest, value) };
}
