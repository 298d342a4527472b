/** What a backup says about itself, and whether what is in it is that. */
import { z } from "zod";

/** Raised when an earlier program could not read a backup any more. */
export const FORMAT = 1;

/** The first entry: what must be known before the rest is read. */
export const about = z.object({
  format: z.literal(FORMAT),
  stack: z.string(),
  /** The deployment's id. */
  deployment: z.string(),
  /** When it was begun, ISO 8601. */
  created: z.iso.datetime(),
});
export type About = z.infer<typeof about>;

const collection = z.object({
  records: z.number().int().min(0),
  /** The sum of the records' SHA-256, so that their order does not matter. */
  digest: z.string(),
});

const contents = z.object({
  /** By service. */
  databases: z.record(
    z.string(),
    z.object({ name: z.string(), collections: z.record(z.string(), collection) }),
  ),
  /** SHA-256 of the KMS's key files, by name. */
  keys: z.record(z.string(), z.string()),
  /** SHA-256 of the files in further volumes, by the last part of the volume's name. */
  volumes: z.record(z.string(), z.record(z.string(), z.string())),
});
/** What was counted, on either side. */
export type Contents = z.infer<typeof contents>;

/** The last entry. */
export const manifest = about.extend({
  ...contents.shape,
  /** Users of the KMS that have no key. */
  keyless: z.array(z.string()),
  versions: z.object({ program: z.string(), pulumi: z.string(), docker: z.string() }),
  engine: z.string(),
  /** By role. */
  images: z.record(z.string(), z.object({ id: z.string(), names: z.array(z.string()) })),
  /** SHA-256 of what is text: the state, the stack's file and its passphrase. */
  texts: z.object({
    state: z.string().optional(),
    config: z.string().optional(),
    passphrase: z.string().optional(),
  }),
});
export type Manifest = z.infer<typeof manifest>;

/** What is not as it should be, in a few words each. */
export function differences(wanted: Contents, found: Contents): string[] {
  return [
    ...compare(collectionsIn(wanted), collectionsIn(found), {
      missing: (name) => `the collection ${name} is missing`,
      more: (name) => `the collection ${name} is too much`,
      other: (name, a, b) =>
        a.records === b.records
          ? `the collection ${name} has other records`
          : `the collection ${name} has ${b.records} records instead of ${a.records}`,
    }),
    ...compare(wanted.keys, found.keys, {
      missing: (name) => `the key file ${name} is missing`,
      more: (name) => `the key file ${name} is too much`,
      other: (name) => `the key file ${name} is another one`,
    }),
    ...compare(filesIn(wanted), filesIn(found), {
      missing: (name) => `the file ${name} is missing`,
      more: (name) => `the file ${name} is too much`,
      other: (name) => `the file ${name} is another one`,
    }),
  ];
}

function collectionsIn({ databases }: Contents): Record<string, z.infer<typeof collection>> {
  return Object.fromEntries(
    Object.entries(databases).flatMap(([service, { collections }]) =>
      Object.entries(collections).map(([name, tally]) => [`${service}/${name}`, tally] as const),
    ),
  );
}

function filesIn({ volumes }: Contents): Record<string, string> {
  return Object.fromEntries(
    Object.entries(volumes).flatMap(([volume, files]) =>
      Object.entries(files).map(([name, digest]) => [`${volume}/${name}`, digest] as const),
    ),
  );
}

function compare<T>(
  wanted: Readonly<Record<string, T>>,
  found: Readonly<Record<string, T>>,
  words: {
    readonly missing: (name: string) => string;
    readonly more: (name: string) => string;
    readonly other: (name: string, wanted: T, found: T) => string;
  },
): string[] {
  const missing = Object.entries(wanted).flatMap(([name, value]) => {
    const other = found[name];
    return other === undefined
      ? [words.missing(name)]
      : JSON.stringify(other) === JSON.stringify(value)
        ? []
        : [words.other(name, value, other)];
  });
  const more = Object.keys(found).filter((name) => !Object.hasOwn(wanted, name));
  return [...missing, ...more.map(words.more)];
}

/** For people: a line for each collection and key file, with the beginning of a fingerprint. */
export function describe({ databases, keys, volumes }: Contents): string[] {
  return [
    ...Object.entries(databases).flatMap(([service, { collections }]) =>
      Object.entries(collections).map(
        ([name, { records }]) =>
          `${service}/${name}: ${records} ${records === 1 ? "record" : "records"}`,
      ),
    ),
    ...Object.entries(keys).map(([name, digest]) => `${name}: SHA-256 ${digest.slice(0, 16)}...`),
    ...Object.entries(volumes).map(
      ([name, files]) => `${name}: ${Object.keys(files).length} files`,
    ),
  ];
}
