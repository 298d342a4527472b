/** Builds the config of a new environment, answer by answer. */
import { Fault, type Parser } from "../../settings/fault.ts";
import { type Path, valueAt } from "../../settings/path.ts";
import { readPart, readValue } from "../../settings/read.ts";
import { BACKEND_EXAMPLES, STATE_IN_CLONE } from "../../settings/state.ts";
import { isProduction, type Question, type Values } from "./question.ts";

/** The config with one more answer, or what is wrong with the answer. */
export function answered(values: Values, question: Question, answer: string): Values | Fault {
  const value = (question.parse ?? byKey(question))(answer);
  if (value instanceof Fault) {
    return value;
  }
  const next = question.paths.reduce((all, path) => withValue(all, path, value), values);
  if (question.flag === "backend" && value === undefined && isProduction(next)) {
    return new Fault(
      `This is a production stack, and ${STATE_IN_CLONE}.`,
      `Write, for example, ${BACKEND_EXAMPLES}.`,
    );
  }
  return readPart(next).findings.at(0)?.fault ?? next;
}

/** Checks an answer with the settings. An endpoint goes into the file as it was typed. */
function byKey({ paths: [path = []] }: Question): Parser<unknown> {
  return (answer) => {
    const value = readValue(path, answer);
    return value instanceof Fault || typeof value !== "object" ? value : answer;
  };
}

function withValue(values: Values, path: Path, value: unknown): Values {
  const [first, ...rest] = path.map(String);
  if (first === undefined || value === undefined) {
    return values;
  }
  const below = valueAt(values, [first]) as Values | undefined;
  return { ...values, [first]: rest.length === 0 ? value : withValue(below ?? {}, rest, value) };
}
