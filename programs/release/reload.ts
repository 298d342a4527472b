import { setTimeout as sleep } from "node:timers/promises";
import { httpBody } from "../../render/httpProbe.ts";
import { CLOSING_FILE } from "../../render/proxySignals.ts";
import { type Docker, DockerError } from "../docker/docker.ts";
import { UserError } from "../errors.ts";

/** How long new workers may take to start. */
const PATIENCE_MS = 15_000;

/** How long the master lets new workers start before it stops the old ones, amply. */
const OVERLAP_MS = 1000;

interface Proxy {
  readonly container: string;
  readonly statusPort: number;
}

/**
 * Reloads the proxy, if there is one, and waits until it serves the release: `nginx -s reload` alone
 * says nothing about that. No client finds its connection closed with a request on the way.
 */
export async function reloadProxy(docker: Docker, proxy: Proxy, digest: string): Promise<void> {
  const info = await docker.inspect<{ State: { Running: boolean } }>("container", proxy.container);
  if (!info?.State.Running) {
    // It will start with the release that `current` names.
    return;
  }
  const lingerSeconds = Number((await status(docker, proxy, "linger")) ?? 0);
  if (lingerSeconds === 0) {
    return reload(docker, proxy, digest);
  }
  await docker.run(["exec", proxy.container, "sh", "-c", ': >> "$1"', "sh", CLOSING_FILE]);
  try {
    await sleep(lingerSeconds * 1000);
    await reload(docker, proxy, digest);
    await sleep(OVERLAP_MS);
  } finally {
    await docker.run(["exec", proxy.container, "rm", "-f", CLOSING_FILE]);
  }
}

async function reload(docker: Docker, proxy: Proxy, digest: string): Promise<void> {
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
  for (const start = Date.now(); Date.now() - start < PATIENCE_MS; await sleep(100)) {
    serving = (await status(docker, proxy, "release")) ?? serving;
    if (serving === digest) {
      return;
    }
  }
  throw new UserError(
    `${proxy.container} was reloaded and still serves the release ${serving ?? "nothing"} instead of ${digest}: ` +
      `see \`docker logs --tail 20 ${proxy.container}\``,
  );
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
