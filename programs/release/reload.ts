import { setTimeout as sleep } from "node:timers/promises";
import { httpBody } from "../../render/httpProbe.ts";
import { FIRST_WORD_SECONDS, oldWorkers, TITLES } from "../../render/nginxWorkers.ts";
import { CLOSING_FILE } from "../../render/proxySignals.ts";
import { type Docker, DockerError } from "../docker/docker.ts";
import { UserError } from "../errors.ts";

/** How long new workers may take to start, and old ones to hear that they are to go. */
const PATIENCE_MS = 15_000;

/** How long an old worker may serve what comes on connections of before, amply. */
const LAST_WORDS_MS = (FIRST_WORD_SECONDS + 1) * 1000;

interface Proxy {
  readonly container: string;
  readonly statusPort: number;
}

/**
 * Reloads the proxy, if there is one, and waits until it serves the release, and nothing else:
 * `nginx -s reload` alone says nothing about that. No client finds its connection closed with a request
 * on the way.
 */
export async function reloadProxy(docker: Docker, proxy: Proxy, digest: string): Promise<void> {
  const info = await docker.inspect<{ State: { Running: boolean } }>("container", proxy.container);
  if (!info?.State.Running) {
    // It will start with the release that `current` names.
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

/** The same without a word to clients beforehand, and of a proxy that runs. */
export async function reloadAtOnce(docker: Docker, proxy: Proxy, digest: string): Promise<void> {
  await lastWords(docker, proxy, await switchTo(docker, proxy, digest));
}

/** Gives the processes of before the reload, once none of those workers accepts connections. */
async function switchTo(docker: Docker, proxy: Proxy, digest: string): Promise<string> {
  const before = await titles(docker, proxy);
  // Not `docker kill -s HUP`: after it an unless-stopped container stays away at the next boot (moby#47792).
  await docker.run([
    "exec",
    proxy.container,
    "nginx",
    "-e",
    "stderr",
    "-c",
    "/release/current/nginx.conf",
    "-s",
    "reload",
  ]);

  let serving: string | undefined;
  let accepting = 0;
  for (const start = Date.now(); Date.now() - start < PATIENCE_MS; await sleep(50)) {
    serving = (await status(docker, proxy, "release")) ?? serving;
    if (serving === digest) {
      // For a moment the old ones accept beside the new: a caller that was shut out gets in by them.
      accepting = oldWorkers(before, await titles(docker, proxy)).accepting.length;
      if (accepting === 0) {
        return before;
      }
    }
  }
  const fault =
    serving === digest
      ? `${accepting} workers of the release before accept connections beside those of ${digest}`
      : `still serves the release ${serving ?? "nothing"} instead of ${digest}`;
  throw new UserError(
    `${proxy.container} was reloaded and ${fault}: see \`docker logs --tail 20 ${proxy.container}\``,
  );
}

/**
 * Waits until the old workers are gone, or have nothing left but requests that they let in before: on
 * a connection of before they answer one more by their own release.
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

/** What the proxy's status port tells, or undefined. */
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
