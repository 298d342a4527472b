/**
 * Makes the parts of a backup while the services serve. The order is what makes them fit together: first
 * the records, then the accounts, and the keys last. The KMS never removes or changes a key. So whatever key
 * a record or an account needs existed when that was read, and is among the keys that are copied after it.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { isMarkFile } from "../../settings/keptParts.ts";
import { dockerName, parts, type ServiceRole } from "../../names/docker.ts";
import { collectionsOf, piecesOf, shapeOf } from "../../programs/database/collections.ts";
import { filesIn } from "../../programs/volumes/filesIn.ts";
import { engineName } from "../../programs/volumes/keptVolume.ts";
import { UserError } from "../../programs/errors.ts";
import { Counter, type Part, sha256 } from "./contents.ts";
import { type About, FORMAT, type Manifest } from "./manifest.ts";
import { databaseNames, KEYS_FOLDER, type Source, withDatabase } from "./source.ts";

/** Before each copy of the keys. */
const STILL_MS = 1000;
const MOST_COPIES = 60;

export interface Production {
  readonly source: Source;
  readonly created: Date;
  readonly program: string;
  readonly put: (part: Part) => Promise<void>;
}

/** @returns what was put in last */
export async function produce({ source, created, program, put }: Production): Promise<Manifest> {
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
  await add({
    is: "state",
    text: await session.ask(["stack", "export", "--stack", session.stack]),
  });
  await addDatabase(source, "backend", add);
  await addDatabase(source, "kms", add);
  await addKeys(source, counter, add);

  const manifest: Manifest = {
    ...about,
    ...counter.contents(databaseNames(source)),
    versions: {
      program,
      pulumi: (await session.ask(["version"])).trim(),
      docker: session.engine.version,
    },
    engine: (await engineName(session.docker, session.engine.host)).name,
    images: await imagesOf(source),
    state: counter.state,
  };
  await put({ is: "manifest", manifest });
  return manifest;
}

type Add = (part: Part) => Promise<void>;

function addDatabase(source: Source, service: ServiceRole, add: Add): Promise<void> {
  return withDatabase(source, service, async (db) => {
    for (const name of await collectionsOf(db)) {
      await add({ is: "collection", service, name, shape: await shapeOf(db, name) });
      let number = 0;
      for await (const piece of piecesOf(db, name)) {
        number++;
        await add({ is: "records", service, name, number, piece });
      }
    }
  });
}

/**
 * The first copy decides which files there are, since accounts that came later are not in the backup. Further
 * copies only make sure that each file was whole.
 */
async function addKeys(
  { session: { docker }, kms }: Source,
  counter: Counter,
  add: Add,
): Promise<void> {
  for (let copies = 0, isStill = false; !isStill; copies++) {
    if (copies === MOST_COPIES) {
      throw new UserError(`the KMS keeps changing its keys in ${kms}: run this again later`);
    }
    // The KMS stores an account before its key, and may be writing one.
    await sleep(STILL_MS);
    isStill = copies > 0;
    for await (const file of filesIn(docker, kms, KEYS_FOLDER)) {
      const known = counter.keyOf(file.path);
      const isWanted = copies === 0 ? !isMarkFile(file.path) : known !== undefined;
      if (isWanted && known !== sha256(file.content)) {
        isStill = false;
        await add({ is: "key", file });
      }
    }
  }
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
