/** Uses demo images in place of those that this machine's engine can't pull. */
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
  collector: "cybexp-demo/collector:1",
  kapow: "cybexp-demo/kapow:1",
};

/** How long pulling an image may take. */
const PULL_SECONDS = 300;

/** An image in the config, and its key. */
export interface Part {
  readonly key: string;
  readonly reference: string;
}

/** A reference for the demo image. It depends on the real image, so that a change to that one shows. */
export function substituteFor({ key, reference }: Part): string {
  const digest = createHash("sha256").update(reference).digest("hex").slice(0, 12);
  return `${REHEARSAL_IMAGES}/${key}:${digest}`;
}

/** The parts whose image is not on the engine and can't be pulled, each once. */
export async function missingImages(
  docker: Pick<Docker, "attempt">,
  parts: readonly Part[],
): Promise<Part[]> {
  const missing: Part[] = [];
  const answers = new Map<string, boolean>();
  for (const part of parts) {
    const { key, reference } = part;
    const isKnown = missing.some((one) => one.key === key && one.reference === reference);
    if (isKnown || isDemoImage(reference) || DEMO[key] === undefined) {
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
      process.stderr.write("  can't be pulled here: a demo image stands in for it\n");
    }
    return code === 0;
  });
}

/** The demo images that are the substitutes of these parts. */
export function demosFor(parts: readonly Part[]): string[] {
  return [...new Set(parts.flatMap(({ key }) => DEMO[key] ?? []))];
}

/** Tags the existing demo images with the references that the rehearsal uses. */
export async function tagSubstitutes(docker: Docker, parts: readonly Part[]): Promise<void> {
  for (const part of parts) {
    await docker.run(["tag", DEMO[part.key] ?? "", substituteFor(part)]);
  }
}

/** Removes those references again. The demo images stay. */
export async function untagSubstitutes(docker: Docker, parts: readonly Part[]): Promise<void> {
  if (parts.length > 0) {
    // An interrupted run may not have created them.
    await docker.attempt(["image", "rm", ...parts.map(substituteFor)]);
  }
}
