/** Demo images in the place of those that this machine's engine can't get. */
import { createHash } from "node:crypto";
import { REHEARSAL_IMAGES } from "../../names/docker.ts";
import { isDemoImage } from "../../settings/images.ts";
import type { Docker } from "../../programs/docker/docker.ts";
import { step } from "../../machine/progress.ts";

/** The demo image for each key of the config that names an image. */
const DEMO: Readonly<Record<string, string>> = {
  kms: "cybexp-demo/kms:1",
  backend: "cybexp-demo/backend:1",
  database: "cybexp-demo/mongo:1",
  proxy: "cybexp-demo/nginx:1",
  kapow: "cybexp-demo/kapow:1",
};

/** How long a registry may take for an image. */
const PULL_SECONDS = 300;

/** An image that the config asks for, and the key that does. */
export interface Part {
  readonly key: string;
  readonly reference: string;
}

/** A reference for the demo image that is of no other image's: a change of the real one shows. */
export function substituteFor({ key, reference }: Part): string {
  const digest = createHash("sha256").update(reference).digest("hex").slice(0, 12);
  return `${REHEARSAL_IMAGES}/${key}:${digest}`;
}

/** The parts whose image is neither on the engine nor to be pulled, each once. */
export async function missingImages(
  docker: Pick<Docker, "attempt">,
  parts: readonly Part[],
): Promise<Part[]> {
  const missing: Part[] = [];
  const answers = new Map<string, boolean>();
  for (const part of parts) {
    const { key, reference } = part;
    if (isDemoImage(reference) || DEMO[key] === undefined) {
      continue;
    }
    const had = answers.get(reference) ?? (await has(docker, reference));
    answers.set(reference, had);
    if (!had) {
      missing.push(part);
    }
  }
  return missing;
}

async function has(docker: Pick<Docker, "attempt">, reference: string): Promise<boolean> {
  if ((await docker.attempt(["image", "inspect", reference])).code === 0) {
    return true;
  }
  return step(`Pulling ${reference}`, async (progress) => {
    const { code } = await docker.attempt(["pull", reference], {
      timeoutSeconds: PULL_SECONDS,
      onLine: (line) => progress.detail(line),
    });
    if (code !== 0) {
      process.stderr.write("  not to be had here: a demo image stands in for it\n");
    }
    return code === 0;
  });
}

/** The demo images that are their substitutes. */
export function demosFor(parts: readonly Part[]): string[] {
  return [...new Set(parts.flatMap(({ key }) => DEMO[key] ?? []))];
}

/** Gives the demo images, which are there, the references that the rehearsal knows them by. */
export async function tagSubstitutes(docker: Docker, parts: readonly Part[]): Promise<void> {
  for (const part of parts) {
    await docker.run(["tag", DEMO[part.key] ?? "", substituteFor(part)]);
  }
}

/** Takes those references away again; the demo images stay. */
export async function untagSubstitutes(docker: Docker, parts: readonly Part[]): Promise<void> {
  if (parts.length > 0) {
    // A run that was stopped may not have got to them.
    await docker.attempt(["image", "rm", ...parts.map(substituteFor)]);
  }
}
