/** The config.yaml of a module that its operator has changed. */
import { isMap, parse, parseDocument, Scalar } from "yaml";
import { UserError } from "../../programs/errors.ts";

/** What a rotation changes. The rest is the operator's. */
const RENEWED = [
  ["kms_access_key"],
  ["basic_auth", "user"],
  ["basic_auth", "pass"],
  ["kms", "url"],
  ["backend_server", "url"],
] as const;

/**
 * The operator's text with the credentials and URLs of the fresh one. Comments and everything else stay.
 *
 * @param file How the message calls it.
 * @throws UserError when the text is no configuration
 */
export function renewed(existing: string, fresh: string, file: string): string {
  // As PyYAML reads it.
  const options = { version: "1.1", intAsBigInt: true, logLevel: "silent" } as const;
  const document = parseDocument(existing, options);
  if (document.errors.length > 0 || !isMap(document.contents)) {
    throw new UserError(
      `${file} was changed and is no longer a configuration in YAML: mend it, or write a new one with --overwrite`,
    );
  }
  const values = parse(fresh, options) as Record<string, unknown>;
  for (const path of RENEWED) {
    const [section, key] = path;
    const parent = values[section];
    const value = key === undefined ? parent : (parent as Record<string, unknown>)[key];
    const scalar = new Scalar(String(value));
    scalar.type = Scalar.QUOTE_DOUBLE;
    if (key !== undefined) {
      inBlock(document.get(section), () => document.set(section, document.createNode({})));
    }
    document.setIn(path, scalar);
  }
  return document.toString({ lineWidth: 0 });
}

/** collector.sh reads these sections with sed, so their keys must have lines of their own. */
function inBlock(section: unknown, make: () => void): void {
  if (isMap(section)) {
    section.flow = false;
  } else {
    make();
  }
}
