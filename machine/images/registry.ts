/** The registry that has the official images, if it can be reached. */
import type { ChildResult } from "../../programs/docker/child.ts";
import type { Docker } from "../../programs/docker/docker.ts";
import { UserError } from "../../programs/errors.ts";
import { step } from "../progress.ts";

/** How long a registry may take until its first line of output. */
const FIRST_WORD_MS = 20_000;
/** How long a pull may be silent after that. Allows for a slow line. */
const SILENCE_MS = 300_000;

export interface RegistryOptions {
  /**
   * The registry to use instead of Docker Hub, `HOST[:PORT][/PATH]`: a mirror that has its images under the
   * same paths, those of one word under `library/`. @default the environment's CYBEXP_REGISTRY
   */
  readonly registry?: string | undefined;
  /** @default 20000 */
  readonly firstWordMs?: number;
}

/** Pulls official images. A registry that turns out to be unreachable is not asked again. */
export class Registry {
  /** Why there is no registry, once that is known. */
  unreachable: string | undefined;

  readonly #docker: Docker;
  readonly #prefix: string;
  readonly #firstWordMs: number;

  constructor(docker: Docker, options: RegistryOptions = {}) {
    this.#docker = docker;
    this.#prefix = registryPrefix(options.registry ?? process.env["CYBEXP_REGISTRY"]);
    this.#firstWordMs = options.firstWordMs ?? FIRST_WORD_MS;
  }

  /** The name to pull an official image by. */
  reference(official: string): string {
    return this.#prefix === "" ? official : `${this.#prefix}${hubPath(official)}`;
  }

  /** Pulls the image. Returns whether the engine has it now. */
  async pull(official: string): Promise<boolean> {
    if (this.unreachable !== undefined) {
      return false;
    }
    const reference = this.reference(official);
    return await step(`Pulling ${reference}`, async (progress) => {
      const abort = new AbortController();
      let timer = setTimeout(() => abort.abort(), this.#firstWordMs);
      const result = await this.#docker
        .attempt(["pull", reference], {
          timeoutSeconds: Infinity,
          signal: abort.signal,
          onLine: (line) => {
            clearTimeout(timer);
            timer = setTimeout(() => abort.abort(), SILENCE_MS);
            progress.detail(line);
          },
        })
        .catch((error: unknown) => {
          if (!abort.signal.aborted) {
            throw error;
          }
          return undefined;
        })
        .finally(() => clearTimeout(timer));
      const outcome = pullOutcome(result);
      if (outcome.had === "no registry") {
        this.unreachable = outcome.why;
      }
      if (outcome.had !== "image") {
        process.stderr.write(`  ${outcome.had}: ${outcome.why}\n`);
      }
      return outcome.had === "image";
    });
  }
}

export type PullOutcome =
  | { readonly had: "image" }
  /** There is a registry, but it does not have the image, or refuses it to us. */
  | { readonly had: "no image"; readonly why: string }
  | { readonly had: "no registry"; readonly why: string };

/** What the result of a pull says about the registry. A pull that took too long has no result. */
export function pullOutcome(result: Pick<ChildResult, "code" | "stderr"> | undefined): PullOutcome {
  if (result === undefined) {
    return { had: "no registry", why: "no answer in time" };
  }
  if (result.code === 0) {
    return { had: "image" };
  }
  const line = result.stderr.trim().split("\n").at(-1) ?? "";
  const why = line.replace(/^Error response from daemon: /, "") || "no output";
  const answered =
    /manifest unknown|not found|access denied|unauthorized|denied:|toomanyrequests|no matching manifest/i;
  return { had: answered.test(why) ? "no image" : "no registry", why };
}

/** `""` for Docker's own default, which also uses the engine's mirrors. */
export function registryPrefix(registry: string | undefined): string {
  const name = registry?.trim();
  if (!name) {
    return "";
  }
  if (!/^[a-z0-9.-]+(:\d{1,5})?(\/[a-z0-9._/-]*[a-z0-9])?$/i.test(name)) {
    throw new UserError(
      `CYBEXP_REGISTRY is "${name}": use HOST, HOST:PORT or HOST:PORT/PATH, without https:// ` +
        "and without a slash at the end.",
    );
  }
  return `${name}/`;
}

/** Where Docker Hub itself has an image: one of its own is named by a single word. */
export const hubPath = (image: string): string =>
  image.includes("/") ? image : `library/${image}`;
