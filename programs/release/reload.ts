import { setTimeout as sleep } from "node:timers/promises";
import { httpBody } from "../../render/httpProbe.ts";
import { FIRST_WORD_SECONDS, oldWorkers, TITLES } from "../../render/nginxWorkers.ts";
import { CLOSING_FILE, PROXY_ENTRYPOINT } from "../../render/proxySignals.ts";
import { type Docker, DockerError } from "../docker/docker.ts";
import { UserError } from "../errors.ts";

/** How long new workers may take to start, and old ones to stop accepting connections. */
const PATIENCE_MS = 15_000;

/** How long an old worker may go on serving new requests on its old connections, with some margin. */
const LAST_WORDS_MS = (FIRST_WORD_SECONDS + 1) * 1000;

interface Proxy {
  readonly container: string;
  readonly statusPort: number;
}

/**
 * Reloads the proxy, if there is one, and waits until it serves this release and nothing else, which
 * `nginx -s reload` does not tell. No client has its connection closed while it sends a request.
 */
export async function reloadProxy(docker: Docker, proxy: Proxy, digest: string): Promise<void> {
  const info = await docker.inspect<{ State: { Running: boolean } }>("container", proxy.container);
  if (!info?.State.Running) {
    // It will start with the release that `current` points to.
    return;
  }
  const lingerSeconds = Number((await status(docker, proxy, "linger")) ?? 0);
  if (lingerSeconds === 0) {
    return reloadAtOnce(docker, proxy, digest);
  }
  let before: string;
  try {
    do {
      await docker.run(["exec", proxy.container, "sh", "-c", ': >> "$1"', "sh", CLOSING_FILE]);
      await sleep(lingerSeconds * 1000);
      // The health check takes it away where it reloads Nginx meanwhile, for a renewed certificate.
    } while (!(await isAnnounced(docker, proxy)));
    before = await switchTo(docker, proxy, digest);
  } finally {
    await docker.run(["exec", proxy.container, "rm", "-f", CLOSING_FILE]);
  }
  await lastWords(docker, proxy, before);
}

async function isAnnounced(docker: Docker, { container }: Proxy): Promise<boolean> {
  const script = 'if [ -e "$1" ]; then echo yes; fi';
  return (await docker.run(["exec", container, "sh", "-c", script, "sh", CLOSING_FILE])) !== "";
}

/** The same for a running proxy, without telling clients beforehand. */
export async function reloadAtOnce(docker: Docker, proxy: Proxy, digest: string): Promise<void> {
  await lastWords(docker, proxy, await switchTo(docker, proxy, digest));
}

/** Returns the processes before the reload, once none of the old workers accepts connections. */
async function switchTo(docker: Docker, proxy: Proxy, digest: string): Promise<string> {
  const before = await titles(docker, proxy);
  // After `docker kill -s HUP`, an unless-stopped container would not start at the next boot (moby#47792).
  await docker.run(["exec", proxy.container, ...PROXY_ENTRYPOINT, "-s", "reload"]);

  let serving: string | undefined;
  let accepting = 0;
  for (const start = Date.now(); Date.now() - start < PATIENCE_MS; await sleep(50)) {
    serving = (await status(docker, proxy, "release")) ?? serving;
    if (serving === digest) {
      // For a moment, old workers accept connections beside the new ones, and would let in a revoked caller.
      accepting = oldWorkers(before, await titles(docker, proxy)).accepting.length;
      if (accepting === 0) {
        return before;
      }
    }
  }
  const fault =
    serving === digest
      ? `${accepting} workers of the previous release still accept connections beside those of ${digest}`
      : `still serves the release ${serving ?? "nothing"} instead of ${digest}`;
  throw new UserError(
    `${proxy.container} was reloaded, but ${fault}: see \`docker logs --tail 20 ${proxy.container}\``,
  );
}

/**
 * Waits until the old workers are gone, or only finish requests that they have accepted: on an old
 * connection, they answer one more request with the old release.
 */
async function lastWords(docker: Docker, proxy: Proxy, before: string): Promise<void> {
  for (const start = Date.now(); Date.now() - start < LAST_WORDS_MS; await sleep(100)) {
    if (oldWorkers(before, await titles(docker, proxy)).leaving.length === 0) {
      return;
    }
  }
}

function titles(docker: Docker, { container }: Proxy): Promise<string> {
  return docker.run(["exec", container, ...TITLES]);
}

/** The answer of the proxy's status port; undefined if there is none. */
async function status(docker: Docker, proxy: Proxy, path: string): Promise<string | undefined> {
  const question = { host: "127.0.0.1", port: proxy.statusPort, path: `/${path}`, seconds: 2 };
  try {
    const text = await docker.run(["exec", proxy.container, ...httpBody(question)]);
    return text.trim();
  } catch (error) {
    if (error instanceof DockerError) {
      return undefined;
    }
    throw error;
  }
}
