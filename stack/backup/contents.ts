/** The parts of a backup, in their order: about, config, state, records, accounts, keys, further files, manifest. */
import { createHash } from "node:crypto";
import type { z } from "zod";
import { SERVICES, type ServiceRole } from "../../names/docker.ts";
import { parseShape, type Shape, shapeText, Tally } from "../../programs/database/collections.ts";
import type { FileInFolder, StoredFile } from "../../programs/volumes/filesIn.ts";
import { UserError } from "../../programs/errors.ts";
import type { Entry } from "./archive.ts";
import {
  type About,
  about,
  type Contents,
  differences,
  FORMAT,
  type Manifest,
  manifest,
} from "./manifest.ts";

export type Part =
  | { readonly is: "about"; readonly about: About }
  /** The stack's file. Its secrets are encrypted. */
  | { readonly is: "config"; readonly text: string }
  /** What opens those secrets, if it was made by this project. */
  | { readonly is: "passphrase"; readonly text: string }
  /** With its secrets in clear: whoever restores may not have what encrypted them. */
  | { readonly is: "state"; readonly text: string }
  | {
      readonly is: "collection";
      readonly service: ServiceRole;
      readonly name: string;
      readonly shape: Shape;
    }
  | {
      readonly is: "records";
      readonly service: ServiceRole;
      readonly name: string;
      /** Counts from 1. */
      readonly number: number;
      readonly piece: Buffer;
    }
  | { readonly is: "key"; readonly file: FileInFolder }
  | {
      readonly is: "file";
      /** The last part of its volume's name. */
      readonly volume: string;
      readonly file: StoredFile;
    }
  | { readonly is: "manifest"; readonly manifest: Manifest };

const json = (value: unknown) => Buffer.from(`${JSON.stringify(value, undefined, 2)}\n`);

export function entryOf(part: Part): Entry {
  switch (part.is) {
    case "about":
      return { path: "about.json", content: json(part.about) };
    case "config":
    case "passphrase":
    case "state":
      return { path: TEXTS[part.is], content: Buffer.from(part.text) };
    case "collection":
      return {
        path: `${folderOf(part)}/collection.json`,
        content: Buffer.from(shapeText(part.shape)),
      };
    case "records":
      return {
        path: `${folderOf(part)}/${String(part.number).padStart(8, "0")}.bson`,
        content: part.piece,
      };
    case "key":
      return { ...part.file, path: `kms/keys/${part.file.path}` };
    case "file":
      return { ...part.file, path: `volumes/${part.volume}/${part.file.path}` };
    case "manifest":
      return { path: "manifest.json", content: json(part.manifest) };
  }
}

const TEXTS = { config: "config.yaml", passphrase: "passphrase", state: "state.json" } as const;

const folderOf = ({ service, name }: { service: ServiceRole; name: string }) =>
  `${service}/database/${encodeURIComponent(name)}`;

/** @throws UserError for an entry that no backup of this format has */
export function partOf(entry: Entry): Part {
  const { path, content } = entry;
  const [top = "", kind = "", ...rest] = path.split("/");
  const service = SERVICES.find((role) => role === top);
  if (path === "about.json") {
    return { is: "about", about: read(about, content) };
  }
  if (path === "manifest.json") {
    return { is: "manifest", manifest: read(manifest, content) };
  }
  for (const [is, name] of Object.entries(TEXTS)) {
    if (path === name) {
      return { is: is as keyof typeof TEXTS, text: content.toString("utf8") };
    }
  }
  if (service === "kms" && kind === "keys" && rest.length > 0) {
    const { mode = 0o600, uid = 0, gid = 0 } = entry;
    return { is: "key", file: { path: rest.join("/"), content, mode, uid, gid } };
  }
  if (top === "volumes" && rest.length > 0) {
    const { mode = 0o600, uid = 0, gid = 0, type, link } = entry;
    const more = { ...(type && { type }), ...(link !== undefined && { link }) };
    const file = { path: rest.join("/"), content, mode, uid, gid, ...more };
    return { is: "file", volume: kind, file };
  }
  const [folder = "", file = ""] = rest;
  const number = Number(/^(\d+)\.bson$/.exec(file)?.[1]);
  if (service !== undefined && kind === "database" && rest.length === 2) {
    const name = decodeURIComponent(folder);
    if (file === "collection.json") {
      return { is: "collection", service, name, shape: parseShape(content.toString("utf8")) };
    }
    if (number > 0) {
      return { is: "records", service, name, number, piece: content };
    }
  }
  throw new UserError(`the backup has ${path}, which this program does not know`);
}

