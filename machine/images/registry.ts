/** The registry that has the official images, if there is one that can be reached. */
import { UserError } from "../../programs/errors.ts";
import { step } from "../progress.ts";
import type { DockerCommand, DockerResult } from "./dockerCommand.ts";

/** How long a registry may take to say what it will send. */
const FIRST_WORD_MS = 20_000;
/** How long nothing at all may come of a layer: a slow line, not a dead one. */
const SILENCE_MS = 300_000;

export interface RegistryOptions {
  /**
   * The registry to ask instead of Docker Hub, `HOST[:PORT][/PATH]`: a mirror that has its images under the
   * same paths, those of one word under `library/`. @default the environment's CYBEXP_REGISTRY
   */
  readonly registry?: string | undefined;
  /** @default 20000 */
  readonly firstWordMs?: number;
}

/** Pulls official images. Once the registry turns out not to be reachable it is not asked again. */
export class Registry {
  /** Why there is no registry, once that is known. */
  unreachable: string | undefined;

  readonly #docker: DockerCommand;
  readonly #prefix: string;
  readonly #firstWordMs: number;

  constructor(docker: DockerCommand, options: RegistryOptions = {}) {
    this.#docker = docker;
    this.#prefix = registryPrefix(options.registry ?? process.env["CYBEXP_REGISTRY"]);
    this.#firstWordMs = options.firstWordMs ?? FIRST_WORD_MS;
  }

  /** The name to pull an official image by. */
  reference(official: string): string {
    return this.#prefix === "" ? official : `${this.#prefix}${hubPath(official)}`;
  }

  /** Makes the engine have the image: whether it has. */
  async pull(official: string): Promise<boolean> {
    if (this.unreachable !== undefined) {
      return false;
    }
    const reference = this.reference(official);
    return await step(`Pulling ${reference}`, async (progress) => {
      const abort = new AbortController();
      let timer = setTimeout(() => abort.abort(), this.#firstWordMs);
      const result = await this.#docker(["pull", reference], {
        mayFail: true,
        signal: abort.signal,
        onLine: (line) => {
          clearTimeout(timer);
          timer = setTimeout(() => abort.abort(), SILENCE_MS);
          progress.detail(line);
        },
      }).finally(() => clearTimeout(timer));
      const outcome = pullOutcome(result, abort.signal.aborted);
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
  /** There is one, and it does not have the image, or not for us. */
  | { readonly had: "no image"; readonly why: string }
  | { readonly had: "no registry"; readonly why: string };

/** What a pull's end says about the registry. */
export function pullOutcome(result: DockerResult, tookTooLong: boolean): PullOutcome {
  if (result.ok) {
    return { had: "image" };
  }
  if (tookTooLong) {
    return { had: "no registry", why: "no answer in time" };
  }
  const line = result.stderr.trim().split("\n").at(-1) ?? "";
  const why = line.replace(/^Error response from daemon: /, "") || "no output";
  const answered =
    /manifest unknown|not found|access denied|unauthorized|denied:|toomanyrequests|no matching manifest/i;
  return { had: answered.test(why) ? "no image" : "no registry", why };
}

/** `""` for Docker's own default, which also knows the engine's mirrors. */
export function registryPrefix(registry: string | undefined): string {
  const name = registry?.trim();
  if (!name) {
    return "";
  }
  if (!/^[a-z0-9.-]+(:\d{1,5})?(\/[a-z0-9._/-]*[a-z0-9])?$/i.test(name)) {
    throw new UserError(
      `CYBEXP_REGISTRY is "${name}": write HOST, HOST:PORT or HOST:PORT/PATH, without https:// ` +
        "and without a slash at the end.",
    );
  }
  return `${name}/`;
}

/** Where Docker Hub itself has an image: one of its own is named by a single word. */
export const hubPath = (image: string): string =>
  image.includes("/") ? image : `library/${image}`;
