/** Pulls or builds the demo images that a stack needs. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Engine } from "./engine.ts";
import { baseImage, baseRecipe, makeBase, prepareBase, type Suite } from "./images/base.ts";
import { catalogue as demoCatalogue, type DemoImage, officialBase } from "./images/catalogue.ts";
import { type ContextFile, contextKey, readContext, withContext } from "./images/context.ts";
import { certbotWheels, fetchCertbot } from "./images/certbot.ts";
import { buildFerretdb, ferretdbPath, ferretdbRecipe } from "./images/ferretdb.ts";
import { Registry, type RegistryOptions } from "./images/registry.ts";
import { findImages, isCurrent, KEY_LABEL } from "./images/state.ts";
import { Docker } from "../programs/docker/docker.ts";
import { UserError } from "../programs/errors.ts";
import { projectRoot } from "./paths.ts";
import { type Step, step } from "./progress.ts";

const PREFIX = "cybexp-demo/";

/** The names of all demo images. */
export const demoImages: readonly string[] = demoCatalogue.map(({ name }) => name);

export interface ImagesOptions extends RegistryOptions {
  /** @default the demo images of this project */
  readonly catalogue?: readonly DemoImage[];
}

/**
 * Makes sure that the engine has the demo images among the given ones, as this clone describes them. Pulls
 * the official image if there is one and a registry answers; otherwise builds the image from Debian
 * packages. Other images are left to Pulumi.
 *
 * @param images References as in the stack's config.
 * @throws UserError when a demo image is unknown, or can neither be pulled nor built
 */
export async function ensureImages(
  engine: Engine,
  images: readonly string[],
  options: ImagesOptions = {},
): Promise<void> {
  const docker = new Docker(engine.host);
  const { missing, stale } = await outdated(docker, images, options.catalogue);
  if (missing.length + stale.length > 0) {
    await make(docker, [...missing, ...stale], new Registry(docker, options));
  }
}

/** The names of the demo images that `ensureImages` would pull or build. Changes nothing. */
export async function demosToMake(
  engine: Engine,
  images: readonly string[],
): Promise<{ readonly missing: readonly string[]; readonly stale: readonly string[] }> {
  const { missing, stale } = await outdated(new Docker(engine.host), images);
  return { missing: missing.map(({ name }) => name), stale: stale.map(({ name }) => name) };
}

/** The demo images that are missing, and those that differ from what this clone describes. */
async function outdated(
  docker: Docker,
  images: readonly string[],
  catalogue: readonly DemoImage[] = demoCatalogue,
): Promise<{ readonly missing: Described[]; readonly stale: Described[] }> {
  const wanted = pick(images, catalogue).map(describe);
  const found = await findImages(
    docker,
    wanted.map(({ name }) => name),
  );
  const old = wanted.filter((image) => !isCurrent(image.name, image, found));
  const isThere = ({ name }: Described) => found.some(({ tags }) => tags.includes(name));
  return { missing: old.filter((image) => !isThere(image)), stale: old.filter(isThere) };
}

/** A demo image and the files that it is built from. */
interface Described extends DemoImage {
  readonly suite: Suite;
  readonly files: readonly ContextFile[];
  readonly key: string;
}

/** The demo images among the names, each once. */
export function pick(names: readonly string[], catalogue: readonly DemoImage[]): DemoImage[] {
  return [...new Set(names)]
    .filter((name) => name.startsWith(PREFIX))
    .map((name) => {
      const image = catalogue.find((entry) => entry.name === name);
      if (image === undefined) {
        const known = catalogue.map((entry) => entry.name).join(", ");
        throw new UserError(`There is no demo image ${name}. The demo images are ${known}.`);
      }
      return image;
    });
}

function describe({ suite = "bookworm", ...image }: DemoImage): Described {
  const folderOf = (name: string) => join(projectRoot, "images", name);
  const files = [
    ...readContext(folderOf(image.folder)),
    ...(image.libraries ?? []).flatMap((library) =>
      readContext(folderOf(library)).map((file) => ({ ...file, path: `${library}/${file.path}` })),
    ),
  ];
  const recipes = [
    baseRecipe(suite),
    ...(image.ingredients.includes("ferretdb") ? [ferretdbRecipe] : []),
  ];
  return { ...image, suite, files, key: contextKey(files, recipes) };
}

async function make(
  docker: Docker,
  images: readonly Described[],
  registry: Registry,
): Promise<void> {
  const toBuild: Described[] = [];
  for (const image of images) {
    if (image.official === undefined || !(await useOfficial(docker, registry, image))) {
      toBuild.push(image);
    }
  }
  if (toBuild.length > 0) {
    await build(docker, toBuild, registry);
  }
}