function read<T>(schema: z.ZodType<T>, content: Buffer): T {
  const value = JSON.parse(content.toString("utf8")) as { format?: unknown };
  if (value.format !== FORMAT) {
    throw new UserError(
      `the backup has format ${String(value.format)}, and this program reads ${FORMAT}: use the version that wrote it`,
    );
  }
  return schema.parse(value);
}

export const sha256 = (content: Buffer | string): string =>
  createHash("sha256").update(content).digest("hex");

/** The digest of a file, or of where a link points to; undefined for a folder. */
export function digestOf({ type, link, content }: StoredFile): string | undefined {
  return type === "directory" ? undefined : sha256(type === "symlink" ? `-> ${link}` : content);
}

/** Counts what goes by. */
export class Counter {
  readonly #collections: Record<ServiceRole, Map<string, Tally>> = {
    kms: new Map(),
    backend: new Map(),
  };
  readonly #keys = new Map<string, string>();
  readonly #volumes: Record<string, Record<string, string>> = {};
  readonly #texts: Record<string, string> = {};

  add(part: Part): void {
    if (part.is === "collection") {
      this.#collections[part.service].set(part.name, new Tally());
    } else if (part.is === "records") {
      this.#collections[part.service].get(part.name)?.add(part.piece);
    } else if (part.is === "key") {
      // A key file that changed meanwhile comes again: the last one counts, as it does for tar.
      this.#keys.set(part.file.path, sha256(part.file.content));
    } else if (part.is === "file") {
      const digest = digestOf(part.file);
      if (digest !== undefined) {
        (this.#volumes[part.volume] ??= {})[part.file.path] = digest;
      }
    } else if (part.is === "state" || part.is === "config" || part.is === "passphrase") {
      this.#texts[part.is] = sha256(part.text);
    }
  }

  /** SHA-256 of the state, the stack's file and the passphrase. */
  get texts(): Manifest["texts"] {
    return { ...this.#texts };
  }

  keyOf(path: string): string | undefined {
    return this.#keys.get(path);
  }

  /** @param names The names of the databases. */
  contents(names: Readonly<Record<ServiceRole, string>>): Contents {
    const database = (service: ServiceRole) => ({
      name: names[service],
      collections: Object.fromEntries(
        [...this.#collections[service]].map(([name, tally]) => [name, tally.read()]),
      ),
    });
    return {
      databases: { kms: database("kms"), backend: database("backend") },
      keys: Object.fromEntries([...this.#keys].sort(([a], [b]) => (a < b ? -1 : 1))),
      volumes: structuredClone(this.#volumes),
    };
  }
}

/**
 * Reads a whole backup and compares it with its manifest.
 *
 * @param name What messages call the file.
 * @throws UserError when it is not what its manifest says
 */
export async function checked(parts: AsyncIterable<Part>, name: string): Promise<Manifest> {
  const counter = new Counter();
  let last: Part | undefined;
  for await (const part of parts) {
    if ((last === undefined) !== (part.is === "about")) {
      throw new UserError(`${name} is not a backup of this program`);
    }
    counter.add(part);
    last = part;
  }
  if (last?.is !== "manifest") {
    throw new UserError(`${name} has no manifest at its end: use another backup`);
  }
  const { manifest } = last;
  const { databases, texts } = manifest;
  const names = {
    kms: databases["kms"]?.name ?? "",
    backend: databases["backend"]?.name ?? "",
  };
  const wrong = [
    ...differences(manifest, counter.contents(names)),
    ...(["config", "passphrase", "state"] as const)
      .filter((name) => counter.texts[name] !== texts[name])
      .map((name) => `its ${TEXTS[name]} is another one`),
  ];
  if (wrong.length > 0) {
    throw new UserError(`${name} is not what its manifest says: ${wrong.join("; ")}`);
  }
  return manifest;
}
