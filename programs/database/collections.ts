/** Reads and writes whole collections of a database, as raw BSON in pieces. */
import { createHash } from "node:crypto";
import { BSON, type Db, type Document } from "mongodb";

/** Bytes in one piece of a collection, and one document more at most. */
const PIECE = 4 * 1024 * 1024;

/** Documents that are written at once. */
const BATCH = 1000;

/** What a collection is, beside its documents: MongoDB's extended JSON keeps the types of numbers. */
export interface Shape {
  readonly options: Document;
  readonly indexes: readonly Document[];
}

export const shapeText = (shape: Shape): string => BSON.EJSON.stringify(shape, { relaxed: false });
export const parseShape = (text: string): Shape =>
  BSON.EJSON.parse(text, { relaxed: false }) as Shape;

/** Collections that a restore has loaded, beside those in use. */
export const LOADED = "cybexp_restoring_";
/** Collections that were in use before a restore. */
export const BEFORE = "cybexp_before_";

/**
 * The names of a database's collections, without views and the server's own.
 *
 * @param prefix Those of a restore. @default those in use
 */
export async function collectionsOf(
  db: Db,
  prefix: typeof LOADED | typeof BEFORE | "" = "",
): Promise<string[]> {
  return (await allOf(db)).filter((name) =>
    prefix === "" ? !name.startsWith(LOADED) && !name.startsWith(BEFORE) : name.startsWith(prefix),
  );
}

async function allOf(db: Db): Promise<string[]> {
  const found = await db.listCollections().toArray();
  return found
    .filter(({ name, type }) => (type ?? "collection") === "collection" && !/^system\./.test(name))
    .map(({ name }) => name)
    .sort();
}

export async function shapeOf(db: Db, name: string): Promise<Shape> {
  const [found] = await db.listCollections({ name }).toArray();
  const indexes = await db.collection(name).listIndexes({ promoteValues: false }).toArray();
  return { options: (found as { options?: Document } | undefined)?.options ?? {}, indexes };
}

/**
 * All documents, in pieces. A document that is added meanwhile may be missing; one that was there before is
 * not.
 */
export async function* piecesOf(db: Db, name: string): AsyncGenerator<Buffer> {
  let piece: Uint8Array[] = [];
  let size = 0;
  // By the index of the ids, no document comes twice or not at all because another one was removed.
  const documents = db.collection(name).find({}, { raw: true, hint: { _id: 1 }, batchSize: 100 });
  for await (const document of documents) {
    const bytes = document as unknown as Uint8Array;
    piece.push(bytes);
    size += bytes.length;
    if (size >= PIECE) {
      yield Buffer.concat(piece);
      [piece, size] = [[], 0];
    }
  }
  if (size > 0) {
    yield Buffer.concat(piece);
  }
}

/** The documents of a piece. @throws RangeError when it is not a row of whole documents */
export function documentsIn(piece: Buffer): Buffer[] {
  const documents: Buffer[] = [];
  for (let at = 0; at < piece.length;) {
    const size = at + 4 <= piece.length ? piece.readInt32LE(at) : 0;
    if (size < 5 || at + size > piece.length) {
      throw new RangeError("a document is cut off");
    }
    documents.push(piece.subarray(at, at + size));
    at += size;
  }
  return documents;
}

/** Counts documents, and makes a digest of them that does not depend on their order. */
export class Tally {
  #records = 0;
  #sum = 0n;

  add(piece: Buffer): void {
    for (const document of documentsIn(piece)) {
      this.#records++;
      const digest = createHash("sha256").update(document).digest("hex");
      this.#sum = BigInt.asUintN(256, this.#sum + BigInt(`0x${digest}`));
    }
  }

  read(): { readonly records: number; readonly digest: string } {
    return { records: this.#records, digest: this.#sum.toString(16).padStart(64, "0") };
  }
}

/** Keeps what JavaScript would take for the same: an integer and a number with a fraction of 0, for one. */
const EXACT = {
  promoteValues: false,
  promoteBuffers: false,
  promoteLongs: false,
  bsonRegExp: true,
} as const;

/** Adds the documents of a piece. */
export async function addPiece(db: Db, name: string, piece: Buffer): Promise<void> {
  const documents = documentsIn(piece).map((bytes) => BSON.deserialize(bytes, EXACT));
  for (let at = 0; at < documents.length; at += BATCH) {
    await db
      .collection(name)
      .insertMany(documents.slice(at, at + BATCH), { ignoreUndefined: false });
  }
}

/** Makes an empty collection with the options and indexes. */
export async function createShaped(db: Db, name: string, shape: Shape): Promise<void> {
  await db.command({ create: name, ...shape.options });
  const indexes = shape.indexes
    .filter((index) => String(index["name"]) !== "_id_")
    // The server chooses the version; `ns` is from before MongoDB 4.4.
    .map((index) =>
      Object.fromEntries(Object.entries(index).filter(([key]) => !/^(v|ns)$/.test(key))),
    );
  if (indexes.length > 0) {
    await db.command({ createIndexes: name, indexes });
  }
}

/** Drops what a restore left under a prefix. */
export async function dropAll(db: Db, prefix: typeof LOADED | typeof BEFORE): Promise<void> {
  for (const name of await collectionsOf(db, prefix)) {
    await db.dropCollection(name);
  }
}

/** Puts what was loaded in the place of what is in use, which stays under another name. */
export async function swapIn(db: Db): Promise<void> {
  // One rename with `dropTarget` would do the same, but FerretDB has none, and the old data would be gone.
  for (const name of await collectionsOf(db)) {
    await db.renameCollection(name, BEFORE + name);
  }
  for (const name of await collectionsOf(db, LOADED)) {
    await db.renameCollection(name, name.slice(LOADED.length));
  }
}

/**
 * Undoes `swapIn`, however far it came.
 *
 * @param originals The collections that were in use before it.
 */
export async function swapBack(db: Db, originals: readonly string[]): Promise<void> {
  const all = await allOf(db);
  for (const name of await collectionsOf(db)) {
    if (!originals.includes(name) || all.includes(BEFORE + name)) {
      await db.dropCollection(name);
    }
  }
  for (const name of originals.filter((each) => all.includes(BEFORE + each))) {
    await db.renameCollection(BEFORE + name, name);
  }
}
