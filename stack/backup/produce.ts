/** Makes a backup of a deployed stack, part by part. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ACME_VOLUME, dockerName, ours, parts, type ServiceRole } from "../../names/docker.ts";
import { VOLUME } from "../../names/types.ts";
import { usersCollection } from "../../render/kmsConfig.ts";
import type { Settings } from "../../settings/types.ts";
import { localDir } from "../../machine/paths.ts";
import { collectionsOf, piecesOf, shapeOf } from "../../programs/database/collections.ts";
import { allInVolume, filesIn } from "../../programs/volumes/filesIn.ts";
import { engineName } from "../../programs/volumes/keptVolume.ts";
import { stackFile } from "../configFile.ts";
import { Counter, type Part } from "./contents.ts";
import { type About, FORMAT, type Manifest } from "./manifest.ts";
import { type CollectionPart, type Readers, readParts } from "./readParts.ts";
import { databaseNames, KEYS_FOLDER, type Source, withDatabase } from "./source.ts";

export interface Production {
  readonly source: Source;
  readonly settings: Pick<Settings, "kms">;
  readonly created: Date;
  readonly program: string;
  readonly put: (part: Part) => Promise<void>;
}

/** @returns what was put in last */
export async function produce(production: Production): Promise<Manifest> {
  const { source, settings, created, program, put } = production;
  const { session, deployment } = source;
  const counter = new Counter();
  const add = async (part: Part) => {
    counter.add(part);
    await put(part);
  };
  const about: About = {
    format: FORMAT,
    stack: session.stack,
    deployment,
    created: created.toISOString(),
  };
  await add({ is: "about", about });
  const users = usersCollection(settings.kms.config);
  const { keyless } = await readParts({ readers: readersOf(source), users, add });

  const manifest: Manifest = {
    ...about,
    ...counter.contents(databaseNames(source)),
    keyless: [...keyless],
    versions: {
      program,
      pulumi: (await session.ask(["version"])).trim(),
      docker: session.engine.version,
    },
    engine: (await engineName(session.docker, session.engine.host)).name,
    images: await imagesOf(source),
    texts: counter.texts,
  };
  await put({ is: "manifest", manifest });
  return manifest;
}

function readersOf(source: Source): Readers {
  const { session, kms, deployment, state } = source;
  const { stack, docker } = session;
  return {
    config: () =>
      Promise.resolve({
        text: readFileSync(stackFile(stack), "utf8"),
        passphrase: session.embedded ? ownPassphrase() : undefined,
      }),
    state: () => session.ask(["stack", "export", "--show-secrets", "--stack", stack]),
    collections: (service, each) => collectionsIn(source, service, each),
    keys: () => filesIn(docker, kms, KEYS_FOLDER),
    volumes: () =>
      [ACME_VOLUME].filter((part) =>
        state.resources.some(
          ({ type, inputs }) => type === VOLUME && inputs?.["name"] === dockerName(stack, part),
        ),
      ),
    filesOf: (volume) =>
      allInVolume(docker, { volume: dockerName(stack, volume), ...ours(deployment) }),
  };
}

/** The passphrase that was generated for this clone; undefined if the operator has chosen one. */
function ownPassphrase(): string | undefined {
  const { PULUMI_CONFIG_PASSPHRASE, PULUMI_CONFIG_PASSPHRASE_FILE } = process.env;
  return PULUMI_CONFIG_PASSPHRASE === undefined && PULUMI_CONFIG_PASSPHRASE_FILE === undefined
    ? readFileSync(join(localDir, "passphrase"), "utf8")
    : undefined;
}

function collectionsIn(
  source: Source,
  service: ServiceRole,
  each: (part: CollectionPart) => Promise<void>,
): Promise<void> {
  return withDatabase(source, service, async (db) => {
    for (const name of await collectionsOf(db)) {
      await each({ is: "collection", service, name, shape: await shapeOf(db, name) });
      let number = 0;
      for await (const piece of piecesOf(db, name)) {
        number++;
        await each({ is: "records", service, name, number, piece });
      }
    }
  });
}

interface ContainerInfo {
  readonly Image: string;
}
interface ImageInfo {
  readonly RepoTags: readonly string[] | null;
  readonly RepoDigests?: readonly string[] | null;
}

async function imagesOf({ session: { docker, stack } }: Source): Promise<Manifest["images"]> {
  const images: Manifest["images"] = {};
  for (const role of parts.container) {
    const container = await docker.inspect<ContainerInfo>("container", dockerName(stack, role));
    const id = container?.Image;
    const image = id === undefined ? undefined : await docker.inspect<ImageInfo>("image", id);
    if (id !== undefined) {
      images[role] = { id, names: [...(image?.RepoTags ?? []), ...(image?.RepoDigests ?? [])] };
    }
  }
  return images;
}