/** Gives the official image our name. Returns whether it could be pulled. */
async function useOfficial(
  docker: Docker,
  registry: Registry,
  { name, official = "" }: Described,
): Promise<boolean> {
  const reference = registry.reference(official);
  const there = (await findImages(docker, [reference])).length > 0;
  if (!there && !(await registry.pull(official))) {
    return false;
  }
  await docker.run(["tag", reference, name]);
  return true;
}

async function build(
  docker: Docker,
  images: readonly Described[],
  registry: Registry,
): Promise<void> {
  const architecture = await docker.run(["version", "--format", "{{.Server.Arch}}"]);
  const bases = new Map<Suite, string | undefined>();
  for (const suite of new Set(images.map((image) => image.suite))) {
    bases.set(suite, await findBase(docker, registry, architecture, suite));
  }
  const needed = ingredientsOf(images, architecture);

  const missing: { name: string; make: (progress: Step) => Promise<void> }[] = [
    ...[...bases].flatMap(([suite, base]) =>
      base === undefined
        ? [{ name: `a minimal Debian ${suite}`, make: () => makeBase(docker, suite) }]
        : [],
    ),
    ...needed.filter(({ path }) => !existsSync(path)),
  ];
  if (missing.length > 0) {
    const title = `Building ${missing.map(({ name }) => name).join(" and ")} for the demo images`;
    // Both at once: one waits for the network while the other compiles.
    await step(title, (progress) => allOf(missing.map(({ make }) => make(progress))));
  }
  for (const image of images) {
    const parts = needed.filter(({ ingredient }) => image.ingredients.includes(ingredient));
    const made = Object.fromEntries(parts.map(({ as, path }) => [as, path]));
    await buildOne(docker, image, bases.get(image.suite) ?? baseImage(image.suite), made);
  }
}

/** What is built outside the images' folders: where it is then, and what the build calls it. */
function ingredientsOf(images: readonly Described[], architecture: string) {
  const all = [
    {
      ingredient: "ferretdb" as const,
      name: "FerretDB",
      path: ferretdbPath(architecture),
      as: "ferretdb-server",
      make: (progress: Step) => buildFerretdb(architecture, progress),
    },
    {
      ingredient: "certbot" as const,
      name: "certbot's packages",
      path: certbotWheels(architecture),
      as: "wheels",
      make: (progress: Step) => fetchCertbot(architecture, progress),
    },
  ];
  return all.filter(({ ingredient }) =>
    images.some(({ ingredients }) => ingredients.includes(ingredient)),
  );
}

/** The base to build on; undefined if it must be built first, and can be. */
async function findBase(
  docker: Docker,
  registry: Registry,
  architecture: string,
  suite: Suite,
): Promise<string | undefined> {
  const official = officialBase(suite);
  if (await registry.pull(official)) {
    return registry.reference(official);
  }
  const own = baseImage(suite);
  if ((await findImages(docker, [own])).length > 0) {
    return own;
  }
  await prepareBase(architecture, registry.unreachable ?? `${official} is not available`);
  return undefined;
}

async function buildOne(
  docker: Docker,
  image: Described,
  base: string,
  made: Readonly<Record<string, string>>,
): Promise<void> {
  await step(`Building the demo image ${image.name}`, (progress) =>
    withContext(image.files, made, async (folder) => {
      // The engine sets the name at the very end, so an interrupted build has none.
      const { code, all } = await docker.attempt(
        [
          "build",
          "--network=host",
          `--build-arg=BASE=${base}`,
          `--label=${KEY_LABEL}=${image.key}`,
          `--tag=${image.name}`,
          folder,
        ],
        {
          env: builderEnv(),
          timeoutSeconds: Infinity,
          onLine: (line) => progress.detail(line),
        },
      );
      if (code !== 0) {
        const words = all.trim().split("\n").slice(-15).join("\n");
        throw new UserError(`docker build failed: ${words || "no output"}`);
      }
    }),
  );
}

/** Chooses the older builder where the newer one (buildx) is not installed. */
function builderEnv(): NodeJS.ProcessEnv {
  const hasBuildx = spawnSync("docker", ["buildx", "version"], { stdio: "ignore" }).status === 0;
  return hasBuildx ? {} : { DOCKER_BUILDKIT: "0" };
}

/** Waits for all, even if one fails, so that nothing is left running behind an error. */
async function allOf(works: readonly Promise<unknown>[]): Promise<void> {
  const results = await Promise.allSettled(works);
  for (const result of results) {
    if (result.status === "rejected") {
      throw result.reason;
    }
  }
}
