/** The demo images: there when the stack needs them, pulled or made. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Engine } from "./engine.ts";
import { baseImage, baseRecipe, makeBase, prepareBase, type Suite } from "./images/base.ts";
import { catalogue as demoCatalogue, type DemoImage, officialBase } from "./images/catalogue.ts";
import { type ContextFile, contextKey, readContext, withContext } from "./images/context.ts";
import { type DockerCommand, dockerCommand } from "./images/dockerCommand.ts";
import { certbotWheels, fetchCertbot } from "./images/certbot.ts";
import { buildFerretdb, ferretdbPath, ferretdbRecipe } from "./images/ferretdb.ts";
import { Registry, type RegistryOptions } from "./images/registry.ts";
import { findImages, isCurrent, KEY_LABEL } from "./images/state.ts";
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
 * Makes sure that the engine has those of the images that are demo images, and has them as this
 * clone describes them. The official image is pulled where there is one and a registry answers;
 * otherwise the image is built from Debian packages. Other images are left to Pulumi.
 *
 * @param images References as in the stack's config.
 * @throws UserError When a demo image is unknown, or can neither be pulled nor built.
 */
export async function ensureImages(
  engine: Engine,
  images: readonly string[],
  options: ImagesOptions = {},
): Promise<void> {
  const docker = dockerCommand(engine);
  const { missing, stale } = await outdated(docker, images, options.catalogue);
  if (missing.length + stale.length > 0) {
    await make(engine, docker, [...missing, ...stale], new Registry(docker, options));
  }
}

/** The names of the demo images that `ensureImages` would make, and does not. */
export async function demosToMake(
  engine: Engine,
  images: readonly string[],
): Promise<{ readonly missing: readonly string[]; readonly stale: readonly string[] }> {
  const { missing, stale } = await outdated(dockerCommand(engine), images);
  return { missing: missing.map(({ name }) => name), stale: stale.map(({ name }) => name) };
}

/** The demo images that are not there, and those that are not as this clone describes them. */
async function outdated(
  docker: DockerCommand,
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

/** A demo image and the files that it is made of. */
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
  const files = readContext(join(projectRoot, "images", image.folder));
  const recipes = [
    baseRecipe(suite),
    ...(image.ingredients.includes("ferretdb") ? [ferretdbRecipe] : []),
  ];
  return { ...image, suite, files, key: contextKey(files, recipes) };
}

async function make(
  engine: Engine,
  docker: DockerCommand,
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
    await build(engine, docker, toBuild, registry);
  }
}

/** Gives the official image our name; whether it could be had. */
async function useOfficial(
  docker: DockerCommand,
  registry: Registry,
  { name, official = "" }: Described,
): Promise<boolean> {
  const reference = registry.reference(official);
  const there = (await findImages(docker, [reference])).length > 0;
  if (!there && !(await registry.pull(official))) {
    return false;
  }
  await docker(["tag", reference, name]);
  return true;
}

async function build(
  engine: Engine,
  docker: DockerCommand,
  images: readonly Described[],
  registry: Registry,
): Promise<void> {
  const { stdout } = await docker(["version", "--format", "{{.Server.Arch}}"]);
  const architecture = stdout.trim();
  const bases = new Map<Suite, string | undefined>();
  for (const suite of new Set(images.map((image) => image.suite))) {
    bases.set(suite, await findBase(docker, registry, architecture, suite));
  }
  const needed = ingredientsOf(images, architecture);

  const missing: { name: string; make: (progress: Step) => Promise<void> }[] = [
    ...[...bases].flatMap(([suite, base]) =>
      base === undefined
        ? [{ name: `a minimal Debian ${suite}`, make: () => makeBase(engine, docker, suite) }]
        : [],
    ),
    ...needed.filter(({ path }) => !existsSync(path)),
  ];
  if (missing.length > 0) {
    const title = `Making ${missing.map(({ name }) => name).join(" and ")} for the demo images`;
    // Both at once: one waits for the network while the other compiles.
    await step(title, (progress) => allOf(missing.map(({ make }) => make(progress))));
  }
  for (const image of images) {
    const parts = needed.filter(({ ingredient }) => image.ingredients.includes(ingredient));
    const made = Object.fromEntries(parts.map(({ as, path }) => [as, path]));
    await buildOne(docker, image, bases.get(image.suite) ?? baseImage(image.suite), made);
  }
}

/** What has to be made outside of the images' folders: where it is then, and what the build calls it. */
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

/** The base to build on; undefined when one must be made, and can be. */
async function findBase(
  docker: DockerCommand,
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
  await prepareBase(architecture, registry.unreachable ?? `${official} is not to be had`);
  return undefined;
}

async function buildOne(
  docker: DockerCommand,
  image: Described,
  base: string,
  made: Readonly<Record<string, string>>,
): Promise<void> {
  await step(`Building the demo image ${image.name}`, (progress) =>
    withContext(image.files, made, (folder) =>
      // The engine gives the name at the very end: an interrupted build has none.
      docker(
        [
          "build",
          "--network=host",
          `--build-arg=BASE=${base}`,
          `--label=${KEY_LABEL}=${image.key}`,
          `--tag=${image.name}`,
          folder,
        ],
        { onLine: (line) => progress.detail(line) },
      ),
    ),
  );
}

/** Waits for all, even when one fails: nothing is left running behind an error. */
async function allOf(works: readonly Promise<unknown>[]): Promise<void> {
  const results = await Promise.allSettled(works);
  for (const result of results) {
    if (result.status === "rejected") {
      throw result.reason;
    }
  }
}
