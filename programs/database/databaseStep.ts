/** Checks, before anything is removed, that a database's new image can read what the old one wrote. */
import {
  failedWith,
  featureStep,
  type FeatureVerdict,
  readVersion,
  stepRefusal,
  versionOfName,
} from "../../render/databaseStep.ts";
import type { EngineInput } from "../../settings/engineConnection.ts";
import type { FeatureFacts } from "./features.ts";
import type { Docker } from "../docker/docker.ts";
import { exitWords } from "../docker/exitCodes.ts";
import { runTask } from "../docker/task.ts";
import type { Owner } from "../../names/docker.ts";

/** The user who asks a database for its features. The database knows one of the passwords. */
export interface Administrator {
  readonly name: string;
  readonly passwords: readonly string[];
}

export interface StepQuestion {
  readonly dockerHost: EngineInput;
  readonly owner: Owner;
  /** The name or id of the database's container. */
  readonly container: string;
  /** The name or id of its new image. */
  readonly image: string;
  readonly admin: Administrator;
  /** The release whose features its data is to have, if the operator has said so. */
  readonly wanted?: string | undefined;
}

interface ContainerInfo {
  readonly Name: string;
  readonly Image: string;
  readonly State: { readonly Running: boolean };
}

interface ImageInfo {
  readonly Id: string;
  readonly RepoTags?: readonly string[] | null;
}

/** A sentence that ends the run; undefined if the image is the same, or can read the data. */
export async function refusedStep(
  docker: Docker,
  { dockerHost, owner, container, image, admin, wanted }: StepQuestion,
): Promise<string | undefined> {
  const [old, fresh] = await Promise.all([
    docker.inspect<ContainerInfo>("container", container),
    docker.inspect<ImageInfo>("image", image),
  ]);
  if (old === undefined || old.Image === fresh?.Id) {
    return undefined;
  }
  const [before, said, facts] = await Promise.all([
    askVersion(docker, owner, old.Image),
    fresh && askVersion(docker, owner, fresh.Id),
    old.State.Running ? factsOf(dockerHost, container, admin) : undefined,
  ]);
  const name = fresh?.RepoTags?.[0] ?? image;
  const code = failedWith(said ?? "");
  if (code !== undefined) {
    return `the image ${name} does not run on this engine: its mongod ended with ${exitWords(code)}; the container ${old.Name.slice(1)} is unchanged`;
  }
  const running = readVersion(before);
  const written = { features: facts?.features, unfinished: facts?.unfinished };
  const refusal = stepRefusal({
    container: old.Name.slice(1),
    image: name,
    before: running,
    next: said === undefined ? versionOfName(image) : readVersion(said),
    ...written,
  });
  if (refusal !== undefined || wanted === undefined || running === undefined) {
    return refusal;
  }
  // The new release has to show first that it can.
  const step = featureStep({ container: old.Name.slice(1), wanted, running, ...written });
  return step.verdict === "refuse" ? step.sentence : undefined;
}

/** What raising the features of a running database comes to. Changes nothing. */
export async function lookAtFeatures(
  docker: Docker,
  {
    dockerHost,
    container,
    admin,
    wanted,
  }: Pick<StepQuestion, "dockerHost" | "container" | "admin"> & { readonly wanted: string },
): Promise<FeatureVerdict | undefined> {
  const info = await docker.inspect<ContainerInfo>("container", container);
  const facts = info?.State.Running ? await factsOf(dockerHost, container, admin) : undefined;
  // Of a database that does not answer, the program tells when it comes to it.
  return info && facts && featureStep({ container: info.Name.slice(1), wanted, ...facts });
}

/** Also prints the exit code of `mongod`, which crashes on a processor without AVX. */
const ASK_VERSION =
  "if command -v mongod >/dev/null; then mongod --version 2>/dev/null; echo exit $?; else ferretdb --version 2>/dev/null || true; fi";

/** Asks the image for its version. */
function askVersion(docker: Docker, owner: Owner, image: string): Promise<string> {
  const args = ["-c", ASK_VERSION];
  return runTask(docker, { image, ...owner, user: "999:999", program: "sh", args });
}

/** What the database says of its features; undefined if no password works, or it does not answer. */
async function factsOf(
  dockerHost: EngineInput,
  container: string,
  admin: Administrator,
): Promise<FeatureFacts | undefined> {
  // Loaded only when needed, which is rare: the driver takes longer to load than everything else.
  const { withMongo } = await import("./mongo.ts");
  const { readFeatures } = await import("./features.ts");
  for (const password of admin.passwords) {
    try {
      const target = { dockerHost, container, user: admin.name, password, patienceMs: 3000 };
      return await withMongo(target, (client) => readFeatures(client.db("admin")));
    } catch {
      // Try the next password. Without an answer, the versions alone decide.
    }
  }
  return undefined;
}
