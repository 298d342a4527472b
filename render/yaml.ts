import {
  type CreateNodeOptions,
  Document,
  type DocumentOptions,
  isScalar,
  type SchemaOptions,
  stringify,
  type ToStringOptions,
  visit,
} from "yaml";
import { matchingSecret } from "./check.ts";

/** A value that YAML 1.1 (PyYAML) and 1.2 read alike when written by `renderYaml`. */
export type YamlValue =
  string | number | bigint | boolean | readonly YamlValue[] | { readonly [key: string]: YamlValue };

/**
 * Block-style YAML for PyYAML: every string quoted, since YAML 1.1 reads `012`, `no`, `1:30` and
 * `2020-01-01` as something else, and whole numbers as literal digits. A number that a double can't
 * hold exactly must be a bigint: 2^128-1 written as 3.4e+38 would be read as a float.
 */
export function renderYaml(content: { readonly [key: string]: YamlValue }): string {
  check(content, "");
  return stringify(content, FOR_PYYAML);
}

const MERGE = "tag:yaml.org,2002:merge";
const FOR_PYYAML = {
  version: "1.1",
  // Without the one for merges, which writes the text << without quotes.
  customTags: (tags) => tags.filter((tag) => typeof tag === "string" || tag.tag !== MERGE),
  defaultStringType: "QUOTE_DOUBLE",
  defaultKeyType: "PLAIN",
  aliasDuplicateObjects: false,
  lineWidth: 0,
} as const satisfies DocumentOptions & SchemaOptions & CreateNodeOptions & ToStringOptions;

/**
 * A value of the operator's own, at a key: whatever JSON can say. Its text is in quotes, as in `renderYaml`, and so
 * are keys that are not plain words.
 *
 * @throws RangeError for a number that PyYAML would read as something else
 */
export function renderPlainValue(key: string, value: unknown): string {
  checkNumbers(value, key);
  const document = new Document({ [key]: value }, FOR_PYYAML);
  visit(document, {
    Pair: (_, { key: name }) => {
      if (isScalar(name) && !/^[A-Za-z_][\w.-]*$/.test(String(name.value))) {
        name.type = "QUOTE_DOUBLE";
      }
    },
  });
  const text = document.toString({
    ...FOR_PYYAML,
    doubleQuotedMinMultiLineLength: Number.MAX_SAFE_INTEGER,
  });
  return text.replace(UNREADABLE, escaped);
}

/** What PyYAML takes for a line break, or doesn't read at all. It is in quotes, where an escape means the same. */
const UNREADABLE = /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g;
const escaped = (character: string): string =>
  `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;

function checkNumbers(value: unknown, path: string): void {
  if (typeof value === "number") {
    if (/[en]/i.test(String(value)) || (Number.isInteger(value) && !Number.isSafeInteger(value))) {
      throw new RangeError(`${path} is ${value}, which is not passed on exactly: write it as text`);
    }
  } else if (typeof value === "object" && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      checkNumbers(item, `${path}.${key}`);
    }
  }
}

/** Refuses what YAML would not keep unchanged. Strings may be secret, so no value is shown. */
function check(value: YamlValue, path: string): void {
  if (typeof value === "string") {
    matchingSecret(
      path,
      value,
      /^[^\p{Cc}\p{Cs}\u2028\u2029\uFEFF\uFFFE\uFFFF]*$/u,
      "text of one line without control characters",
    );
  } else if (typeof value === "number" && !Number.isSafeInteger(value)) {
    throw new RangeError(
      `${path} is ${value}, but a number must be a whole one below 2^53; use a bigint`,
    );
  } else if (typeof value === "object") {
    for (const [key, item] of Object.entries(value)) {
      check(item, path === "" ? key : `${path}.${key}`);
    }
  }
}
