/** The entry of a client in a stack's file, with the request for its certificate. */
import { Document, isMap, isSeq, parseDocument, Scalar, YAMLMap, YAMLSeq } from "yaml";
import { formatPath } from "../../settings/path.ts";
import type { Settings } from "../../settings/types.ts";
import { UserError } from "../../programs/errors.ts";

/** Who gets a certificate. */
export const CLIENTS = formatPath(["clients" satisfies keyof Settings]);

/** The entry's text, as it goes into a stack's file. */
export function renderEntry(name: string, pem: string): string {
  const document = new Document({ config: {} });
  document.setIn(["config", CLIENTS], sequenceOf(entryOf(name, pem)));
  return document.toString(PLAIN).slice("config:\n".length);
}

/** The format of a new text. */
const PLAIN = { lineWidth: 0, indentSeq: true, flowCollectionPadding: true };

/**
 * The ways in which people and programs write such files. Some fold long texts at column 80, and some write
 * `[ a ]` where others write `[a]`.
 */
const FORMATS = [0, 80].flatMap((lineWidth) =>
  [true, false].flatMap((indentSeq) =>
    [true, false].map((flowCollectionPadding) => ({
      lineWidth,
      indentSeq,
      flowCollectionPadding,
    })),
  ),
);

/**
 * Adds the client to the stack file's text. If the client is there with another request, it gets the new one
 * as its next generation, so that the previous certificate stays valid until it is retired. Nothing else
 * changes, not even comments.
 *
 * @param file The file's name, for messages.
 * @throws UserError when the stack created the client's key, or the file's format can't be kept
 */
export function withEntry(
  text: string,
  { name, pem, file }: { readonly name: string; readonly pem: string; readonly file: string },
): string {
  const byHand = new UserError(
    `${file} has a format that this command can't edit: add the entry by hand, under ${CLIENTS}`,
  );
  const document = parseDocument(text, { logLevel: "silent" });
  // The format in which everything but the entry comes out unchanged.
  const format = FORMATS.find(
    (found) => document.errors.length === 0 && document.toString(found) === text,
  );
  const config = document.get("config");
  // What has several lines can't go into a map in braces.
  if (format === undefined || !isMap(config) || config.flow === true) {
    throw byHand;
  }
  const clients = document.getIn(["config", CLIENTS]) ?? undefined;
  if (clients === undefined) {
    document.setIn(["config", CLIENTS], sequenceOf(entryOf(name, pem)));
  } else if (isSeq(clients)) {
    const old = clients.items.find((item) => isMap(item) && item.get("name") === name);
    if (old === undefined) {
      clients.flow = false;
      clients.add(entryOf(name, pem));
    } else if (isMap(old) && old.has("csr")) {
      if (!isSame(old.get("csr"), pem)) {
        old.set("csr", block(pem));
        old.set("generation", Number(old.get("generation") ?? 1) + 1);
      }
    } else {
      throw new UserError(
        `${name} is already in ${file}, with a key that the stack creates: choose another name, or remove that entry first`,
      );
    }
  } else {
    throw byHand;
  }
  return document.toString(format);
}

/** Whether two requests are the same, however their lines end. */
function isSame(old: unknown, pem: string): boolean {
  const bare = (text: string) => text.replaceAll(/\s/g, "");
  return typeof old === "string" && bare(old) === bare(pem);
}

function entryOf(name: string, pem: string): YAMLMap {
  const entry = new YAMLMap();
  entry.set("name", name);
  entry.set("csr", block(pem));
  return entry;
}

function block(pem: string): Scalar {
  const scalar = new Scalar(pem);
  scalar.type = "BLOCK_LITERAL";
  return scalar;
}

function sequenceOf(entry: YAMLMap): YAMLSeq {
  const sequence = new YAMLSeq();
  sequence.add(entry);
  return sequence;
}
