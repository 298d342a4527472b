/** The entry of a client in a stack's file, with the request that its certificate is made for. */
import { Document, isMap, isSeq, parseDocument, Scalar, YAMLMap, YAMLSeq } from "yaml";
import { formatPath } from "../../settings/path.ts";
import type { Settings } from "../../settings/types.ts";
import { UserError } from "../../programs/errors.ts";

/** Who gets a certificate. */
export const CLIENTS = formatPath(["clients" satisfies keyof Settings]);

/** As it stands in a stack's file. */
export function renderEntry(name: string, pem: string): string {
  const document = new Document({ config: {} });
  document.setIn(["config", CLIENTS], sequenceOf(entryOf(name, pem)));
  return document.toString(FORMATS[0]).slice("config:\n".length);
}

/** As people and programs write such files; some fold long texts at the 80th column. */
const FORMATS = [
  { lineWidth: 0, indentSeq: true },
  { lineWidth: 0, indentSeq: false },
  { lineWidth: 80, indentSeq: true },
  { lineWidth: 80, indentSeq: false },
] as const;

/**
 * The stack file's text with the client in it: a new one, or the same client with another request,
 * which is its next generation, so that the certificate before stays good until it is retired. Nothing
 * else changes, comments included.
 *
 * @param file The file's name, for messages.
 * @throws UserError When the client has a key of the stack's making, or the file can't be edited so.
 */
export function withEntry(
  text: string,
  { name, pem, file }: { readonly name: string; readonly pem: string; readonly file: string },
): string {
  const byHand = new UserError(
    `${file} is written in a way that this can't edit: put the entry there by hand, under ${CLIENTS}`,
  );
  const document = parseDocument(text, { logLevel: "silent" });
  // The one in which nothing but the entry comes out other than it was.
  const format = FORMATS.find(
    (found) => document.errors.length === 0 && document.toString(found) === text,
  );
  if (format === undefined || !isMap(document.get("config"))) {
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
        `${name} is in ${file} already, with a key that the stack makes: take another name, or remove that entry first`,
      );
    }
  } else {
    throw byHand;
  }
  return document.toString(format);
}

/** Whether it is the request that is there already, however its lines end. */
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
