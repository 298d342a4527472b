/** Whether a database's new image can read the data that the old one wrote: asked before anything is removed. */
import { failedWith, readVersion, stepRefusal, versionOfName } from "../../render/databaseStep.ts";
import type { Docker } from "../docker/docker.ts";
import { exitWords } from "../docker/exitCodes.ts";
import { runTask } from "../docker/task.ts";

/** Who may ask a database for its features: with several passwords, of which it knows one. */
export interface Administrator {
  readonly name: string;
  readonly passwords: readonly string[];
}

export interface StepQuestion {
  readonly dockerHost: string | undefined;
  readonly deployment: string;
  /** The name or id of the database's container. */
  readonly container: string;
  /** The name or id of the image that it is to get. */
  readonly image: string;
  readonly admin: Administrator;
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

/** A sentence that ends a run, or undefined where the image is the same, or may have the data. */
export async function refusedStep(
  docker: Docker,
  { dockerHost, deployment, container, image, admin }: StepQuestion,
): Promise<string | undefined> {
  const [old, fresh] = await Promise.all([
    docker.inspect<ContainerInfo>("container", container),
    docker.inspect<ImageInfo>("image", image),
  ]);
  if (old === undefined || old.Image === fresh?.Id) {
    return undefined;
  }
  const [before, said, features] = await Promise.all([
    askVersion(docker, deployment, old.Image),
    fresh && askVersion(docker, deployment, fresh.Id),
    old.State.Running ? featuresOf(dockerHost, container, admin) : undefined,
  ]);
  const name = fresh?.RepoTags?.[0] ?? image;
  const code = failedWith(said ?? "");
  if (code !== undefined) {
    return `the image ${name} does not run on this engine: its mongod ended with ${exitWords(code)}; the container ${old.Name.slice(1)} is left as it is`;
  }
  return stepRefusal({
    container: old.Name.slice(1),
    image: name,
    before: readVersion(before),
    next: said === undefined ? versionOfName(image) : readVersion(said),
    features,
  });
}

/** The exit code of `mongod` is told as well: a processor without AVX ends it. */
const ASK_VERSION =
  "if command -v mongod >/dev/null; then mongod --version 2>/dev/null; echo exit $?; else ferretdb --version 2>/dev/null || true; fi";

/** By the image's own account. */
function askVersion(docker: Docker, deployment: string, image: string): Promise<string> {
  const args = ["-c", ASK_VERSION];
  return runTask(docker, { image, deployment, user: "999:999", program: "sh", args });
}

/** MongoDB's featureCompatibilityVersion; undefined where there is none, or nobody gets in. */
async function featuresOf(
  dockerHost: string | undefined,
  container: string,
  admin: Administrator,
): Promise<string | undefined> {
  // The driver takes longer to load than all the rest, which is seldom needed.
  const { withMongo } = await import("./mongo.ts");
  for (const password of admin.passwords) {
    try {
      const target = { dockerHost, container, user: admin.name, password, patienceMs: 3000 };
      return await withMongo(target, async (client) => {
        const db = client.db("admin");
        const info = await db.command({ buildInfo: 1 });
        if ("ferretdb" in info || "ferretdbVersion" in info) {
          return undefined;
        }
        const answer = await db.command({ getParameter: 1, featureCompatibilityVersion: 1 });
        const { version } = (answer["featureCompatibilityVersion"] ?? {}) as { version?: unknown };
        return typeof version === "string" ? version : undefined;
      });
    } catch {
      // The next password, or no answer: then the versions alone decide.
    }
  }
  return undefined;
}
