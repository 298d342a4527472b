/** Pulls images from a registry. */
import { type Docker, DockerError, type RunOptions } from "../docker/docker.ts";
import { UserError } from "../errors.ts";

/**
 * Pulls an image, unless the engine has it.
 *
 * @throws UserError with the cause, and what to do
 */
export async function pullImage(
  docker: Docker,
  image: string,
  options: RunOptions = {},
): Promise<void> {
  if (await docker.inspect("image", image)) {
    return;
  }
  await explained(image, () => docker.run(["pull", "--quiet", image], options));
}

/**
 * Checks that an image is on the engine or can be pulled. Pulls nothing.
 *
 * @throws UserError with the cause, and what to do
 */
export async function requireImage(docker: Docker, image: string): Promise<void> {
  if (await docker.inspect("image", image)) {
    return;
  }
  await explained(image, () => docker.run(["manifest", "inspect", ...plainHttp(image), image]));
}

/** The engine accepts a registry on loopback without TLS. This command needs a flag for it. */
const plainHttp = (image: string) =>
  /^(localhost|127\.[\d.]+|\[::1\])(:\d+)?\//.test(image) ? ["--insecure"] : [];

async function explained(image: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw error instanceof DockerError ? new UserError(refusal(image, error.output)) : error;
  }
}

/**
 * Why an image can't be pulled, in one sentence.
 *
 * @param words The output of `docker pull` or `docker manifest inspect`.
 */
export function refusal(image: string, words: string): string {
  const registry = registryOf(image);
  const line = words.trim().split("\n").at(-1) ?? "";
  const said = line.replace(/^Error response from daemon: /, "") || "no message";
  const login = `\`docker login${registry === DOCKER_HUB ? "" : ` ${registry}`}\``;
  if (/executable file not found|error getting credentials/i.test(words)) {
    return `the image ${image} can't be pulled: the credential helper for ${registry} fails (${said}); see credsStore and credHelpers in Docker's config.json`;
  }
  if (/manifest unknown|no such manifest|not found: manifest|name unknown/i.test(words)) {
    return `the image ${image} can't be pulled: ${registry} has no such image; check its name, tag and digest`;
  }
  if (/unauthorized|authentication required|no basic auth|denied|forbidden/i.test(words)) {
    return `the image ${image} can't be pulled: ${registry} refuses access; log in with ${login} on this machine and as this user, or correct the image's name`;
  }
  if (/no matching manifest/i.test(words)) {
    return `the image ${image} can't be pulled: ${registry} does not have it for the engine's processor architecture`;
  }
  if (/toomanyrequests/i.test(words)) {
    return `the image ${image} can't be pulled: ${registry} has received too many requests from here; log in with ${login}, or wait`;
  }
  return `the image ${image} can't be pulled: ${registry} does not answer like a registry (${said})`;
}

const DOCKER_HUB = "docker.io";

/** Follows Docker's rule: the first part is a host if it has a dot or a port, or is localhost. */
export function registryOf(image: string): string {
  const [first = "", ...rest] = image.split("/");
  return rest.length > 0 && /[.:]|^localhost$/.test(first) ? first : DOCKER_HUB;
}
